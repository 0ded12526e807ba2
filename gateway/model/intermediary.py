# SPDX-License-Identifier: Apache-2.0
"""Intermediaries 中介服务机构: who offers a service that an item depends on (clause 4.6)."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from gateway.model.material import Filled

ListName = Literal["one-id-items", "materials", "intermediaries"]


class Intermediary(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One service of one body.

    Attributes:
        name: 机构名称.
        uscc: its unified social credit code, check digits verified.
        service: 中介服务事项.
        basis: 设定依据 of the service.
        fee: 收费标准, as published; `免费` where there is none.
        contact: 联系方式 of the body, such as its telephone; nobody's own.
        items: codes of the items that it is for.
    """

    name: Filled
    uscc: Filled
    service: Filled
    basis: Filled
    fee: Filled
    contact: Filled
    items: tuple[Filled, ...] = ()


class ListVersion(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A list as it was published once; never changed again.

    Attributes:
        list: which of the three.
        version: 1 and up.
        published_on: the day, in the site's time zone.
        rows: what it says, by member; the columns' titles: `gateway.catalog.lists`.
        note: what is new.
    """

    list: ListName
    version: Annotated[int, Meta(ge=1)]
    published_on: str
    rows: tuple[dict[str, str], ...]
    note: str = ""
