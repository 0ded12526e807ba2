# SPDX-License-Identifier: Apache-2.0
"""Service items 事项: the five mandatory columns of clause 7.1.2, and what an item needs.

1. `draft` → `reviewed` → `published` → `retired`. A draft may be incomplete; whoever is beyond has
   all five columns, and a time limit that a clock can keep.
2. A published item is in force 有效 from `effective_from` to `effective_until`, both included. Only
   then is it a reason to look at anybody.
3. `version` counts what was published under a code; it never goes back.
"""

from collections.abc import Iterable
from datetime import date
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

from gateway.model.material import Filled, Material
from gateway.model.time_limit import TimeLimit, parse_time_limit

Disclosure = Literal["show", "delay", "never"]
Status = Literal["draft", "reviewed", "published", "retired"]
ItemLevel = Literal["province", "city", "county"]
#: The seven of clause 4.3, and whatever else there is.
Domain = Literal[
    "public_security",
    "social_insurance",
    "education",
    "health",
    "civil_affairs",
    "real_estate",
    "housing_fund",
    "other",
]
Column = Annotated[str, Meta(max_length=200)]

#: The five columns of clause 7.1.2, with their Chinese names.
MANDATORY: Final = {
    "name": "事项名称",
    "certificate_name": "“一证”名称",
    "item_type": "事项类型",
    "department": "办理部门（科室）",
    "time_limit": "办理时限",
}


class Situation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """情形: a way in which an item occurs, with the materials that it alone needs.

    Attributes:
        code: stable within the item.
        name: in words.
        materials: names of materials of the item.
    """

    code: Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,31}$")]
    name: Filled
    materials: Annotated[tuple[Filled, ...], Meta(min_length=1)]


class ServiceItem(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One item of the published list 清单.

    Attributes:
        code: stable within the site; stands in URLs and names files.
        name: 事项名称.
        certificate_name: “一证”名称, the one ID that the applicant brings.
        item_type: 事项类型.
        department: 办理部门（科室）.
        time_limit: 办理时限, as published, e.g. `3个工作日`, `即办`, `20日`, `按招生日程`.
        status: only a published item can be named in a request.
        materials: what is needed; those of no situation are needed in each.
        disclosure: whether a holder's own report shows accesses for this item. `delay`: only
            after `delay_days`; `never`: as a number without details.
        delay_days: days from the access, for `delay`.
        level: 省, 市 or 县.
        division: 行政区划, 6 or 12 digits.
        domain: 领域, one of the seven of clause 4.3, or `other`.
        legal_basis: 法定依据, each act with its article.
        situations: 情形, in which further materials are needed.
        effective_from: first day in force, in the site's time zone; absent: since ever.
        effective_until: last day in force; absent: until further notice.
        version: of what is published under this code.
    """

    code: Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
    name: Column
    certificate_name: Column
    item_type: Column
    department: Column
    time_limit: Column
    status: Status = "published"
    materials: tuple[Material, ...] = ()
    disclosure: Disclosure = "show"
    delay_days: Annotated[int, Meta(ge=0, le=3660)] = 0
    level: ItemLevel | None = None
    division: Annotated[str, Meta(pattern=r"^([0-9]{6}|[0-9]{12})?$")] = ""
    domain: Domain = "other"
    legal_basis: tuple[Filled, ...] = ()
    situations: tuple[Situation, ...] = ()
    effective_from: date | None = None
    effective_until: date | None = None
    version: Annotated[int, Meta(ge=1)] = 1

    def __post_init__(self) -> None:
        """Find what contradicts itself, and what is missing beyond a draft."""
        if (self.disclosure == "delay") != (self.delay_days > 0):
            raise ValueError("delay_days is set exactly where disclosure is `delay`")
        first, last = self.effective_from, self.effective_until
        if first is not None and last is not None and last < first:
            raise ValueError("`effective_until` is before effective_from / 失效日期早于生效日期")
        names = _refuse_twice("materials", (material.name for material in self.materials))
        _refuse_twice("situations", (situation.code for situation in self.situations))
        for situation in self.situations:
            if unknown := [name for name in situation.materials if name not in names]:
                raise ValueError(
                    f"`situations` names {unknown[0]}, which is no material of it / "
                    "情形所列材料不存在"
                )
        if self.status != "draft":
            for column, title in MANDATORY.items():
                if not getattr(self, column).strip():
                    raise ValueError(
                        f"`{column}` is empty, so it can only be a draft / {title}为空"
                    )
            parse_time_limit(self.time_limit)

    def needs(self, certificate: str) -> bool:
        """Whether one of its materials is replaced by this certificate type."""
        return any(material.certificate == certificate for material in self.materials)

    def is_in_force(self, day: date) -> bool:
        """Whether `day`, in the site's time zone, lies between its dates; whatever its status."""
        first, last = self.effective_from, self.effective_until
        return (first is None or first <= day) and (last is None or day <= last)

    def materials_in(self, situation: str | None) -> tuple[Material, ...]:
        """What is needed in a situation: its own materials, and those of no situation.

        Args:
            situation: a code of `situations`; None for those that are always needed.

        Raises:
            KeyError: there is no such situation.
        """
        own = set[str]()
        if situation is not None:
            own.update({each.code: each for each in self.situations}[situation].materials)
        elsewhere = {name for each in self.situations for name in each.materials} - own
        return tuple(each for each in self.materials if each.name not in elsewhere)

    @property
    def limit(self) -> TimeLimit:
        """Its time limit, understood.

        Raises:
            ValueError: it is a draft whose time limit is none.
        """
        return parse_time_limit(self.time_limit)


def _refuse_twice(what: str, names: Iterable[str]) -> set[str]:
    seen = set[str]()
    for name in names:
        if name in seen:
            raise ValueError(f"`{what}` names {name} twice / 重复：{name}")
        seen.add(name)
    return seen
