# SPDX-License-Identifier: Apache-2.0
"""Commitments in the store: one a material, checked, and remembered of whom they were."""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from gateway.calendars import load_working_days
from gateway.crypto.office import OfficeCipher
from gateway.errors import RequestError
from gateway.model.case import Party
from gateway.model.commitment import CommitmentStep, Committed
from gateway.model.office_event import CommitmentChecked
from gateway.office.cases import SqliteCaseBook
from gateway.office.commitments import CommitmentBook, years_before
from gateway.office.outbox import EventFeed
from gateway.office.store import DATABASE, OfficeStore
from gateway.sdk import Deadline
from tests.unit.office.drafts import AGENCY, APPLICANT, CASE, SPOUSE, commitment, draft

FALSE = CommitmentStep(step="check", by="核查科", result="false", words="登记信息不符")
LIFT = CommitmentStep(step="lift", by="审批科", words="经复核撤销认定")
KEY = (AGENCY, CASE, "产权证")


class Office:
    """A store with a case in it, and a clock that is set by hand."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.now = datetime(2026, 11, 22, 9, tzinfo=UTC)
        self.store = OfficeStore.open(folder)
        self.cases = SqliteCaseBook(self.store, OfficeCipher(b"o" * 32), clock_s=self.now.timestamp)
        self.book = self.open_book(3)

    def open_book(self, exclusion_years: int) -> CommitmentBook:
        return CommitmentBook(
            self.store,
            days=load_working_days(None),
            exclusion_years=exclusion_years,
            clock=lambda: self.now,
            utc_offset_h=8,
        )

    async def register(self, **changes: Any) -> None:
        await self.cases.register(draft(**changes), Deadline.after(5))

    async def keep(self, **changes: Any) -> Committed:
        return await self.book.keep(commitment(**changes), Deadline.after(5))

    async def take(self, step: CommitmentStep) -> Committed:
        return await self.book.take(KEY, step, Deadline.after(5))

    async def refusal(self, **changes: Any) -> str:
        with pytest.raises(RequestError) as caught:
            await self.keep(**changes)
        return caught.value.code


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    opened = Office(tmp_path / "office")
    yield opened
    opened.store.close()


async def test_clause_7_4_a_commitment_makes_a_check_task_with_a_due_day(office: Office) -> None:
    await office.register()
    kept = await office.keep()
    assert kept.draft == commitment()
    assert kept.check_due_on is None  # in January 2027, of which the calendar has no table yet
    sooner = await office.keep(material="未婚声明", check_within_working_days=5)
    assert sooner.check_due_on == date(2026, 11, 27)
    assert [each.draft.material for each in office.book.of_case(AGENCY, CASE)] == [
        "产权证",
        "未婚声明",
    ]


async def test_the_same_content_changes_nothing_and_another_is_refused(office: Office) -> None:
    await office.register()
    first = await office.keep()
    office.now = datetime(2026, 11, 23, 9, tzinfo=UTC)
    assert await office.keep(act="d" * 32) == first
    assert await office.refusal(form="oral") == "COMMITMENT_EXISTS"


async def test_a_commitment_is_made_in_an_open_registered_case(office: Office) -> None:
    assert await office.refusal() == "CASE_UNKNOWN"
    await office.cases.open_provisionally(draft(), Deadline.after(5))
    assert await office.refusal() == "CASE_UNKNOWN"
    await office.register()
    await office.cases.close_case(AGENCY, CASE, "2026-11-22T09:00:00Z", Deadline.after(5))
    assert await office.refusal() == "CASE_CLOSED"


async def test_clause_7_4_a_false_promise_excludes_from_commitments_until_it_is_lifted(
    office: Office,
) -> None:
    await office.register()
    await office.keep()
    await office.take(FALSE)
    later = {"number": "YQ-LATER-0001"}
    await office.register(agency="yq-shb", **later)
    elsewhere = {"agency": "yq-shb", **later}
    assert office.book.is_excluded("yq-shb", later["number"])
    assert await office.refusal(**elsewhere) == "COMMITMENT_EXCLUDED"
    lifted = await office.take(LIFT)
    assert [step.step for step in lifted.steps] == ["check", "lift"]
    assert lifted.steps[1].at == "2026-11-22T09:00:00Z"
    assert (await office.keep(**elsewhere)).result is None


async def test_clause_7_4_an_exclusion_ends_by_itself_and_concerns_nobody_else(
    office: Office,
) -> None:
    await office.register()
    await office.keep()
    await office.take(FALSE)
    await office.register(number="YQ-OTHER-001", parties=(Party("applicant", SPOUSE),))
    assert not office.book.is_excluded(AGENCY, "YQ-OTHER-001")
    assert office.book.is_excluded(AGENCY, CASE)
    assert not office.open_book(0).is_excluded(AGENCY, CASE)
    office.now = datetime(2029, 11, 21, 12, tzinfo=UTC)
    assert office.book.is_excluded(AGENCY, CASE)
    office.now = datetime(2029, 11, 22, 12, tzinfo=UTC)
    assert not office.book.is_excluded(AGENCY, CASE)


async def test_a_check_tells_the_agency(office: Office) -> None:
    await office.register()
    await office.keep()
    await office.take(FALSE)
    told = [event.what for event in EventFeed(office.store).page(AGENCY, 0)]
    assert told[1:] == [CommitmentChecked(CASE, "yq-gjj-001", "产权证", "false")]


async def test_nothing_is_checked_that_was_not_promised(office: Office) -> None:
    with pytest.raises(RequestError) as caught:
        await office.take(FALSE)
    assert caught.value.code == "COMMITMENT_ABSENT"


async def test_the_file_holds_no_number_and_no_name(office: Office) -> None:
    await office.register()
    await office.keep()
    await office.take(FALSE)
    files = [office.folder / f"{DATABASE}{suffix}" for suffix in ("", "-wal")]
    content = b"".join(file.read_bytes() for file in files)
    assert APPLICANT.number.encode() not in content
    assert str(APPLICANT.name).encode() not in content


@pytest.mark.parametrize("portion_count", [1, 2, 500])
async def test_what_is_unchecked_comes_oldest_first(
    office: Office, portion_count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.office.commitments._PORTION_COUNT", portion_count)
    await office.register()
    for material, day in [("b", 23), ("a", 24), ("c", 22), ("产权证", 21)]:
        await office.keep(material=material, committed_on=date(2026, 11, day))
    await office.take(FALSE)
    found = office.book.list_commitments(AGENCY, unchecked=True)
    assert [each.draft.material for each in found] == ["c", "b", "a"]
    assert list(office.book.list_commitments("yq-shb")) == []
    assert len(list(office.book.list_commitments())) == 4


def test_a_leap_day_years_before_is_the_28th() -> None:
    assert years_before(date(2028, 2, 29), 3) == date(2025, 2, 28)
    assert years_before(date(2028, 2, 29), 4) == date(2024, 2, 29)
