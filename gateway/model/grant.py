# SPDX-License-Identifier: Apache-2.0
"""Grants 授权, and a decision about one request as a value."""

from datetime import date
from typing import Annotated

import msgspec
from msgspec import Meta

from gateway.errors import Refusal
from gateway.model.agency import Name
from gateway.model.lookup import Operation


class Grant(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Agency × certificate × operations × fields × items × daily cap × validity × networks.

    Everything that is not named is refused; there is no wildcard.

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
        daily_cap: permitted requests a day; None is without a cap.
        networks: CIDR blocks of the caller's address; empty is any.
        basis: the legal basis, in words.
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

    @property
    def reference(self) -> str:
        """`id@version`, as answers and entries name it."""
        return f"{self.id}@{self.version}"


class Permit(msgspec.Struct, frozen=True):
    """Yes, under this grant."""

    grant: Grant
    rule: str


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
