# SPDX-License-Identifier: Apache-2.0
"""The three lists of clause 4.6: what they say, their versions, and what differs."""

import csv
import io
from datetime import timedelta
from pathlib import Path
from typing import get_args

import pytest

from gateway.catalog.coverage import coverage
from gateway.catalog.difference import Difference, differences
from gateway.catalog.list_folder import ListFolder
from gateway.catalog.lists import COLUMNS, TITLES, list_rows
from gateway.catalog.words import DOMAINS, LEVELS
from gateway.config import load_intermediaries
from gateway.errors import RequestError, SetupError
from gateway.model.intermediary import Intermediary, ListName
from gateway.model.item import MANDATORY, ServiceItem
from tests.unit.catalog.stock import NOW, TODAY, make_item

BODY = Intermediary(
    "演示估价公司", "91140300MA0TE0T12P", "房地产估价", "办法", "按合同", "0353-0", ("yq-gjj-001",)
)
NAMES: tuple[ListName, ...] = get_args(ListName)


def folder(site: Path) -> ListFolder:
    return ListFolder(site, clock=lambda: NOW)


def publish(site: Path, name: ListName, *items: ServiceItem) -> int:
    rows = list_rows(name, items, [BODY], TODAY)
    return folder(site).publish(name, rows, by="wang", note="第一批", on=TODAY).version


def test_clause_4_6_the_three_lists_are_there_with_their_titles() -> None:
    titles = {text.zh for text in TITLES.values()}
    assert titles == {"一证通办清单", "申请材料清单", "中介服务机构清单"}
    for name in NAMES:
        (row, *_) = list_rows(name, [make_item()], [BODY], TODAY)
        assert row.keys() == COLUMNS[name].keys()
        assert all(isinstance(cell, str) for cell in row.values())


def test_clause_7_1_2_the_list_of_items_has_the_five_columns() -> None:
    shown = {title.zh for title in COLUMNS["one-id-items"].values()}
    assert set(MANDATORY.values()) <= shown
    (row,) = list_rows("one-id-items", [make_item()], [], TODAY)
    assert [row[member] for member in MANDATORY] == [
        *("住房公积金提取", "居民身份证", "公共服务", "公积金中心（提取科）", "3个工作日"),
    ]


def test_clause_4_6_the_list_of_materials_says_whence_whose_and_what_else_will_do() -> None:
    rows = list_rows("materials", [make_item()], [], TODAY)
    marriage = next(row for row in rows if row["name"] == "结婚证")
    assert marriage["source"] == "数据共享"
    assert marriage["situations"] == "已婚"
    assert marriage["deferral"] == "5个工作日内补正"
    assert marriage["commitment"] == "可以"
    assert {row["source"] for row in rows} == {"数据共享", "申请人自备", "部门核发"}
    assert {row["necessity"] for row in rows} == {"必要", "非必要"}


@pytest.mark.parametrize("name", ["one-id-items", "materials"])
def test_a_list_says_what_is_in_force_and_nothing_else(name: ListName) -> None:
    items = [
        make_item("draft", status="draft"),
        make_item("gone", status="retired"),
        make_item("later", effective_from=TODAY + timedelta(days=1)),
        make_item("over", effective_until=TODAY - timedelta(days=1)),
    ]
    assert list_rows(name, items, [], TODAY) == ()


def test_clause_4_6_versions_are_counted_frozen_and_logged(tmp_path: Path) -> None:
    assert publish(tmp_path, "one-id-items", make_item()) == 1
    first = folder(tmp_path).read("one-id-items", 1)
    file = tmp_path / "lists/versions/one-id-items-1.json"
    before = file.read_bytes()
    assert publish(tmp_path, "one-id-items", make_item(time_limit="即办")) == 2
    assert file.read_bytes() == before
    assert folder(tmp_path).newest()["one-id-items"].version == 2
    assert first.published_on == "2026-11-25"
    assert (
        '"fields":["rows[yq-gjj-001].time_limit"]' in (tmp_path / "lists/changes.jsonl").read_text()
    )


def test_a_list_that_says_nothing_new_is_not_published_again(tmp_path: Path) -> None:
    publish(tmp_path, "intermediaries")
    with pytest.raises(RequestError, match="says what version 1 says"):
        publish(tmp_path, "intermediaries")


def test_a_version_that_is_not_there_is_said_with_those_that_are(tmp_path: Path) -> None:
    publish(tmp_path, "materials", make_item())
    with pytest.raises(RequestError, match="no version 7; there are: 1"):
        folder(tmp_path).read("materials", 7)
    with pytest.raises(RequestError, match="there are: none"):
        folder(tmp_path).read("intermediaries", 1)


@pytest.mark.parametrize("content", [b"{", b'{"list": "\xff"}'])
def test_a_version_that_was_damaged_is_named(content: bytes, tmp_path: Path) -> None:
    publish(tmp_path, "materials", make_item())
    (tmp_path / "lists/versions/materials-1.json").write_bytes(content)
    with pytest.raises(SetupError, match=r"lists/versions/materials-1\.json: cannot be read"):
        folder(tmp_path).newest()


def test_clause_4_6_what_differs_between_two_versions_is_said_place_by_place() -> None:
    before = list_rows("materials", [make_item()], [], TODAY)
    item = make_item()
    changed = make_item(materials=item.materials[1:], name=item.name)
    after = list_rows("materials", [changed], [], TODAY)
    found = differences({"rows": before}, {"rows": after})
    assert {each.place.partition("]")[0] for each in found} == {"rows[yq-gjj-001/身份证复印件"}
    assert all(each.after is None for each in found)
    assert differences(make_item(), make_item(time_limit="即办")) == [
        Difference("time_limit", "3个工作日", "即办")
    ]


def test_an_intermediary_has_a_valid_credit_code(tmp_path: Path) -> None:
    (tmp_path / "lists").mkdir()
    file = tmp_path / "lists/bodies.toml"
    members = 'name = "a"\nservice = "b"\nbasis = "c"\nfee = "d"\ncontact = "e"\n'
    file.write_text(f'[[intermediaries]]\nuscc = "91140300MA0TE0T12P"\n{members}')
    assert load_intermediaries(file, tmp_path)[0].uscc == "91140300MA0TE0T12P"
    file.write_text(f'[[intermediaries]]\nuscc = "91140300MA0TE0T12Q"\n{members}')
    with pytest.raises(SetupError, match=r"lists/bodies\.toml: .*uscc: .*check_digit"):
        load_intermediaries(file, tmp_path)


def test_clause_4_3_the_matrix_has_seven_domains_and_three_levels() -> None:
    assert [text.zh for text in DOMAINS.values()][:7] == [
        *("公安", "社保", "教育", "医疗", "民政", "不动产", "公积金"),
    ]
    assert [text.zh for text in LEVELS.values()] == ["省", "市", "县"]
    items = [
        make_item("a"),
        make_item("b", domain="education", level="county", division="140302"),
        make_item("c", status="draft"),
        make_item("d", effective_until=TODAY - timedelta(days=1)),
        make_item("e", level=None),
    ]
    found = coverage(items, TODAY)
    assert found.pop("housing_fund") == {"province": [], "city": ["a"], "county": []}
    assert found.pop("education") == {"province": [], "city": [], "county": ["b"]}
    assert {code for at in found.values() for codes in at.values() for code in codes} == set()
    assert len(found) == len(DOMAINS) - 2


def test_a_list_as_csv_has_its_columns_as_titles() -> None:
    from gateway.catalog.csv_text import write_csv

    content = write_csv(["事项编码", "收费"], [["a", "=1+1"]])
    assert list(csv.reader(io.StringIO(content.decode("utf-8-sig")))) == [
        ["事项编码", "收费"],
        ["a", "'=1+1"],
    ]
