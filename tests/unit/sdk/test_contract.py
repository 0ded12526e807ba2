# SPDX-License-Identifier: Apache-2.0
"""An answer is what was promised, about whom was asked."""

from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import AdapterContractBroken, Text
from gateway.model.answer import Found, NotFound, Verified
from gateway.model.certificate import Field, Value
from gateway.model.holder import Holder
from gateway.model.value import LONG_TERM
from gateway.sdk.contract import check_answer, check_verified
from tests.unit.registry.desk import FOUND, NOTE, NUMBER, OTHER, certificate

HOLDER = Holder("cn-id", NUMBER, "测试甲")


def check(field: str, value: Any) -> None:
    check_answer(Found({"id_number": NUMBER, field: value}), NOTE, HOLDER)


def breach(answer: object) -> str:
    with pytest.raises(AdapterContractBroken) as caught:
        check_answer(answer, NOTE, HOLDER)
    return caught.value.cause


def test_a_sound_answer_passes_unchanged() -> None:
    assert check_answer(FOUND, NOTE, HOLDER) is FOUND


def test_not_found_passes() -> None:
    answer = NotFound(datetime(2026, 11, 22, tzinfo=UTC))
    assert check_answer(answer, NOTE, HOLDER) is answer


@pytest.mark.parametrize("answer", [None, {"id_number": NUMBER}, "NotFound", NotFound])
def test_anything_else_is_no_answer(answer: object) -> None:
    assert "neither" in breach(answer)


def test_undeclared_fields_are_counted_not_named() -> None:
    cause = breach(Found({"id_number": NUMBER, "测试乙": "x", "y": "z"}))
    assert cause == "2 undeclared fields"


def test_fields_are_a_mapping() -> None:
    assert "mapping" in breach(Found([("id_number", NUMBER)]))  # type: ignore[arg-type] # the point


@pytest.mark.parametrize("number", [OTHER, NUMBER.lower() + " ", "", None])
def test_another_holder_is_a_breach(number: str | None) -> None:
    cause = breach(Found({"id_number": number}))
    assert "holder" in cause
    assert OTHER not in cause


def test_a_missing_holder_field_is_a_breach() -> None:
    assert "holder" in breach(Found({"name": "测试甲"}))


def test_without_holder_field_nothing_is_compared() -> None:
    check_answer(Found({"id_number": OTHER}), certificate(holder_field=None), HOLDER)


def test_another_name_is_no_breach() -> None:
    check("name", "测试乙")


@pytest.mark.parametrize("field", ["name", "status"])
def test_text_that_nothing_could_write_is_a_breach(field: str) -> None:
    assert field in breach(Found({"id_number": NUMBER, field: "测试\ud800"}))


def test_a_declared_field_may_be_empty_or_missing() -> None:
    check("until", None)


def test_as_of_is_aware() -> None:
    assert "as_of" in breach(NotFound(datetime(2026, 11, 22)))  # noqa: DTZ001 - naive is the point
    assert "as_of" in breach(NotFound("2026-11-22T00:00:00Z"))  # type: ignore[arg-type] # the point


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", ""),
        ("status", "01"),
        ("until", "1904-02-29"),
        ("until", LONG_TERM),
        ("month", "2026-11"),
        ("open", False),
        ("count", 0),
        ("sum", "0"),
        ("sum", "-12.50"),
    ],
)
def test_values_of_the_declared_type_pass(field: str, value: Any) -> None:
    check(field, value)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", 1),
        ("name", ["测试甲"]),
        ("status", ""),
        ("status", 1),
        ("until", "1900-02-29"),
        ("until", "19000101"),
        ("until", "1900-W01-1"),
        ("until", "1900-01-01T00:00:00"),
        ("until", "1900-01-01\n"),
        ("until", "１９００-01-01"),
        ("until", date(1900, 1, 1)),
        ("month", "2026-13"),
        ("month", "2026-00"),
        ("month", "202611"),
        ("open", 1),
        ("open", "true"),
        ("count", True),
        ("count", 1.0),
        ("count", "1"),
        ("sum", 1.5),
        ("sum", 1),
        ("sum", "1."),
        ("sum", "01.5"),
        ("sum", "1e3"),
        ("sum", "NaN"),
        ("sum", "١"),
    ],
)
def test_values_of_another_type_are_a_breach(field: str, value: Any) -> None:
    assert breach(Found({"id_number": NUMBER, field: value})).startswith(f"field {field} is not a")


LISTED = certificate(
    fields=(Field("status", Text("Status", "状态"), "code", codes={"1": Text("open", "正常")}),),
    holder_field=None,
    name_field=None,
)


def test_a_code_stands_in_its_list() -> None:
    check_answer(Found({"status": "1"}), LISTED, HOLDER)
    check_answer(Found({"status": None}), LISTED, HOLDER)
    with pytest.raises(AdapterContractBroken) as caught:
        check_answer(Found({"status": "geheim"}), LISTED, HOLDER)
    assert caught.value.cause == "field status has a code that is not in its list"


CLAIMS: dict[str, Value] = {"name": "测试甲", "status": "1"}


@pytest.mark.parametrize(
    "answer",
    [
        None,
        NotFound(),
        Verified({"name": "match", "status": "mismatch"}),
        Verified({"status": "match", "name": "match"}, datetime(2026, 11, 22, tzinfo=UTC)),
    ],
)
def test_a_sound_verification_passes_unchanged(answer: Verified | NotFound | None) -> None:
    assert check_verified(answer, CLAIMS) is answer


def results(found: Any) -> Verified:
    return Verified(found)


@pytest.mark.parametrize(
    ("answer", "word"),
    [
        (FOUND, "neither"),
        ({"name": "match"}, "neither"),
        (Verified({"name": "match"}), "not those"),
        (Verified({**dict.fromkeys(CLAIMS, "match"), "geheim": "match"}), "not those"),
        (results({"name": "match", "status": "geheim"}), "result"),
        (results({"name": "match", "status": True}), "result"),
        (results(["name", "status"]), "mapping"),
        (Verified({"name": "match", "status": "match"}, datetime(2026, 11, 22)), "as_of"),  # noqa: DTZ001
    ],
)
def test_another_verification_is_a_breach(answer: Any, word: str) -> None:
    with pytest.raises(AdapterContractBroken, match=r"^PROVIDER_ERROR$") as caught:
        check_verified(answer, CLAIMS)
    assert word in caught.value.cause
    assert "geheim" not in caught.value.cause


@given(st.dates())
def test_every_day_is_a_date(day: date) -> None:
    check("until", day.isoformat())


@given(st.decimals(allow_nan=False, allow_infinity=False, places=2))
def test_every_sum_is_a_decimal(amount: Any) -> None:
    check("sum", f"{amount:f}")


@given(
    st.dictionaries(
        st.text(), st.none() | st.booleans() | st.integers() | st.text() | st.floats(), max_size=8
    )
)
def test_a_breach_never_repeats_what_the_adapter_said(fields: Any) -> None:
    secret = {"id_number": NUMBER, "until": "geheim", **fields}
    cause = breach(Found(secret))
    assert "geheim" not in cause
    assert NUMBER not in cause
