# SPDX-License-Identifier: Apache-2.0
"""The life cycle of items: who may do what when, what stays in force, what the log remembers."""

from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import pytest

from gateway.catalog.changes import read_changes
from gateway.catalog.faults import CatalogFaults
from gateway.catalog.item_folder import ItemFolder
from gateway.config import load_items
from gateway.errors import GatewayError, RequestError, SetupError
from gateway.model.item import ServiceItem
from tests.unit.catalog.stock import TODAY, folder_of, make_item, make_site

CODE = "yq-gjj-001"


def current(site: Path, code: str = CODE) -> ServiceItem:
    return folder_of(site, "x").read().current[code]


def publish(site: Path, item: ServiceItem, first: date | None = None) -> None:
    folder_of(site, "zhang").draft([item])
    folder_of(site, "li").review([item.code])
    folder_of(site, "wang").publish([item.code], today=TODAY, first=first)


def refusal(change: Callable[[], object]) -> str:
    with pytest.raises(RequestError) as caught:
        change()
    assert caught.value.code == "CATALOG_REFUSED"
    return caught.value.detail


def test_clause_7_1_1_an_item_goes_from_draft_to_review_to_publication_to_its_end(
    tmp_path: Path,
) -> None:
    site = make_site(tmp_path)
    publish(site, make_item(status="draft"))
    published = current(site)
    assert (published.status, published.version) == ("published", 1)
    assert published.effective_from == TODAY
    folder_of(site, "wang").retire([CODE], today=TODAY, last=TODAY + timedelta(days=30))
    assert current(site).effective_until == TODAY + timedelta(days=30)
    assert current(site).status == "published"
    folder_of(site, "wang").retire([CODE], today=TODAY)
    assert current(site).status == "retired"


def test_clause_7_1_1_the_change_log_tells_who_when_from_what_to_what_and_why(
    tmp_path: Path,
) -> None:
    site = make_site(tmp_path)
    publish(site, make_item(status="draft"))
    publish(site, make_item(status="draft", time_limit="2个工作日"))
    folder_of(site, "wang").retire([CODE], today=TODAY)
    changes = read_changes(site / "items")
    assert [(c.by, c.action, c.was, c.now, c.version) for c in changes] == [
        ("zhang", "import", None, "draft", 1),
        ("li", "review", "draft", "reviewed", 1),
        ("wang", "publish", None, "published", 1),
        ("zhang", "import", "published", "draft", 2),
        ("li", "review", "draft", "reviewed", 2),
        ("wang", "publish", "published", "published", 2),
        ("wang", "retire", "published", "retired", 2),
    ]
    assert {c.at for c in changes} == {"2026-11-25T04:00:00Z"}
    assert {c.note for c in changes} == {"测试"}
    assert "time_limit" in changes[5].fields
    stock = folder_of(site, "x").read()
    first, second = stock.version(CODE, 1), stock.version(CODE, 2)
    assert first
    assert second
    assert (first.time_limit, second.time_limit) == ("3个工作日", "2个工作日")


def test_what_is_published_stays_in_force_unchanged_until_the_next_version_is(
    tmp_path: Path,
) -> None:
    site = make_site(tmp_path, make_item())
    before = (site / "items/all.toml").read_bytes()
    folder_of(site, "zhang").draft([make_item(status="draft", time_limit="即办")])
    folder_of(site, "li").review([CODE])
    assert (site / "items/all.toml").read_bytes() == before
    folder_of(site, "wang").publish([CODE], today=TODAY)
    assert current(site).time_limit == "即办"
    assert not list((site / "items/next").iterdir())


def test_publishing_leaves_comments_and_neighbours_as_they_are(tmp_path: Path) -> None:
    other = make_item("yq-gjj-002")
    site = make_site(tmp_path, make_item(), other)
    publish(site, make_item(status="draft", name="新名称"))
    text = (site / "items/all.toml").read_text()
    assert text.startswith("# 人工维护，请勿删除本行\n[[items]]\n")
    assert text.endswith("# end\n")
    assert [i.code for i in load_items(site / "items/all.toml", site)] == [CODE, "yq-gjj-002"]
    assert current(site, "yq-gjj-002") == other
    assert current(site).name == "新名称"


def test_a_file_that_is_written_otherwise_is_not_touched(tmp_path: Path) -> None:
    site = make_site(tmp_path, make_item())
    inline = (
        'items = [{code = "a", name = "n", certificate_name = "居民身份证", '
        'item_type = "公共服务", department = "d", time_limit = "即办"}]\n'
    )
    (site / "items/inline.toml").write_text(inline)
    with pytest.raises(SetupError, match=r"items/inline\.toml: cannot be changed by a command"):
        folder_of(site, "wang").retire(["a"], today=TODAY)
    assert (site / "items/inline.toml").read_text() == inline


def test_nobody_reviews_a_draft_of_their_own(tmp_path: Path) -> None:
    site = make_site(tmp_path)
    folder_of(site, "zhang").draft([make_item(status="draft")])
    said = refusal(lambda: folder_of(site, "zhang").review([CODE]))
    assert "a draft of your own" in said


@pytest.mark.parametrize("column", ["name", "certificate_name", "item_type", "department"])
def test_clause_7_1_2_a_draft_that_lacks_a_column_is_neither_reviewed_nor_published(
    column: str, tmp_path: Path
) -> None:
    site = make_site(tmp_path)
    folder_of(site, "zhang").draft([make_item(status="draft", **{column: ""})])
    with pytest.raises(CatalogFaults, match=f"item {CODE}: {column}: is empty"):
        folder_of(site, "li").review([CODE])
    assert "has to be `reviewed`" in refusal(
        lambda: folder_of(site, "wang").publish([CODE], today=TODAY)
    )
    assert CODE not in folder_of(site, "x").read().current


def test_clause_7_1_2_a_file_that_names_a_draft_reviewed_by_hand_is_not_believed(
    tmp_path: Path,
) -> None:
    site = make_site(tmp_path)
    folder_of(site, "zhang").draft([make_item(status="draft", department="")])
    file = site / f"items/next/{CODE}.toml"
    file.write_text(file.read_text().replace('"draft"', '"reviewed"'))
    with pytest.raises(SetupError, match="`department` is empty, so it can only be a draft"):
        folder_of(site, "wang").publish([CODE], today=TODAY)


def test_what_was_not_reviewed_is_not_published(tmp_path: Path) -> None:
    site = make_site(tmp_path)
    folder_of(site, "zhang").draft([make_item(status="draft")])
    refusal(lambda: folder_of(site, "wang").publish([CODE], today=TODAY))
    folder_of(site, "li").review([CODE])
    folder_of(site, "zhang").draft([make_item(status="draft", name="改")])  # after the review
    refusal(lambda: folder_of(site, "wang").publish([CODE], today=TODAY))


def test_all_codes_of_a_command_change_or_none(tmp_path: Path) -> None:
    site = make_site(tmp_path, make_item())
    refusal(lambda: folder_of(site, "wang").retire([CODE, "no-such"], today=TODAY))
    assert current(site).status == "published"
    assert read_changes(site / "items") == []


def test_an_import_that_says_nothing_new_changes_nothing(tmp_path: Path) -> None:
    site = make_site(tmp_path, make_item())
    assert folder_of(site, "zhang").draft([make_item(status="draft")]) == ([], [CODE])
    assert read_changes(site / "items") == []


def test_a_version_to_come_may_not_leave_days_without_any(tmp_path: Path) -> None:
    site = make_site(tmp_path, make_item())
    tomorrow = TODAY + timedelta(days=1)
    said = refusal(lambda: publish(site, make_item(status="draft", name="改"), tomorrow))
    assert "publish the new version on its first day" in said


def test_a_last_day_stays_until_another_is_said(tmp_path: Path) -> None:
    last, later = TODAY + timedelta(days=9), TODAY + timedelta(days=99)
    site = make_site(tmp_path, make_item(effective_until=last))
    publish(site, make_item(status="draft", name="改"))
    assert current(site).effective_until == last
    publish(site, make_item(status="draft", name="再改", effective_until=later))
    assert current(site).effective_until == later


def test_a_new_item_may_be_published_ahead(tmp_path: Path) -> None:
    site = make_site(tmp_path)
    publish(site, make_item(status="draft"), TODAY + timedelta(days=10))
    assert not current(site).is_in_force(TODAY)
    assert current(site).is_in_force(TODAY + timedelta(days=10))


def test_an_item_does_not_end_before_it_begins_or_in_the_past(tmp_path: Path) -> None:
    site = make_site(tmp_path, make_item(effective_from=TODAY + timedelta(days=9)))
    folder = folder_of(site, "wang")
    assert "begins only on" in refusal(lambda: folder.retire([CODE], today=TODAY, last=TODAY))
    yesterday = TODAY - timedelta(days=1)
    assert "is over" in refusal(lambda: folder.retire([CODE], today=TODAY, last=yesterday))


def test_a_retired_item_may_come_back_as_its_next_version(tmp_path: Path) -> None:
    site = make_site(tmp_path, make_item(status="retired"))
    publish(site, make_item(status="draft", name="改"))
    assert (current(site).status, current(site).version) == ("published", 2)


def test_the_log_is_written_before_the_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = make_site(tmp_path, make_item())

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("gateway.catalog.item_folder.write_whole", fail)
    with pytest.raises(SetupError, match="No space left"):
        folder_of(site, "wang").retire([CODE], today=TODAY)
    assert [c.action for c in read_changes(site / "items")] == ["retire"]
    assert current(site).status == "published"


def test_without_the_log_nothing_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    site = make_site(tmp_path, make_item())

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("gateway.catalog.item_folder.append_changes", fail)
    with pytest.raises(GatewayError):
        folder_of(site, "wang").retire([CODE], today=TODAY)
    assert current(site).status == "published"


@pytest.mark.parametrize(
    ("by", "note", "message"),
    [
        ("", "", "cannot be recorded"),
        ("a\nb", "", "cannot be recorded"),
        ("wang", "x" * 501, "cannot be recorded"),
        ("wang", "见 140302190001010017", "--note holds something of the form of an ID number"),
        ("140302190001010017", "", "--by holds something of the form of an ID number"),
    ],
)
def test_a_change_that_cannot_be_recorded_is_not_made(
    by: str, note: str, message: str, tmp_path: Path
) -> None:
    site = make_site(tmp_path, make_item())
    said = refusal(lambda: ItemFolder(site, by=by, note=note).retire([CODE], today=TODAY))
    assert message in said
    assert current(site).status == "published"
    assert read_changes(site / "items") == []


def test_a_line_that_was_cut_off_is_read_over_and_the_next_begins_anew(tmp_path: Path) -> None:
    site = make_site(tmp_path, make_item())
    log = site / "items/changes.jsonl"
    folder_of(site, "wang").retire([CODE], today=TODAY, last=TODAY)
    whole = log.read_bytes()
    log.write_bytes(whole + whole[:40])
    assert len(read_changes(site / "items")) == 1
    folder_of(site, "wang").retire([CODE], today=TODAY)
    assert [c.action for c in read_changes(site / "items")] == ["end", "retire"]
    assert log.read_bytes().startswith(whole)


@pytest.mark.parametrize("line", [b"{}", b'{"by": "\xff"}'])
def test_a_line_within_the_log_that_is_no_change_is_named(line: bytes, tmp_path: Path) -> None:
    site = make_site(tmp_path, make_item())
    folder_of(site, "wang").retire([CODE], today=TODAY)
    log = site / "items/changes.jsonl"
    log.write_bytes(line + b"\n" + log.read_bytes())
    with pytest.raises(SetupError, match=r"items/changes\.jsonl: line 1: is no change"):
        read_changes(site / "items")


def test_a_change_by_hand_is_seen(tmp_path: Path) -> None:
    site = make_site(tmp_path, make_item())
    read = ItemFolder(site).read
    assert read().logged(CODE) == "-"
    publish(site, make_item(status="draft", name="改"))
    assert read().logged(CODE) == "yes"
    file = site / "items/all.toml"
    file.write_text(file.read_text().replace("改", "暗改"))
    assert read().logged(CODE) == "no"
