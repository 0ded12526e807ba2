# SPDX-License-Identifier: Apache-2.0
"""A: what the class says about itself, before it is made."""

import re

import msgspec

from gateway.conformance.breach import Breach, demand
from gateway.conformance.check import check
from gateway.conformance.lab import Lab
from gateway.errors import SetupError, Text
from gateway.sdk import API_VERSIONS
from gateway.sdk.declaration import check_class

_CHINESE = re.compile(r"[\u4e00-\u9fff]")


@check(
    "YZ-A01",
    Text("The gateway loads the class", "网关能够加载该适配器类"),
    Text("Mend what the text names; the gateway refuses it with the same words.",
         "按提示修改声明；网关启动时会以相同理由拒绝。"),
)  # fmt: skip
async def loads(lab: Lab) -> None:
    adapter = lab.subject.adapter
    try:
        check_class(getattr(adapter, "plugin", "?"), adapter, "the distribution")
    except SetupError as error:
        demand(holds=False, otherwise=error.detail)


@check(
    "YZ-A02",
    Text("Settings refuse unknown keys", "配置项拒绝未知键"),
    Text("Derive the settings from msgspec.Struct with frozen=True, forbid_unknown_fields=True.",
         "settings_type 须为 frozen=True、forbid_unknown_fields=True 的 msgspec.Struct。"),
)  # fmt: skip
async def refuses_unknown_settings(lab: Lab) -> None:
    unknown = {**lab.subject.settings, "no_such_setting": 1}
    try:
        msgspec.convert(unknown, lab.subject.adapter.settings_type, strict=True)
    except msgspec.ValidationError:
        return
    demand(holds=False, otherwise="a setting that does not exist was accepted")


@check(
    "YZ-A03",
    Text("Settings refuse values of another type", "配置项拒绝类型不符的值"),
    Text("Give each setting its narrowest type, not `object` or `Any`.",
         "为每个配置项声明最窄的类型，不要使用 object 或 Any。"),
)  # fmt: skip
async def refuses_mistyped_settings(lab: Lab) -> None:
    for name in lab.subject.settings:
        wrong = {**lab.subject.settings, name: [[None]]}
        try:
            msgspec.convert(wrong, lab.subject.adapter.settings_type, strict=True)
        except msgspec.ValidationError:
            continue
        demand(holds=False, otherwise=f"the setting `{name}` takes anything")


@check(
    "YZ-A04",
    Text("Secrets come by reference", "密钥只以引用方式配置"),
    Text("Take a reference as a setting and resolve it in `open` with `context.secret`.",
         "配置项只写引用，在 open 中以 context.secret 取得。"),
)  # fmt: skip
async def takes_secrets_by_reference(lab: Lab) -> None:
    settings = msgspec.json.encode(lab.subject.settings).decode()
    for secret in lab.subject.secrets.values():
        demand(secret not in settings, "a setting holds the text of a secret")
    words = re.compile(r"(password|passwd|secret|token|口令|密码)$", re.IGNORECASE)
    for name, value in lab.subject.settings.items():
        if isinstance(value, str) and words.search(name):
            demand(
                value.startswith(("file:", "env:")),
                f"the setting `{name}` is a secret, and no reference to one",
            )


@check(
    "YZ-A05",
    Text("Titles are in Chinese and English", "名称均有中英文"),
    Text("Write Text(english, chinese) for each certificate and field.",
         "为每个证照与字段写 Text(英文, 中文)。"),
)  # fmt: skip
async def speaks_both_languages(lab: Lab) -> None:
    for certificate in lab.subject.adapter.certificates:
        _demand_both(certificate.title, certificate.name)
        for field in certificate.fields:
            _demand_both(field.title, f"{certificate.name}: {field.name}")


def _demand_both(title: Text, where: str) -> None:
    demand(bool(title.en.strip()) and title.en.isascii(), f"{where} has no English title")
    demand(bool(_CHINESE.search(title.zh)), f"{where} has no Chinese title")


@check(
    "YZ-A06",
    Text("The class says which system it asks", "类文档说明所访问的系统"),
    Text("Write a docstring of one line or more: department, system, protocol.",
         "为类写文档字符串：部门、系统、协议。"),
)  # fmt: skip
async def says_what_it_asks(lab: Lab) -> None:
    own = lab.subject.adapter.__dict__.get("__doc__")
    demand(bool(own and own.strip()), "the class has no docstring")


@check(
    "YZ-A07",
    Text("The department is named in both languages", "部门名称有中英文"),
    Text("Set `department = Text(english, chinese)` in the class.", "在类中设置 department = Text(英文, 中文)。"),
)  # fmt: skip
async def department_is_named(lab: Lab) -> None:
    department = getattr(lab.subject.adapter, "department", None)
    if not isinstance(department, Text):
        raise Breach("the class has no `department`")
    _demand_both(department, "department")


@check(
    "YZ-A08",
    Text("The contract version is one that this gateway runs", "适配器契约版本在网关支持范围内"),
    Text("Set `api_version` to the contract that the adapter was written for (docs/explanation/api-version.md).",
         "api_version 须为编写时所依据的契约版本。"),
)  # fmt: skip
async def version_is_in_range(lab: Lab) -> None:
    version = getattr(lab.subject.adapter, "api_version", None)
    is_known = isinstance(version, int) and not isinstance(version, bool)
    demand(is_known and version in API_VERSIONS, f"api_version is {version}")
