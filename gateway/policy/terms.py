# SPDX-License-Identifier: Apache-2.0
"""One grant, made ready to be asked many times."""

from collections.abc import Iterable
from datetime import date
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final

from gateway.errors import SetupError
from gateway.model.division import enclosing_divisions, format_division
from gateway.model.grant import Grant, Permit
from gateway.model.hours import parse_span
from gateway.model.lookup import LookupRequest
from gateway.policy.rules import PERMITTED

Network = IPv4Network | IPv6Network

# A worker serves the places of one city, again and again.
_enclosing: Final = lru_cache(maxsize=4096)(enclosing_divisions)


class Terms:
    """A grant with its sets, networks and hours built.

    Args:
        is_timed: whether this or another grant of the same certificate to the same agency has
            hours.

    Attributes:
        grant: as it was read.
        fields: names that may be asked about.
        permit: the one decision that says yes under this grant.

    Raises:
        SetupError: it ends before it starts, or a network or a span of hours is none.
    """

    __slots__ = (
        "_divisions",
        "_hours",
        "_items",
        "_networks",
        "_operations",
        "fields",
        "grant",
        "permit",
    )

    def __init__(self, grant: Grant, *, is_timed: bool = False) -> None:
        if grant.valid_until < grant.valid_from:
            raise SetupError("it ends before it starts", where=f"grant {grant.reference}")
        self.grant: Final = grant
        self.fields: Final = frozenset(grant.fields)
        self.permit: Final = Permit(grant, PERMITTED, is_timed)
        self._items: Final = frozenset(grant.items)
        self._operations: Final = frozenset(grant.operations)
        self._networks: Final = tuple(_parse_networks(grant))
        self._divisions: Final = frozenset(map(format_division, grant.divisions))
        self._hours: Final = frozenset(_parse_hours(grant))

    def refusing_rule(
        self, request: LookupRequest, *, today: date, minute: int, address: str
    ) -> str | None:
        """The first rule, from revocation to operation, that this grant refuses by."""
        return self._refuse_time(today, minute) or self._refuse_use(request, address)

    def explain(self, rule: str, asked: Iterable[str] = ()) -> str:
        """Say what of this grant a rule refuses by, in the grant's own words only."""
        grant = self.grant
        match rule:
            case "grant.revoked":
                what = "was revoked"
            case "grant.validity":
                what = f"is valid from {grant.valid_from} until {grant.valid_until}"
            case "grant.hours":
                what = f"may be used {', '.join(grant.hours)}"
            case "grant.item":
                what = "does not name this item"
            case "grant.division":
                what = f"covers only {', '.join(grant.divisions)}"
            case "grant.network":
                what = "does not cover the calling address"
            case "grant.operation":
                what = f"allows only {', '.join(grant.operations)}"
            case _:
                what = f"lacks {', '.join(name for name in asked if name not in self.fields)}"
        return f"grant {grant.reference} {what}"

    def _refuse_time(self, today: date, minute: int) -> str | None:
        grant = self.grant
        if grant.revoked is not None:
            return "grant.revoked"
        if not grant.valid_from <= today <= grant.valid_until:
            return "grant.validity"
        if self._hours and minute not in self._hours:
            return "grant.hours"
        return None

    def _refuse_use(self, request: LookupRequest, address: str) -> str | None:
        attribution = request.attribution
        if attribution.item not in self._items:
            return "grant.item"
        if self._divisions and not self._covers(attribution.division):
            return "grant.division"
        if self._networks and not _lies_within(address, self._networks):
            return "grant.network"
        if request.operation not in self._operations:
            return "grant.operation"
        return None

    def _covers(self, division: str | None) -> bool:
        """Whether the place lies in one of the grant's; no place lies in none."""
        return division is not None and not self._divisions.isdisjoint(_enclosing(division))


def _parse_networks(grant: Grant) -> Iterable[Network]:
    for block in grant.networks:
        try:
            yield ip_network(block)
        except ValueError:
            raise SetupError(
                f"`{block}` is not a CIDR block",
                where=f"grant {grant.reference}",
                remedy="write e.g. 10.20.0.0/16, with no bit set behind the prefix",
            ) from None


def _parse_hours(grant: Grant) -> Iterable[int]:
    for span in grant.hours:
        try:
            yield from parse_span(span)
        except ValueError as error:
            raise SetupError(
                str(error),
                where=f"grant {grant.reference}",
                remedy="write e.g. 08:00-18:00; what goes past midnight is two spans",
            ) from None


def _lies_within(address: str, networks: tuple[Network, ...]) -> bool:
    try:
        parsed = ip_address(address)
    except ValueError:
        return False  # a peer without an IP address lies in no network
    if isinstance(parsed, IPv6Address) and parsed.ipv4_mapped:
        parsed = parsed.ipv4_mapped  # a dual-stack socket writes ::ffff:10.0.0.1
    return any(parsed in network for network in networks)
