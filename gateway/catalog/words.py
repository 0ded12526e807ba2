# SPDX-License-Identifier: Apache-2.0
"""What people write for the values of the catalogue's structs, and which values they may have."""

from collections.abc import Mapping
from typing import Final

from gateway.errors import Text

LEVELS: Final = {
    "province": Text("province", "省"),
    "city": Text("city", "市"),
    "county": Text("county", "县"),
}
DOMAINS: Final = {
    "public_security": Text("public security", "公安"),
    "social_insurance": Text("social insurance", "社保"),
    "education": Text("education", "教育"),
    "health": Text("health", "医疗"),
    "civil_affairs": Text("civil affairs", "民政"),
    "real_estate": Text("real estate", "不动产"),
    "housing_fund": Text("housing fund", "公积金"),
    "other": Text("other", "其他"),
}
NECESSITIES: Final = {"required": Text("required", "必要"), "optional": Text("optional", "非必要")}
SOURCES: Final = {
    "applicant": Text("from the applicant", "申请人自备"),
    "department": Text("issued by a department", "部门核发"),
    "shared": Text("shared data", "数据共享"),
}
HOLDERS: Final = {
    "applicant": Text("applicant", "申请人"),
    "spouse": Text("spouse", "配偶"),
    "child": Text("child", "子女"),
    "legal_representative": Text("legal representative", "法定代表人"),
}
OPERATIONS: Final = {"query": Text("query", "查询"), "verify": Text("verify", "核验")}
DISCLOSURES: Final = {
    "show": Text("show", "显示"),
    "delay": Text("delay", "延后显示"),
    "never": Text("never", "不显示"),
}
STATUSES: Final = {
    "draft": Text("draft", "草稿"),
    "reviewed": Text("reviewed", "已审核"),
    "published": Text("published", "已公布"),
    "retired": Text("retired", "已停用"),
}
#: GB/T 39554's kinds of government service items.
ITEM_TYPES: Final = (
    "行政许可", "行政处罚", "行政强制", "行政征收", "行政给付", "行政检查", "行政确认",
    "行政奖励", "行政裁决", "其他行政权力", "公共服务",
)  # fmt: skip
#: What carries the two identifiers of clause 7.3: an ID number, or a unified social credit code.
CERTIFICATE_NAMES: Final = (
    "居民身份证", "统一社会信用代码证", "营业执照", "港澳台居民居住证", "外国人永久居留身份证",
)  # fmt: skip


def find_word(words: Mapping[str, Text], said: str) -> str | None:
    """The name that a person's word stands for, in either language or as in TOML."""
    plain = said.strip().casefold()
    for name, text in words.items():
        if plain in {name, text.en.casefold(), text.zh, f"{text.zh}级"}:
            return name
    return None
