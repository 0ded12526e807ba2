# SPDX-License-Identifier: Apache-2.0
"""Findings in the store: found once, raised, settled with a reason and not found again."""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import msgspec
import pytest

from gateway.errors import RequestError
from gateway.model.finding import Level, Suspicion
from gateway.office.findings import FindingBook
from gateway.office.store import OfficeStore
from gateway.sdk import Deadline
from tests.unit.office.drafts import APPLICANT

NOW = datetime(2026, 11, 26, 1, tzinfo=UTC)
ABOUT = Suspicion(
    rule="limit_overdue",
    agency="yq-gjj",
    case="YQ20261122-0001",
    item="yq-gjj-001",
    since=date(2026, 11, 25),
    level="yellow",
)


def of_level(level: Level) -> Suspicion:
    return msgspec.structs.replace(ABOUT, level=level)


def soon() -> Deadline:
    return Deadline.after(5)


@pytest.fixture
def book(tmp_path: Path) -> Iterator[FindingBook]:
    store = OfficeStore.open(tmp_path / "office")
    yield FindingBook(store, clock=lambda: NOW)
    store.close()


async def test_the_same_is_found_once(book: FindingBook) -> None:
    other = msgspec.structs.replace(ABOUT, case="YQ20261122-0002")
    assert await book.keep([ABOUT, other, ABOUT], soon()) == (
        ("F-2026-000001", "F-2026-000002"),
        (),
    )
    assert await book.keep([ABOUT, other], soon()) == ((), ())
    assert [each.about for each in book.list_findings()] == [ABOUT, other]


async def test_clause_8_1_1_a_level_rises_and_never_falls(book: FindingBook) -> None:
    await book.keep([of_level("notice")], soon())
    assert await book.keep([of_level("red")], soon()) == ((), ("F-2026-000001",))
    assert await book.keep([of_level("yellow")], soon()) == ((), ())
    known = book.show("F-2026-000001")
    assert (known.level, [(step.step, step.level) for step in known.steps]) == (
        "red",
        [("found", "notice"), ("raised", "red")],
    )


async def test_what_is_settled_is_not_found_again(book: FindingBook) -> None:
    await book.keep([of_level("notice")], soon())
    settled = await book.settle("F-2026-000001", by="监督科", words="已办结", deadline=soon())
    assert (settled.state, settled.steps[-1].words) == ("settled", "已办结")
    assert await book.keep([of_level("red")], soon()) == ((), ())
    assert list(book.list_findings()) == []
    assert list(book.list_findings(state=None)) == [settled]


@pytest.mark.parametrize(
    ("finding", "words", "code"),
    [
        ("F-2026-000009", "已办结", "FINDING_ABSENT"),
        ("F-2026-000001", " ", "FINDING_SETTLED"),
        ("F-2026-000001", f"当事人{APPLICANT.number}", "MATTER_PERSONAL"),
    ],
)
async def test_a_finding_is_settled_with_a_reason_that_names_nobody(
    book: FindingBook, finding: str, words: str, code: str
) -> None:
    await book.keep([ABOUT], soon())
    with pytest.raises(RequestError) as caught:
        await book.settle(finding, by="监督科", words=words, deadline=soon())
    assert caught.value.code == code


async def test_a_finding_is_settled_once(book: FindingBook) -> None:
    await book.keep([ABOUT], soon())
    await book.settle("F-2026-000001", by="监督科", words="已办结", deadline=soon())
    with pytest.raises(RequestError) as caught:
        await book.settle("F-2026-000001", by="监督科", words="又一次", deadline=soon())
    assert caught.value.code == "FINDING_SETTLED"


async def test_findings_are_listed_by_level_rule_and_agency(book: FindingBook) -> None:
    other = msgspec.structs.replace(ABOUT, rule="step_overdue", agency="yq-shb", level="red")
    await book.keep([ABOUT, other], soon())
    assert [each.id for each in book.list_findings(level="red")] == ["F-2026-000002"]
    assert [each.id for each in book.list_findings(rule="limit_overdue")] == ["F-2026-000001"]
    assert [each.id for each in book.list_findings(agency="yq-shb")] == ["F-2026-000002"]


async def test_nothing_suspicious_writes_nothing(book: FindingBook) -> None:
    assert await book.keep([], soon()) == ((), ())


async def test_the_whole_list_is_read_however_long_it_is(book: FindingBook) -> None:
    many = [msgspec.structs.replace(ABOUT, case=f"YQ-{n:04}") for n in range(1001)]
    many.append(msgspec.structs.replace(of_level("red"), case="YQ-last"))
    ids, _ = await book.keep(many, soon())
    assert tuple(each.id for each in book.list_findings()) == ids
    assert [each.id for each in book.list_findings(level="red")] == ["F-2026-001002"]
