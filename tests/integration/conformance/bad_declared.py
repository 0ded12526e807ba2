# SPDX-License-Identifier: Apache-2.0
"""What can be declared wrongly, and samples that show nothing. One for each check of A, B and C."""

from collections.abc import Callable
from typing import Any

import msgspec

from gateway.conformance import Sample, Subject
from gateway.sdk import Adapter, Deadline, Field, Found, NotFound, Query, Text
from tests.integration.conformance.desk import (
    FOUND,
    NOT_FOUND,
    NOTE,
    SECRET,
    Desk,
    Settings,
    desk_subject,
)
from tests.integration.conformance.desk_simulator import FIRST


def variant(**attributes: Any) -> type[Desk]:
    return type("Variant", (Desk,), {"__doc__": "A desk.", **attributes})


def declaring(**changes: Any) -> type[Desk]:
    return variant(certificates=(msgspec.structs.replace(NOTE, **changes),))


def field(name: str, **changes: Any) -> type[Desk]:
    fields = (msgspec.structs.replace(f, **changes) if f.name == name else f for f in NOTE.fields)
    return declaring(fields=tuple(fields))


class Lax(msgspec.Struct, frozen=True):
    url: str
    secret: str


class Anything(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    url: Any
    secret: str


class Password(Settings, frozen=True, forbid_unknown_fields=True):
    password: str = ""


class Nearly(Desk):
    """Looks at the first 14 characters of a number, which are the place and day of birth."""

    async def lookup(self, query: Query, deadline: Deadline) -> Found | NotFound:
        number = query.holder.number
        like = FIRST if number[:14] == FIRST[:14] else number
        rows = await self.ask(like, deadline)
        return Found(rows[0] | {"id_number": number}) if rows else NotFound()


def of(adapter: type[Adapter[Any]], **changes: Any) -> Callable[[int], Subject]:
    return lambda port: desk_subject(port, adapter, **changes)


def with_password(port: int) -> Subject:
    subject = desk_subject(port, variant(settings_type=Password))
    settings = {**subject.settings, "password": SECRET}
    return msgspec.structs.replace(subject, settings=settings)


OTHER = msgspec.structs.replace(NOTE, name="desk.other")
DECLARED: dict[str, Callable[[int], Subject]] = {
    "YZ-A01": of(variant(certificates=())),
    "YZ-A02": of(variant(settings_type=Lax)),
    "YZ-A03": of(variant(settings_type=Anything)),
    "YZ-A04": with_password,
    "YZ-A05": of(field("remark", title=Text("Remark", "remark"))),
    "YZ-A06": of(variant(__doc__=None)),
    "YZ-A07": of(variant(department=Text("", "服务台"))),
    "YZ-A08": of(variant(api_version=99)),
    "YZ-B01": of(
        variant(certificates=(NOTE, OTHER)),
        found=tuple(msgspec.structs.replace(s, certificate="desk.note") for s in FOUND),
        not_found=tuple(msgspec.structs.replace(s, certificate="desk.note") for s in NOT_FOUND),
    ),
    "YZ-B02": of(declaring(fields=(*NOTE.fields, Field("never", Text("Never", "从无"))))),
    "YZ-B03": of(field("id_number", sensitivity="personal")),
    "YZ-B04": of(field("name", sensitivity="normal")),
    "YZ-B05": of(declaring(ttl_s=0)),
    "YZ-B06": of(declaring(cache_scope="public")),
    "YZ-B07": of(field("state", codes={})),
    "YZ-B08": of(declaring(legal_basis=None)),
    "YZ-B09": of(declaring(key_fields=("remark",))),
    "YZ-B10": of(declaring(fields=(*NOTE.fields, Field("status", Text("Status", "状态"))))),
    "YZ-C01": of(Desk, not_found=(Sample("140105194912310018"),)),
    "YZ-C02": of(Desk, found=FOUND[:1]),
    "YZ-C03": of(declaring(schemes=("cn-id", "cn-uscc"))),
    "YZ-C04": of(Nearly),
}
