# SPDX-License-Identifier: Apache-2.0
"""What `GET /v1/items` and `/v1/lists` say: to everybody, and of nobody."""

import msgspec

from gateway.model.item import Domain, ItemLevel, Situation
from gateway.model.lookup import Operation
from gateway.model.material import Commitment, Deferral, MaterialHolder, Necessity, Source
from gateway.model.time_limit import Unit


class Limit(msgspec.Struct, frozen=True, omit_defaults=True):
    """办理时限, understood.

    Attributes:
        unit: `working_day`, `day`, `immediate`, or `schedule` (by a plan published elsewhere).
        number: of units.
    """

    unit: Unit
    number: int | None = None


class PublishedMaterial(msgspec.Struct, frozen=True, omit_defaults=True):
    """A material of an item, as everybody may know it."""

    name: str
    necessity: Necessity
    source: Source
    holder: MaterialHolder
    certificate: str = ""
    operation: Operation | None = None
    fields: tuple[str, ...] = ()
    deferral: Deferral | None = None
    commitment: Commitment | None = None


class PublishedItem(msgspec.Struct, frozen=True, omit_defaults=True):
    """An item in force, with the five columns of clause 7.1.2."""

    code: str
    name: str
    certificate_name: str
    item_type: str
    department: str
    time_limit: str
    limit: Limit
    version: int
    level: ItemLevel | None = None
    division: str = ""
    domain: Domain = "other"
    legal_basis: tuple[str, ...] = ()
    effective_from: str | None = None
    effective_until: str | None = None
    materials: tuple[PublishedMaterial, ...] = ()
    situations: tuple[Situation, ...] = ()


class PublishedItems(msgspec.Struct, frozen=True):
    """All items in force on a day, in the site's time zone."""

    day: str
    count: int
    items: tuple[PublishedItem, ...]


class Words(msgspec.Struct, frozen=True):
    """Words in both languages."""

    en: str
    zh: str


class PublishedList(msgspec.Struct, frozen=True):
    """The newest version of a list of clause 4.6.

    Attributes:
        list: its name.
        title: in words.
        version: 1 and up.
        published_on: the day.
        note: what is new in it.
        columns: title of each member of a row.
        rows: what it says.
    """

    list: str
    title: Words
    version: int
    published_on: str
    note: str
    columns: dict[str, Words]
    rows: tuple[dict[str, str], ...]
