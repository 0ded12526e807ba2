# SPDX-License-Identifier: Apache-2.0
"""Grants 授权, and a decision about one request as a value."""

from collections.abc import Iterable
from datetime import date
from typing import Annotated

import msgspec
from msgspec import Meta

from gateway.errors import Refusal
from gateway.model.agency import Name, Time
from gateway.model.lookup import Operation
from gateway.model.site import Division


class Grant(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Agency × certificate × operations × fields × items × places × daily cap × times × networks.

    Everything that is not named is refused; there is no wildcard. A version that was in force is
    not changed: the next one takes its place, also to revoke it.

    Attributes:
        id: stable over versions; daily caps count by it.
        version: only the newest of an id counts.
        agency: to whom.
        certificate: what for.
        operations: `query`, `verify` or both.
        fields: that may be disclosed or compared.
        items: codes of the items that it is for.
        valid_from: first day, in the site's time zone.
        valid_until: last day, in the site's time zone.
        basis: the legal basis, in words.
        daily_cap: permitted requests a day; None is without a cap.
        networks: CIDR blocks of the caller's address; empty is any.
        divisions: places (GB/T 2260, 6 or 12 digits) in one of which `attribution.division` has to
            lie; empty is anywhere.
        hours: spans of the day, such as `08:00-18:00`, in the site's time zone; empty is always.
        impact_assessment: reference of the assessment 个人信息保护影响评估 of its sensitive fields.
        application: id of the application that it was made from.
        revoked: why it was revoked; a revoked grant permits nothing.
        made_by: who made this version.
        made_at: when.
    """

    id: Name
    version: Annotated[int, Meta(ge=1)]
    agency: Name
    certificate: str
    operations: Annotated[tuple[Operation, ...], Meta(min_length=1)]
    fields: tuple[str, ...]
    items: Annotated[tuple[str, ...], Meta(min_length=1)]
    valid_from: date
    valid_until: date
    basis: Annotated[str, Meta(min_length=1)]
    daily_cap: Annotated[int, Meta(ge=1)] | None = None
    networks: tuple[str, ...] = ()
    divisions: tuple[Division, ...] = ()
    hours: tuple[str, ...] = ()
    impact_assessment: Annotated[str, Meta(min_length=1, max_length=200)] | None = None
    application: Name | None = None
    revoked: Annotated[str, Meta(min_length=1, max_length=200)] | None = None
    made_by: Annotated[str, Meta(min_length=1, max_length=64)] | None = None
    made_at: Time | None = None

    @property
    def reference(self) -> str:
        """`id@version`, as answers and entries name it."""
        return f"{self.id}@{self.version}"


def newest_versions(grants: Iterable[Grant]) -> list[Grant]:
    """The newest version of each grant, by id; of two that are the same, the later one."""
    newest = {grant.id: grant for grant in sorted(grants, key=lambda each: (each.id, each.version))}
    return list(newest.values())


class Permit(msgspec.Struct, frozen=True):
    """Yes, under this grant.

    Attributes:
        is_timed: the hour has a part in it: at another time of the day it may be another decision.
    """

    grant: Grant
    rule: str
    is_timed: bool = False


class Deny(msgspec.Struct, frozen=True):
    """No, by this rule.

    Attributes:
        refusal: what the caller is told.
        rule: which rule said so, e.g. `grant.fields`.
        detail: what exactly, free of personal data.
    """

    refusal: Refusal
    rule: str
    detail: str


Decision = Permit | Deny
