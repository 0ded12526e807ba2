# SPDX-License-Identifier: Apache-2.0
"""Clause 4.8, kept in bounds: a URL that an agency names leads to nothing inside."""

import ipaddress
import socket
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import SetupError
from gateway.model.agency import Agency
from gateway.model.events_section import Subscription
from gateway.office.destination import (
    AllowedAddresses,
    CheckedResolver,
    DestinationRefused,
    check_receivers,
)

EVERYTHING = ("0.0.0.0/0", "::/0")


def allows(address: str, *networks: str) -> bool:
    return AllowedAddresses(networks).allows(ipaddress.ip_address(address))


@pytest.mark.parametrize("address", ["8.8.8.8", "223.5.5.5", "2400:3200::1"])
def test_a_public_address_is_allowed(address: str) -> None:
    assert allows(address)


@pytest.mark.parametrize(
    "address",
    ["10.1.2.3", "172.16.0.1", "192.168.1.1", "127.0.0.1", "100.64.0.1", "::1", "fd12::1",
     "::ffff:10.1.2.3", "64:ff9b::a01:203", "2002:a01:203::1"],
)  # fmt: skip
def test_a_private_address_is_allowed_by_configuration_only(address: str) -> None:
    assert not allows(address)
    assert not allows(address, "203.0.113.0/24")
    assert allows(address, *EVERYTHING)


@pytest.mark.parametrize(
    "address",
    ["169.254.169.254", "169.254.0.1", "fe80::1", "100.100.100.200", "168.63.129.16",
     "fd00:ec2::254", "224.0.0.1", "ff02::1", "0.0.0.0", "::", "::ffff:169.254.169.254",
     "64:ff9b::a9fe:a9fe", "2002:a9fe:a9fe::1", "2001:0:4136:e378:8000:63bf:5601:5601"],
)  # fmt: skip
def test_metadata_and_link_local_are_never_allowed(address: str) -> None:
    assert not allows(address, *EVERYTHING)


@given(st.ip_addresses(v=4))
def test_an_address_inside_another_is_judged_as_by_itself(inner: ipaddress.IPv4Address) -> None:
    mapped = ipaddress.IPv6Address(f"::ffff:{inner}")
    translated = ipaddress.IPv6Address(int(ipaddress.IPv6Address("64:ff9b::")) + int(inner))
    allowed = AllowedAddresses(["10.0.0.0/8"])
    assert allowed.allows(mapped) == allowed.allows(translated) == allowed.allows(inner)


async def test_one_address_that_is_not_allowed_refuses_its_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    resolver = CheckedResolver(AllowedAddresses(()))
    found: list[dict[str, Any]] = [{"host": "8.8.8.8"}]

    async def answer(*_: object) -> list[dict[str, Any]]:
        return found

    monkeypatch.setattr(resolver._system, "resolve", answer)
    assert await resolver.resolve("oa.example", 443, socket.AF_UNSPEC) == found
    found.append({"host": "fe80::1%eth0"})
    with pytest.raises(DestinationRefused):
        await resolver.resolve("oa.example", 443, socket.AF_UNSPEC)
    await resolver.close()


def check(url: str, *networks: str, deliver: bool = True) -> None:
    agency = Agency("yq-gjj", "阳泉公积金", events=Subscription(url))
    check_receivers([agency, Agency("quiet", "无")], deliver=deliver, networks=networks)


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("http://oa.example/events", "is not https"),
        ("http://10.1.2.3/events", "is not https"),
        ("https://10.1.2.3/events", "the address is not allowed"),
        ("https://169.254.169.254/latest", "the address is not allowed"),
        ("http://127.0.0.1:8081/", "the address is not allowed"),
        ("https://oa.example:99999/", "is no URL of a host"),
        ("https://政务.example/", "is no URL of a host"),
    ],
)
def test_a_receiver_that_nothing_would_reach_is_refused_at_the_start(url: str, why: str) -> None:
    with pytest.raises(SetupError, match=rf"agencies/yq-gjj\.toml: .*{why}"):
        check(url)


def test_a_receiver_that_can_be_reached_is_taken() -> None:
    check("https://oa.example/events?from=gateway")
    check("https://10.1.2.3/events", "10.1.0.0/16")
    check("http://127.0.0.1:8081/", "127.0.0.0/8")
    with pytest.raises(SetupError, match="events are not delivered"):
        check("https://oa.example/", deliver=False)
    with pytest.raises(SetupError, match="is no network"):
        check("https://oa.example/", "10.1")
