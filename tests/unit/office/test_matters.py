# SPDX-License-Identifier: Apache-2.0
"""Matters and evaluations in the store: numbered, stepped in one transaction, one a case."""

import sqlite3
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import msgspec
import pytest

from gateway.errors import RequestError
from gateway.model.evaluation import EvaluationDraft, EvaluationTotal
from gateway.model.matter import StepDraft
from gateway.model.office_event import CorrectionAnswered
from gateway.model.standing import Standing
from gateway.office.evaluations import EvaluationBook
from gateway.office.matters import MatterBook, add_matter
from gateway.office.outbox import EventFeed
from gateway.office.schema import MIGRATIONS
from gateway.office.store import OfficeStore
from gateway.sdk import Deadline
from gateway.supervision.life import advance
from tests.unit.supervision.seeing import matter

NOW = datetime(2026, 11, 26, 1, tzinfo=UTC)
DUE = date(2026, 12, 17)
ASSIGN = StepDraft(step="assign", by="lead", owner="window 3")
RATED = EvaluationDraft(agency="yq-gjj", case="YQ20261122-0001", item="yq-gjj-001", level=2)


def soon() -> Deadline:
    return Deadline.after(5)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[OfficeStore]:
    opened = OfficeStore.open(tmp_path / "office")
    yield opened
    opened.close()


@pytest.fixture
def book(store: OfficeStore) -> MatterBook:
    return MatterBook(store, advance=advance, clock=lambda: NOW)


@pytest.fixture
def evaluations(store: OfficeStore) -> EvaluationBook:
    return EvaluationBook(store, clock=lambda: NOW)


async def test_clause_8_1_3_a_complaint_is_kept_with_every_step(book: MatterBook) -> None:
    opened = await book.open_matter(matter().draft, soon())
    assert (opened.id, opened.state, opened.draft) == ("C-2026-000001", "open", matter().draft)
    await book.take(opened.id, ASSIGN, soon())
    known = book.show(opened.id)
    assert (known.state, known.owner, [step.draft for step in known.steps]) == (
        "assigned",
        "window 3",
        [ASSIGN],
    )
    assert list(book.list_matters("complaint", "open")) == []
    assert list(book.list_matters("complaint", "assigned")) == [known]


async def test_each_kind_has_numbers_of_its_own(book: MatterBook) -> None:
    ids = [
        (await book.open_matter(matter(kind=kind).draft, soon())).id
        for kind in ("complaint", "corrective", "complaint", "correction")
    ]
    assert ids == ["C-2026-000001", "M-2026-000001", "C-2026-000002", "D-2026-000001"]


async def test_a_refused_step_changes_nothing(book: MatterBook) -> None:
    opened = await book.open_matter(matter().draft, soon())
    with pytest.raises(RequestError, match="it is open"):
        await book.take(opened.id, StepDraft(step="call_back", by="x", result="satisfied"), soon())
    assert book.show(opened.id) == opened
    with pytest.raises(RequestError) as absent:
        await book.take("C-2026-000009", ASSIGN, soon())
    assert absent.value.code == "MATTER_ABSENT"


async def test_clause_8_2_a_bad_rating_makes_a_ticket_without_the_case(
    evaluations: EvaluationBook, book: MatterBook
) -> None:
    given = await evaluations.give(RATED, soon(), due_on=DUE)
    assert given.ticket == "R-2026-000001"
    ticket = book.show("R-2026-000001")
    assert (ticket.draft.kind, ticket.draft.case, ticket.draft.due_on) == ("rating", None, DUE)


@pytest.mark.parametrize("level", [3, 4, 5])
async def test_clause_8_2_a_good_rating_makes_no_ticket(
    evaluations: EvaluationBook, level: int
) -> None:
    good = msgspec.structs.replace(RATED, level=level)
    assert (await evaluations.give(good, soon(), due_on=DUE)).ticket is None


async def test_clause_8_2_a_case_is_evaluated_once(
    evaluations: EvaluationBook, book: MatterBook
) -> None:
    await evaluations.give(RATED, soon(), due_on=DUE)
    with pytest.raises(RequestError) as twice:
        await evaluations.give(RATED, soon(), due_on=DUE)
    assert twice.value.code == "EVALUATION_TWICE"
    assert len(list(book.list_matters("rating"))) == 1


async def test_clause_8_2_who_evaluated_is_nowhere_to_be_read(
    evaluations: EvaluationBook,
) -> None:
    digest = bytes(range(32))
    known = msgspec.structs.replace(RATED, evaluator=digest)
    given = await evaluations.give(known, soon(), due_on=DUE)
    assert given.is_known
    assert not any(value == digest for value in msgspec.structs.asdict(given).values())
    number = msgspec.structs.replace(RATED, case="other", words="140302190001010017")
    with pytest.raises(RequestError, match="identity number"):
        await evaluations.give(number, soon(), due_on=DUE)


async def test_the_same_content_is_the_same_matter_until_that_is_closed(book: MatterBook) -> None:
    draft = matter().draft
    first = await book.open_once(draft, b"content", soon())
    assert await book.open_once(draft, b"content", soon()) == first
    assert (await book.open_once(draft, b"another", soon())).id == "C-2026-000002"
    await book.take(first.id, ASSIGN, soon())
    await book.take(first.id, StepDraft(step="reply", by="x", words="y", cause="other"), soon())
    await book.take(first.id, StepDraft(step="call_back", by="x", result="satisfied"), soon())
    assert (await book.open_once(draft, b"content", soon())).id == "C-2026-000003"


async def test_a_page_shows_what_is_there_for_whoever_asks(book: MatterBook) -> None:
    for agency, adapter in (("yq-gjj", "public_security"), ("yq-mzj", "housing_fund")) * 2:
        draft = matter(kind="correction", agency=agency, department=adapter).draft
        await book.open_matter(draft, soon())

    def page(standing: Standing, after: tuple[int, int] = (0, 0), limit: int = 9) -> list[int]:
        found = book.page(standing, "correction", None, after=after, limit=limit)
        return [int(each.id[-6:]) for each in found]

    assert page(Standing("auditor", "zhao")) == [1, 2, 3, 4]
    assert page(Standing("agency", "yq-gjj")) == [1, 3]
    assert page(Standing("department", "yq-ga", ("housing_fund",))) == [2, 4]
    assert page(Standing("department", "yq-ga")) == []
    assert page(Standing("auditor", "zhao"), after=(2026, 2), limit=1) == [3]
    assert page(Standing("auditor", "zhao"), after=(2027, 0)) == []
    assert book.page(Standing("auditor", "z"), "complaint", None, after=(0, 0), limit=9) == []


async def test_the_whole_list_is_read_however_long_it_is(
    book: MatterBook, store: OfficeStore
) -> None:
    draft = matter().draft

    def work(connection: sqlite3.Connection) -> list[str]:
        return [
            add_matter(connection, draft, NOW.replace(year=year))
            for year in (2026, 2027)
            for _ in range(501)
        ]

    ids = await store.write(work, soon())
    assert [each.id for each in book.list_matters("complaint")] == ids
    await book.take(ids[-1], ASSIGN, soon())
    assert [each.id for each in book.list_matters("complaint", "assigned")] == ids[-1:]


async def test_an_answered_correction_is_told_to_who_asked(
    book: MatterBook, store: OfficeStore
) -> None:
    draft = matter(kind="correction", department="public_security", case="YQ20261122-0001").draft
    opened = await book.open_matter(draft, soon())
    await book.take(opened.id, ASSIGN, soon())
    reply = StepDraft(step="reply", by="x", words="y", answer="confirmed")
    await book.take(opened.id, reply, soon())
    [event] = EventFeed(store).page("yq-gjj", 0)
    assert event.what == CorrectionAnswered(
        opened.id, "public_security", "confirmed", "YQ20261122-0001"
    )


async def test_ratings_are_counted_by_unit_item_and_month(evaluations: EvaluationBook) -> None:
    for number, (agency, level) in enumerate(
        [("yq-gjj", 2), ("yq-gjj", 5), ("yq-gjj", 5), ("yq-mzj", 1)]
    ):
        draft = msgspec.structs.replace(RATED, agency=agency, case=f"YQ-{number}", level=level)
        await evaluations.give(draft, soon(), due_on=DUE)
    mine = EvaluationTotal("yq-gjj", "yq-gjj-001", "2026-11", (0, 1, 0, 0, 2))
    assert evaluations.totals("yq-gjj") == [mine]
    assert [total.agency for total in evaluations.totals(None)] == ["yq-gjj", "yq-mzj"]


async def test_what_was_rated_before_counts_are_kept_is_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as before:
        before.setattr("gateway.office.store.MIGRATIONS", MIGRATIONS[:3])
        old = OfficeStore.open(tmp_path / "office")
        values = ("yq-gjj", "YQ-1", "yq-gjj-001", 4, "", None, "2026-10-31T01:00:00Z", None)
        await old.write(
            lambda connection: connection.execute(
                "INSERT INTO evaluations VALUES (?, ?, ?, ?, ?, ?, ?, ?)", values
            ),
            soon(),
        )
        old.close()
    store = OfficeStore.open(tmp_path / "office")
    found = EvaluationBook(store, clock=lambda: NOW).totals(None)
    store.close()
    assert found == [EvaluationTotal("yq-gjj", "yq-gjj-001", "2026-10", (0, 0, 0, 1, 0))]
