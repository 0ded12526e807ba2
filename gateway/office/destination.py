# SPDX-License-Identifier: Apache-2.0
"""Where events may be delivered: who names a URL must not steer the gateway by it (SSRF).

Rules:

1. https, or http to a literal loopback address or `localhost`.
2. The address is decided on, not the name: each one that a name resolves to, at each connection.
   One address that is not allowed refuses the name.
3. A public address is allowed. One that is not (private, shared, loopback) is allowed where
   `events.networks` lists it. Link-local, multicast, unspecified and metadata addresses never are.
4. An address inside another (IPv4-mapped, 6to4, Teredo, NAT64) is judged by the inner one.
"""

import ipaddress
import socket
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Final, final
from urllib.parse import SplitResult, urlsplit

from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver

from gateway.errors import SetupError
from gateway.model.agency import Agency

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network
#: What is wrong, and how to mend it.
_Mistake = tuple[str, str]

#: Where clouds tell a machine its secrets, outside link-local: Alibaba Cloud, AWS over IPv6.
_METADATA: Final = frozenset(
    map(ipaddress.ip_address, ("100.100.100.200", "fd00:ec2::254", "168.63.129.16"))
)
_NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")


class DestinationRefused(OSError):
    """An address that nothing may be sent to; an OSError, so that aiohttp passes it on."""


@final
class AllowedAddresses:
    """Decides on addresses.

    Args:
        networks: of addresses that are not public, in CIDR form.

    Raises:
        SetupError: one of them is no network.
    """

    def __init__(self, networks: Iterable[str]) -> None:
        self._networks: Final = tuple(map(_parse_network, networks))

    def allows(self, address: Address) -> bool:
        """Whether something may be sent there."""
        inner = _inner(address)
        never = inner.is_link_local or inner.is_multicast or inner.is_unspecified
        if never or inner in _METADATA:
            return False
        if any(inner.version == net.version and inner in net for net in self._networks):
            return True
        return inner.is_global

    def check_literal(self, host: str) -> None:
        """Refuse a host that is an address and is not allowed; a name is decided on later.

        Raises:
            DestinationRefused: it is not allowed.
        """
        try:
            address = ipaddress.ip_address(host)
        except ValueError:
            return
        if not self.allows(address):
            raise DestinationRefused("the address is not allowed")


@final
class CheckedResolver(AbstractResolver):
    """The system's resolver, without the addresses that are not allowed."""

    def __init__(self, allowed: AllowedAddresses) -> None:
        self._allowed: Final = allowed
        self._system: Final = ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Resolve a name.

        Raises:
            DestinationRefused: one of its addresses is not allowed.
        """
        found = await self._system.resolve(host, port, family)
        for each in found:
            if not self._allowed.allows(ipaddress.ip_address(each["host"].partition("%")[0])):
                raise DestinationRefused("the name leads to an address that is not allowed")
        return found

    async def close(self) -> None:
        """Nothing is held."""
        await self._system.close()


def check_receivers(agencies: Iterable[Agency], *, deliver: bool, networks: Iterable[str]) -> None:
    """Refuse receivers that nothing would be delivered to.

    Raises:
        SetupError: the first one, with file and remedy.
    """
    allowed = AllowedAddresses(networks)
    for agency in agencies:
        if agency.events is None:
            continue
        if not deliver:
            mistake: _Mistake | None = (
                "events are not delivered",
                "set events.deliver in gateway.toml.",
            )
        else:
            mistake = _mistake_in(agency.events.url, allowed)
        if mistake is not None:
            what, remedy = mistake
            where = f"agencies/{agency.id}.toml: $.events.url"
            raise SetupError(what, where=where, remedy=remedy)


def _mistake_in(url: str, allowed: AllowedAddresses) -> _Mistake | None:
    parts = split_url(url)
    if parts is None:
        return "is no URL of a host", "write https://host[:port]/path."
    host = parts.hostname or ""
    if parts.scheme == "http" and not _is_loopback(host):
        return "is not https", "give the receiver TLS; only loopback goes without."
    try:
        allowed.check_literal(host)
    except DestinationRefused as error:
        return str(error), "list its network in events.networks of gateway.toml."
    return None


def split_url(url: str) -> SplitResult | None:
    """The parts of a URL; None where it has no host or an impossible port."""
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018 - raises for what is no port
    except ValueError:
        return None
    return parts if parts.hostname and url.isascii() else None


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _inner(address: Address) -> Address:
    if isinstance(address, IPv4Address):
        return address
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    teredo = address.teredo
    return address.ipv4_mapped or address.sixtofour or (teredo[1] if teredo else address)


def _parse_network(text: str) -> Network:
    try:
        return ipaddress.ip_network(text)
    except ValueError:
        raise SetupError(
            f"`{text}` is no network",
            where="gateway.toml: $.events.networks",
            remedy="write it as 10.20.0.0/16.",
        ) from None
