# SPDX-License-Identifier: Apache-2.0
"""Items and materials: what contradicts itself is refused, and what is needed when."""

from datetime import date
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.model.item import MANDATORY, ServiceItem, Situation
from gateway.model.material import Commitment, Deferral, Material
from gateway.model.toml_text import format_tables
from tests.unit.catalog.stock import make_item

#: What TOML can say of a text: everything but surrogates.
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=30)
FILLED = TEXTS.filter(lambda text: bool(text.strip()))
NAMES = st.lists(FILLED, max_size=3, unique=True).map(tuple)
DAYS = st.none() | st.dates(date(2000, 1, 1), date(2100, 1, 1))
MATERIALS = st.builds(
    Material,
    name=FILLED,
    necessity=st.sampled_from(["required", "optional"]),
    source=st.sampled_from([None, "applicant", "department"]),
    holder=st.sampled_from(["applicant", "spouse", "child", "legal_representative"]),
    deferral=st.none() | st.builds(Deferral, st.integers(1, 250), TEXTS, st.integers(0, 250)),
    commitment=st.none() | st.builds(Commitment, TEXTS, st.integers(1, 250), NAMES),
) | st.builds(
    Material,
    name=FILLED,
    certificate=FILLED,
    fields=NAMES.map(lambda names: (*names, "x")),
    prefill=st.dictionaries(st.just("x"), FILLED),
)
ITEMS = st.builds(
    ServiceItem,
    code=st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", fullmatch=True),
    name=FILLED,
    certificate_name=FILLED,
    item_type=FILLED,
    department=FILLED,
    time_limit=st.sampled_from(["3 工作日", "即办", "20日", "按招生日程"]),
    materials=st.lists(MATERIALS, max_size=3, unique_by=lambda m: m.name).map(tuple),
    level=st.none() | st.sampled_from(["province", "city", "county"]),
    division=st.sampled_from(["", "140300", "140302001000"]),
    legal_basis=NAMES,
    effective_from=DAYS,
    version=st.integers(1, 99),
)


class Items(msgspec.Struct):
    items: tuple[ServiceItem, ...]


@given(st.lists(ITEMS, min_size=1, max_size=3).map(tuple))
def test_what_is_written_as_toml_is_read_back(items: tuple[ServiceItem, ...]) -> None:
    assert msgspec.toml.decode(format_tables("items", items), type=Items).items == items


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"disclosure": "delay"}, "delay_days is set exactly where"),
        ({"time_limit": "尽快"}, "is no time limit"),
        (
            {"effective_from": date(2026, 2, 1), "effective_until": date(2026, 1, 31)},
            "before effective_from / 失效日期早于生效日期",
        ),
        ({"materials": (Material("a"), Material("a"))}, "`materials` names a twice"),
        ({"situations": (Situation("s", "情形", ("没有",)),)}, "names 没有, which is no material"),
        ({"situations": (Situation("s", "甲", ("结婚证",)),) * 2}, "`situations` names s twice"),
    ],
)
def test_an_item_that_contradicts_itself_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make_item(**changes)


@pytest.mark.parametrize("column", MANDATORY)
@pytest.mark.parametrize("status", ["reviewed", "published", "retired"])
def test_clause_7_1_2_only_a_draft_may_lack_a_mandatory_column(column: str, status: str) -> None:
    make_item(status="draft", **{column: ""})
    with pytest.raises(ValueError, match=f"`{column}` is empty.*{MANDATORY[column][:4]}"):
        make_item(status=status, **{column: " "})


def test_clause_7_1_2_the_five_columns_are_those_of_the_clause() -> None:
    assert list(MANDATORY.values()) == [
        *("事项名称", "“一证”名称", "事项类型", "办理部门（科室）", "办理时限"),
    ]


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({"source": "shared"}, "`certificate` is missing, yet the material is shared"),
        ({"certificate": "a.b", "source": "applicant"}, "`source` is not shared"),
        ({"fields": ("name",)}, "`certificate` is missing, yet fields are named"),
        ({"operation": "verify"}, "`certificate` is missing, yet fields are named"),
        ({"certificate": "a.b", "prefill": {"name": "x"}}, "`prefill` names name"),
        (
            {"certificate": "a.b", "fields": ("n",), "operation": "verify", "prefill": {"n": "x"}},
            "a verification returns no fields",
        ),
    ],
)
def test_a_material_that_contradicts_itself_is_refused(
    members: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        Material("材料", **members)


def test_where_a_material_comes_from_is_known_without_being_said() -> None:
    assert Material("a", "x.y").obtained_from == "shared"
    assert Material("a").obtained_from == "applicant"
    assert Material("a", source="department").obtained_from == "department"
    assert Material("a", "x.y", source="shared") == Material("a", "x.y")
    assert Material("a", source="applicant") == Material("a")


def test_a_situation_adds_its_own_materials_to_those_that_are_always_needed() -> None:
    item = make_item()
    assert [m.name for m in item.materials_in(None)] == ["身份证复印件", "购房发票"]
    assert item.materials_in("married") == item.materials
    with pytest.raises(KeyError):
        item.materials_in("single")


@pytest.mark.parametrize(
    ("day", "in_force"),
    [
        (date(2026, 1, 31), False),
        (date(2026, 2, 1), True),
        (date(2026, 2, 28), True),
        (date(2026, 3, 1), False),
    ],
)
def test_an_item_is_in_force_from_its_first_to_its_last_day(day: date, in_force: bool) -> None:
    item = make_item(effective_from=date(2026, 2, 1), effective_until=date(2026, 2, 28))
    assert item.is_in_force(day) is in_force


def test_an_item_without_dates_is_in_force_on_every_day() -> None:
    assert make_item().is_in_force(date.min)
    assert make_item().is_in_force(date.max)
