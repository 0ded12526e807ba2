# SPDX-License-Identifier: Apache-2.0
"""Of several records over HTTP, the one with the greatest value counts, as its type is ordered."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import AdapterContractBroken
from gateway.model.answer import Found
from gateway.model.certificate import FieldType, Value
from gateway.sdk.kits.declarative.declaration import decode_declaration
from gateway.sdk.kits.declarative.questions import _HttpQuestion
from tests.unit.sdk.declared import HTTP


def newest(kind: FieldType, written: Sequence[object]) -> Value:
    """The rank of the record that counts."""
    text = HTTP.replace('newest = "issued_on"', 'newest = "rank"') + (
        '[[certificates.fields]]\nname = "rank"\ntitle = { en = "Rank", zh = "次序" }\n'
        f'type = "{kind}"\n'
    )
    [declared] = decode_declaration(text, "adapter.toml").certificates
    body: dict[str, Any] = {"code": 0, "data": {"list": [{"rank": rank} for rank in written]}}
    found = _HttpQuestion(declared).answer(200, msgspec.json.encode(body))
    assert isinstance(found, Found)
    return found.fields["rank"]


@given(st.lists(st.integers(-(10**18) + 1, 10**18 - 1), min_size=2, max_size=6, unique=True))
def test_integers_are_compared_as_numbers(ranks: list[int]) -> None:
    assert newest("integer", ranks) == max(ranks)
    assert newest("integer", [str(rank) for rank in ranks]) == max(ranks)


@given(
    st.lists(
        st.decimals(Decimal(-(10**12)), Decimal(10**12), places=3),
        min_size=2,
        max_size=6,
        unique=True,
    )
)
def test_decimals_are_compared_as_numbers(ranks: list[Decimal]) -> None:
    made = newest("decimal", [format(rank, "f") for rank in ranks])
    assert Decimal(str(made)) == max(ranks)


@given(st.lists(st.dates(), min_size=2, max_size=6, unique=True))
def test_days_are_compared_as_days(ranks: list[date]) -> None:
    assert newest("date", [rank.isoformat() for rank in ranks]) == max(ranks).isoformat()


@given(st.lists(st.dates().map(lambda day: day.isoformat()[:7]), min_size=2, unique=True))
def test_months_are_compared_as_months(ranks: list[str]) -> None:
    assert newest("month", ranks) == max(ranks)


def test_a_validity_without_an_end_is_later_than_any_day() -> None:
    assert newest("date", ["9999-12-30", "长期"]) == "长期"


@pytest.mark.parametrize(
    ("kind", "ranks", "rank"),
    [
        ("integer", [None, -5], -5),
        ("integer", [0, None], 0),
        ("decimal", ["-0.5", ""], "-0.5"),
        ("date", ["", "0001-01-01"], "0001-01-01"),
    ],
)
def test_any_value_is_newer_than_none(kind: FieldType, ranks: list[object], rank: Value) -> None:
    assert newest(kind, ranks) == rank


@pytest.mark.parametrize(
    ("kind", "ranks"),
    [
        ("integer", [7, 7]),
        ("integer", ["7", "007"]),
        ("decimal", ["1.0", "1.00"]),
        ("decimal", ["0", "-0"]),
        ("date", ["2026-01-31", "2026-01-31"]),
        ("integer", [None, ""]),
    ],
)
def test_equal_ranks_are_a_breach(kind: FieldType, ranks: list[object]) -> None:
    with pytest.raises(AdapterContractBroken) as caught:
        newest(kind, ranks)
    assert caught.value.cause == "which record is the newest cannot be told"
