# SPDX-License-Identifier: Apache-2.0
"""The nearest department is asked, and no other in its place."""

from typing import ClassVar

import pytest

from gateway.errors import SetupError
from gateway.model.certificate import CertificateType
from gateway.model.site import AdapterSite
from gateway.registry.routing import Routes
from tests.unit.registry.desk import NOTE, Desk, certificate

EVERYWHERE = ""


def routes(**divisions: str) -> Routes:
    """Adapters by name; several divisions are parted by blanks."""
    found = Routes()
    for name, codes in divisions.items():
        found.add(AdapterSite(plugin="desk", name=name, divisions=tuple(codes.split())), Desk)
    return found


ALL = {
    "village": "140302001002",
    "town": "140302001000",
    "county": "140302 140303",
    "city": "140300",
    "province": "140000",
    "nation": EVERYWHERE,
}


@pytest.mark.parametrize(
    ("division", "adapter"),
    [
        ("140302001002", "village"),
        ("140302001003", "town"),
        ("140302002000", "county"),
        ("140302000000", "county"),
        ("140303", "county"),
        ("140311", "city"),
        ("140300", "city"),
        ("149900", "province"),
        ("110101", "nation"),
        (None, "nation"),
    ],
)
def test_clause_7_2_2_a_window_is_answered_by_the_department_of_its_own_place(
    division: str | None, adapter: str
) -> None:
    assert routes(**ALL).adapter_of(NOTE.name, division) == adapter


@pytest.mark.parametrize("division", [None, "110101", "140300", "140000", "140311"])
def test_a_place_that_nobody_serves_has_no_adapter(division: str | None) -> None:
    assert routes(county="140302 140303").adapter_of(NOTE.name, division) is None


def test_one_adapter_for_all_answers_every_division() -> None:
    found = routes(nation=EVERYWHERE)
    assert {found.adapter_of(NOTE.name, code) for code in (None, "140302", "140302001002")} == {
        "nation"
    }


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (EVERYWHERE, EVERYWHERE),
        ("140302", "140302"),
        ("140302", "140303 140302"),
        ("140302", "140302000000"),  # two spellings of one place
    ],
)
def test_two_adapters_for_one_place_are_refused(first: str, second: str) -> None:
    with pytest.raises(SetupError, match=r"adapters/b\.toml.*adapters/a\.toml"):
        routes(a=first, b=second)


def test_one_place_is_named_once() -> None:
    with pytest.raises(SetupError, match="140302"):
        routes(a="140302 140302000000")


def test_a_certificate_is_one_promise() -> None:
    class Otherwise(Desk):
        certificates: ClassVar[tuple[CertificateType, ...]] = (certificate(ttl_s=60),)

    found = routes(a="140302")
    with pytest.raises(SetupError, match=r"adapters/b\.toml.*otherwise than adapters/a\.toml"):
        found.add(AdapterSite(plugin="desk", name="b", divisions=("140303",)), Otherwise)


def test_an_adapter_of_one_place_answers_for_its_certificates_like_any_other() -> None:
    found = routes(**ALL)
    assert found.certificates_of("village") == found.certificates_of("nation") == {NOTE.name}
    assert found.certificates_of("nobody") == frozenset()
