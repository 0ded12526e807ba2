# SPDX-License-Identifier: Apache-2.0
"""B: fields, their sensitivity, code lists, and how long an answer may be kept."""

from gateway.conformance.breach import demand, listed
from gateway.conformance.check import check
from gateway.conformance.lab import Lab
from gateway.crypto.sdjwt import RESERVED_NAMES
from gateway.errors import Text


@check(
    "YZ-B01",
    Text("Every certificate has a sample that is found and one that is not", "每种证照均有查到与查无的样例"),
    Text("Add `[[found]]` and `[[not_found]]` for the certificate.",
         "为该证照补充 found 与 not_found 样例。"),
)  # fmt: skip
async def samples_cover_certificates(lab: Lab) -> None:
    subject = lab.subject
    declared = {certificate.name for certificate in subject.adapter.certificates}
    for what, samples in (("found", subject.found), ("not found", subject.not_found)):
        shown = {subject.certificate_of(sample).name for sample in samples}
        demand(declared <= shown, f"no sample is {what} for {listed(declared - shown)}")


@check(
    "YZ-B02",
    Text("Every field is shown by a sample", "每个字段均有样例值"),
    Text("Add a holder whose record has a value there, or drop a field that never has one.",
         "补充含该字段值的样例，或删除从不取值的字段。"),
    level="advisory",
)  # fmt: skip
async def samples_cover_fields(lab: Lab) -> None:
    for certificate in lab.subject.adapter.certificates:
        shown = {
            name
            for sample in lab.subject.found
            if lab.subject.certificate_of(sample) is certificate
            for name in sample.fields
        }
        missing = certificate.field_names - shown
        demand(not missing, f"{certificate.name}: no sample has {listed(missing)}")


@check(
    "YZ-B03",
    Text("The holder's number is a sensitive field", "证件号码字段为敏感级"),
    Text("Declare the holder_field as a `string` of sensitivity `sensitive`.",
         "holder_field 须为 string 类型、sensitive 级。"),
)  # fmt: skip
async def number_is_sensitive(lab: Lab) -> None:
    for certificate in lab.subject.adapter.certificates:
        for field in certificate.fields:
            if field.name == certificate.holder_field and "cn-id" in certificate.schemes:
                sound = field.type == "string" and field.sensitivity == "sensitive"
                demand(sound, f"{certificate.name}: {field.name} is {field.sensitivity}")


@check(
    "YZ-B04",
    Text("The holder's name is personal and text", "姓名字段为个人信息级"),
    Text("Declare the name_field as a `string` of sensitivity `personal` or `sensitive`.",
         "name_field 须为 string 类型、personal 或 sensitive 级。"),
)  # fmt: skip
async def name_is_personal(lab: Lab) -> None:
    for certificate in lab.subject.adapter.certificates:
        for field in certificate.fields:
            if field.name == certificate.name_field and "cn-id" in certificate.schemes:
                sound = field.type == "string" and field.sensitivity != "normal"
                demand(sound, f"{certificate.name}: {field.name} is {field.sensitivity}")


@check(
    "YZ-B05",
    Text("Life and scope of a cached answer fit together", "缓存时长与范围一致"),
    Text("Set ttl_s and cache_scope both, or neither: `never` with a life is never used.",
         "ttl_s 与 cache_scope 须同时设置或同时不设。"),
)  # fmt: skip
async def cache_is_consistent(lab: Lab) -> None:
    for certificate in lab.subject.adapter.certificates:
        demand(
            (certificate.ttl_s > 0) == (certificate.cache_scope != "never"),
            f"{certificate.name}: ttl_s {certificate.ttl_s}, scope {certificate.cache_scope}",
        )


@check(
    "YZ-B06",
    Text("What is about a person is never cached for everybody", "涉及个人的答复不得公共缓存"),
    Text("Use `case` or `agency_purpose`; `public` is for what a register publishes.",
         "请用 case 或 agency_purpose；public 仅用于依法公开的登记信息。"),
)  # fmt: skip
async def personal_is_not_public(lab: Lab) -> None:
    for certificate in lab.subject.adapter.certificates:
        public = certificate.cache_scope == "public"
        personal = [f.name for f in certificate.fields if f.sensitivity != "normal"]
        demand(
            not (public and (personal or "cn-id" in certificate.schemes)),
            f"{certificate.name} is cached for everybody",
        )


@check(
    "YZ-B07",
    Text("Every code has its list", "代码字段均有代码表"),
    Text("Give `Field.codes`: words by code; an answer outside the list is refused.",
         "为字段给出 codes：代码对应的中英文含义；表外取值会被拒绝。"),
    level="advisory",
)  # fmt: skip
async def codes_are_listed(lab: Lab) -> None:
    for certificate in lab.subject.adapter.certificates:
        bare = [f.name for f in certificate.fields if f.type == "code" and not f.codes]
        demand(not bare, f"{certificate.name}: no list for {listed(bare)}")


@check(
    "YZ-B08",
    Text("Every certificate names its legal basis", "每种证照注明共享依据"),
    Text("Set `legal_basis=Text(english, chinese)`: the rule under which it may be shared.",
         "设置 legal_basis：共享所依据的规定。"),
    level="advisory",
)  # fmt: skip
async def basis_is_named(lab: Lab) -> None:
    bare = [c.name for c in lab.subject.adapter.certificates if c.legal_basis is None]
    demand(not bare, f"no legal basis for {listed(bare)}")


@check(
    "YZ-B09",
    Text("Samples give every key field and nothing else", "样例给出全部查询字段且无多余"),
    Text("Give the certificate's key fields as `claims` of each sample.",
         "在样例的 claims 中给出证照的全部 key_fields。"),
)  # fmt: skip
async def key_fields_are_given(lab: Lab) -> None:
    for sample in lab.subject.samples:
        certificate = lab.subject.certificate_of(sample)
        keys = set(certificate.key_fields)
        demand(sample.claims.keys() >= keys, f"{certificate.name}: a sample lacks a key field")
        demand(sample.claims.keys() <= keys, f"{certificate.name}: a sample claims no key field")


@check(
    "YZ-B10",
    Text("No field has the name of a claim of SD-JWT", "字段名不与 SD-JWT 声明重名"),
    Text("Give the field another name, `card_status` instead of `status`: the gateway refuses it at start.",
         "更换字段名（如以 card_status 代替 status）；网关启动时会拒绝。"),
)  # fmt: skip
async def names_are_free(lab: Lab) -> None:
    for certificate in lab.subject.adapter.certificates:
        taken = certificate.field_names & RESERVED_NAMES
        demand(not taken, f"{certificate.name}: {listed(taken)}")
