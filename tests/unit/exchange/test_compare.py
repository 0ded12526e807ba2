# SPDX-License-Identifier: Apache-2.0
"""核验: a claim is compared with a value in the way of its field's type."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import Text
from gateway.exchange.compare import compare_claims
from gateway.model.certificate import CertificateType, Field, FieldType, Value

TITLE = Text("Field", "字段")
KINDS: tuple[FieldType, ...] = (
    "string",
    "date",
    "month",
    "boolean",
    "integer",
    "decimal",
    "code",
)
CERTIFICATE = CertificateType(
    name="test.all_types",
    title=TITLE,
    schemes=("cn-id",),
    fields=tuple(Field(kind, TITLE, type=kind) for kind in KINDS),
)
values = st.one_of(st.text(), st.integers(), st.booleans(), st.none())


def compare(kind: str, claim: Value, value: Value) -> str:
    return compare_claims({kind: claim}, {kind: value}, CERTIFICATE)[kind]


@pytest.mark.parametrize(
    ("claim", "value"),
    [
        ("测试甲", "测试甲"),
        ("测试 甲", "测试甲"),
        (" 测试\u3000甲\n", "测试甲"),
        ("测试·甲", "测试•甲"),
        ("测试・甲", "测试‧甲"),
        ("测试･甲", "测试·甲"),  # U+FF65, half width
        ("ＴＥＳＴ", "TEST"),
        ("阳泉市（城区）", "阳泉市(城区)"),
    ],
)
def test_strings_match_across_width_white_space_and_middle_dots(claim: str, value: str) -> None:
    assert compare("string", claim, value) == "match"


@pytest.mark.parametrize(
    ("kind", "claim", "value"),
    [
        ("decimal", "5000", "5000.00"),
        ("decimal", 5000, "5000.00"),
        ("decimal", "-0.50", "-0.5"),
        ("decimal", "+0.08", "0.08"),
        ("decimal", "0", "-0"),
        ("date", "2026-11-22", "2026-11-22"),
        ("date", "长期", "长期"),
        ("month", "2001-07", "2001-07"),
        ("code", "02", "02"),
        ("integer", 180, 180),
        ("boolean", False, False),
        ("string", None, None),
        ("decimal", None, None),
    ],
)
def test_values_that_mean_the_same_match(kind: str, claim: Value, value: Value) -> None:
    assert compare(kind, claim, value) == "match"


@pytest.mark.parametrize(
    ("kind", "claim", "value"),
    [
        ("string", "测试甲", "测试乙"),
        ("string", "测试甲", None),
        ("string", None, "测试甲"),
        ("string", 1, "1"),
        ("string", "TEST", "test"),
        ("decimal", "5000.01", "5000.00"),
        ("decimal", "5e3", "5000"),
        ("decimal", "NaN", "NaN"),
        ("decimal", "Infinity", "Infinity"),
        ("decimal", "1_000", "1000"),
        ("decimal", "１", "1"),
        ("decimal", "", ""),
        ("decimal", True, "1"),
        ("date", "2026-11-2", "2026-11-02"),
        ("date", "２０２６-11-22", "2026-11-22"),
        ("code", "2", "02"),
        ("code", "a", "A"),
        ("integer", True, 1),
        ("integer", "180", 180),
        ("boolean", 0, False),
        ("boolean", "false", False),
    ],
)
def test_values_that_differ_or_are_no_such_values_mismatch(
    kind: str, claim: Value, value: Value
) -> None:
    assert compare(kind, claim, value) == "mismatch"


def test_a_field_that_the_department_left_out_matches_nothing() -> None:
    assert compare_claims({"string": None, "code": "1"}, {}, CERTIFICATE) == {
        "string": "mismatch",
        "code": "mismatch",
    }


def test_each_claim_gets_its_own_result_and_no_other_field_one() -> None:
    claims: dict[str, Value] = {"string": "测试甲", "code": "2"}
    held: dict[str, Value] = {"string": "测试甲", "code": "1", "boolean": True}
    assert compare_claims(claims, held, CERTIFICATE) == {"string": "match", "code": "mismatch"}


def test_a_claim_about_no_field_is_a_programming_error() -> None:
    with pytest.raises(KeyError):
        compare_claims({"salary": 1}, {"salary": 1}, CERTIFICATE)


@given(st.sampled_from(KINDS), values, values)
def test_comparison_is_symmetric_and_never_fails(kind: str, one: Value, other: Value) -> None:
    assert compare(kind, one, other) == compare(kind, other, one)


@given(st.text())
def test_every_text_matches_itself(text: str) -> None:
    assert compare("string", text, text) == compare("code", text, text) == "match"


@given(st.decimals(allow_nan=False, allow_infinity=False, places=4), st.integers(0, 6))
def test_trailing_zeros_do_not_change_a_number(number: Decimal, zeros: int) -> None:
    assert compare("decimal", f"{number:f}", f"{number:f}" + "0" * zeros) == "match"
