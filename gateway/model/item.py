# SPDX-License-Identifier: Apache-2.0
"""Service items 事项: the five mandatory columns of clause 7.1.2, and what an item needs."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from gateway.model.lookup import Operation

Disclosure = Literal["show", "delay", "never"]
Filled = Annotated[str, Meta(min_length=1, max_length=200)]


class Material(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A paper that the item used to ask for, and the certificate that replaces it.

    Attributes:
        name: 材料名称, the paper's.
        certificate: the certificate type that replaces it.
        operation: `query` where fields are needed, `verify` where a yes or no will do.
        fields: those that the item needs.
    """

    name: Filled
    certificate: Filled
    operation: Operation = "query"
    fields: tuple[str, ...] = ()


class ServiceItem(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One item of the published list 清单.

    Attributes:
        code: stable within the site.
        name: 事项名称.
        certificate_name: “一证”名称, the one ID that the applicant brings.
        item_type: 事项类型.
        department: 办理部门（科室）.
        time_limit: 办理时限, as published.
        status: only a published item can be named in a request.
        materials: what the department may be asked for on its behalf.
        disclosure: whether a holder's own report shows accesses for this item. `delay`: only
            after `delay_days`; `never`: as a number without details.
        delay_days: days from the access, for `delay`.
    """

    code: Annotated[str, Meta(min_length=1, max_length=64)]
    name: Filled
    certificate_name: Filled
    item_type: Filled
    department: Filled
    time_limit: Filled
    status: Literal["draft", "published", "retired"] = "published"
    materials: tuple[Material, ...] = ()
    disclosure: Disclosure = "show"
    delay_days: Annotated[int, Meta(ge=0, le=3660)] = 0

    def __post_init__(self) -> None:
        """A delay says how long, and nothing else does."""
        if (self.disclosure == "delay") != (self.delay_days > 0):
            raise ValueError("delay_days is set exactly where disclosure is `delay`")

    def needs(self, certificate: str) -> bool:
        """Whether one of its materials is replaced by this certificate type."""
        return any(material.certificate == certificate for material in self.materials)
