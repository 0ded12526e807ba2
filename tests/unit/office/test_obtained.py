# SPDX-License-Identifier: Apache-2.0
"""A material of a case is told once that it was obtained, in one transaction with its row."""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from gateway.errors import StoreError
from gateway.model.office_event import MaterialObtained
from gateway.office.obtained import ObtainedBook
from gateway.office.outbox import EventFeed
from gateway.office.store import OfficeStore
from gateway.sdk import Deadline
from tests.unit.office.drafts import CASE

OBTAINED = MaterialObtained(
    case=CASE,
    item="yq-gjj-001",
    material="身份证",
    certificate="public_security.identity",
    holder="140*************17",
    served_from="source",
    as_of="2026-11-26T01:00:00Z",
    request="0" * 32,
)
SPOUSES = msgspec.structs.replace(OBTAINED, holder="140*************25")


def soon() -> Deadline:
    return Deadline.after(5)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[OfficeStore]:
    opened = OfficeStore.open(tmp_path / "office")
    yield opened
    opened.close()


@pytest.fixture
def book(store: OfficeStore) -> ObtainedBook:
    return ObtainedBook(store, clock_s=lambda: 1_795_650_000.0)


def told(store: OfficeStore, agency: str = "yq-gjj") -> list[object]:
    return [event.what for event in EventFeed(store).page(agency, 0)]


async def test_clause_4_8_what_an_earlier_call_had_is_not_told_again(
    book: ObtainedBook, store: OfficeStore
) -> None:
    await book.note("yq-gjj", [OBTAINED], soon())
    change_count = store.change_count()
    await book.note("yq-gjj", [OBTAINED], soon())
    assert store.change_count() == change_count
    await book.note("yq-gjj", [OBTAINED, SPOUSES], soon())
    assert told(store) == [OBTAINED, SPOUSES]


async def test_cases_of_two_agencies_may_have_one_number(
    book: ObtainedBook, store: OfficeStore
) -> None:
    for agency in ("yq-gjj", "yq-mzj"):
        await book.note(agency, [OBTAINED], soon())
        assert told(store, agency) == [OBTAINED]


async def test_what_could_not_be_told_is_told_by_the_next_call(
    book: ObtainedBook, store: OfficeStore
) -> None:
    with pytest.raises(StoreError):
        await book.note("yq-gjj", [OBTAINED], Deadline.after(-1))
    bad = msgspec.structs.replace(SPOUSES, holder="not masked")
    with pytest.raises(msgspec.ValidationError):
        await book.note("yq-gjj", [SPOUSES, bad], soon())
    await book.note("yq-gjj", [OBTAINED, SPOUSES], soon())
    assert OBTAINED in told(store)
    assert SPOUSES in told(store)


async def test_a_call_that_obtained_nothing_writes_nothing(
    book: ObtainedBook, store: OfficeStore
) -> None:
    change_count = store.change_count()
    await book.note("yq-gjj", [], soon())
    assert store.change_count() == change_count
