# SPDX-License-Identifier: Apache-2.0
"""From a department's own forms to the values of a certificate."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import AdapterContractBroken, Text
from gateway.model.certificate import CertificateType, Field, FieldType, Value
from gateway.model.value import is_of_type
from gateway.sdk.kits.convert import Origin, convert, fields_of, member

TITLE = Text("Field", "字段")


def made(raw: object, kind: FieldType = "string", **origin: Any) -> Value:
    return convert(raw, Field("field", TITLE, kind), Origin(source="x", **origin))


@pytest.mark.parametrize(
    ("raw", "form", "day"),
    [
        ("2026-01-31", None, "2026-01-31"),
        ("20260131", "YYYYMMDD", "2026-01-31"),
        ("2026/01/31", "YYYY/MM/DD", "2026-01-31"),
        ("2026年01月31日", "YYYY年MM月DD日", "2026-01-31"),
        ("长期", "YYYYMMDD", "长期"),
        (date(2026, 1, 31), None, "2026-01-31"),
        (datetime(2026, 1, 31, 8, 30, tzinfo=UTC), None, "2026-01-31"),
        (" 20260131 ", "YYYYMMDD", "2026-01-31"),
        (20260131, "YYYYMMDD", "2026-01-31"),
    ],
)
def test_a_day_is_read_in_its_form(raw: object, form: str | None, day: str) -> None:
    assert made(raw, "date", form=form) == day


@pytest.mark.parametrize(
    ("raw", "kind", "form"),
    [
        ("20260231", "date", "YYYYMMDD"),
        ("2026-1-31", "date", None),
        ("20260131", "date", None),
        ("2026-01-31", "date", "YYYYMMDD"),
        ("２０２６０１３１", "date", "YYYYMMDD"),
        ("202613", "month", "YYYYMM"),
        ("2026", "month", "YYYYMM"),
        ("12.5", "integer", None),
        ("1e3", "decimal", None),
        ("abc", "decimal", None),
        ("maybe", "boolean", None),
        (2, "boolean", None),
        (1.5, "decimal", None),
        (["a"], "string", None),
        ({"a": 1}, "code", None),
        (b"a", "string", None),
        (True, "string", None),
    ],
)
def test_another_form_is_a_breach_without_the_value(
    raw: object, kind: FieldType, form: str | None
) -> None:
    with pytest.raises(AdapterContractBroken) as caught:
        made(raw, kind, form=form)
    assert caught.value.cause == f"field field is not written as the {kind} that was declared"
    assert caught.value.__suppress_context__


@pytest.mark.parametrize("kind", ["string", "code", "boolean", "integer", "decimal", "date"])
@pytest.mark.parametrize(
    "number", ["1e1000000", "-1e65", "1e-1000000", "1e-65", "0e1000000", "NaN", "sNaN", "-Infinity"]
)
def test_a_number_that_no_record_has_is_a_breach(number: str, kind: FieldType) -> None:
    with pytest.raises(AdapterContractBroken) as caught:
        made(Decimal(number), kind)
    assert caught.value.cause == f"field field is not written as the {kind} that was declared"


@pytest.mark.parametrize(
    ("number", "value"),
    [("1e64", "1" + "0" * 64), ("1e-64", "0." + "0" * 63 + "1"), ("0e-3", "0.000")],
)
def test_a_number_of_any_size_that_a_record_has_is_written_out(number: str, value: str) -> None:
    assert made(Decimal(number), "decimal") == value


@pytest.mark.parametrize(
    ("raw", "kind", "value"),
    [
        ("202601", "month", "2026-01"),
        (Decimal("5000.00"), "decimal", "5000.00"),
        ("0005000.00", "decimal", "5000.00"),
        (Decimal("1E+3"), "decimal", "1000"),
        (5000, "decimal", "5000"),
        ("180", "integer", 180),
        (180, "integer", 180),
        ("1", "boolean", True),
        ("否", "boolean", False),
        (True, "boolean", True),
        (0, "boolean", False),
        (1, "code", "1"),
        (" 测试甲 ", "string", "测试甲"),
    ],
)
def test_values_are_put_into_form(raw: object, kind: FieldType, value: Value) -> None:
    form = "YYYYMM" if kind == "month" else None
    assert made(raw, kind, form=form) == value


@pytest.mark.parametrize("raw", [None, "", "  ", "—", "9999-12-31"])
@pytest.mark.parametrize("kind", ["string", "date", "boolean", "integer", "decimal", "code"])
def test_empty_is_none(raw: object, kind: FieldType) -> None:
    assert made(raw, kind, empty=("—", "9999-12-31")) is None


def test_codes_are_mapped_whole_or_refused() -> None:
    assert made("01", "code", map={"01": "正常"}) == "正常"
    assert made(1, "code", map={"1": "存续"}) == "存续"
    with pytest.raises(AdapterContractBroken):
        made("07", "code", map={"01": "正常"})


def test_a_number_gets_its_capital() -> None:
    assert made("14031119010203003x", upper=True) == "14031119010203003X"


def test_a_path_leads_into_members_and_nowhere_else() -> None:
    record = {"a": {"b": "c", "n": None}, "s": "text"}
    assert member(record, "a.b") == "c"
    for path in ("a.x", "a.b.c", "a.n.x", "s.x", "x"):
        assert member(record, path) is None


def test_a_record_becomes_the_fields_of_its_certificate() -> None:
    fields = (Field("name", TITLE), Field("born_on", TITLE, "date"))
    certificate = CertificateType("desk.person", TITLE, ("cn-id",), fields)
    origins = {
        "name": Origin(source="p.xm"),
        "born_on": Origin(source="p.csrq", form="YYYYMMDD"),
    }
    record = {"p": {"xm": "测试甲", "csrq": "19000101", "more": 1}}
    assert fields_of(record, certificate, origins) == {"name": "测试甲", "born_on": "1900-01-01"}


@given(st.dates(), st.sampled_from(["YYYYMMDD", "YYYY/MM/DD", "YYYY年MM月DD日", "YYYY.MM.DD"]))
def test_a_day_is_read_as_it_was_written(day: date, form: str) -> None:
    text = (
        form.replace("YYYY", f"{day.year:04d}")
        .replace("MM", f"{day.month:02d}")
        .replace("DD", f"{day.day:02d}")
    )
    assert made(text, "date", form=form) == day.isoformat()


@given(
    st.text() | st.integers() | st.booleans() | st.decimals(allow_nan=False, allow_infinity=False),
    st.sampled_from(["string", "date", "month", "boolean", "integer", "decimal", "code"]),
)
def test_what_is_made_is_of_the_type_or_nothing_is(raw: object, kind: FieldType) -> None:
    try:
        value = made(raw, kind)
    except AdapterContractBroken:
        return
    assert value is None or is_of_type(value, kind)
