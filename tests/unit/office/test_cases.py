# SPDX-License-Identifier: Apache-2.0
"""Cases in the store: idempotent, versioned, sealed, and checked from what is there now."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.crypto.office import OfficeCipher
from gateway.errors import RequestError, TrustError
from gateway.model.case import Party
from gateway.office.cases import SqliteCaseBook
from gateway.office.store import DATABASE, OfficeStore
from gateway.sdk import Deadline
from tests.unit.office.drafts import (
    AGENCY,
    APPLICANT,
    CASE,
    COMPANY,
    ITEM,
    MANDATE,
    SPOUSE,
    draft,
)

NOW_S = 1_795_376_508.0
COUPLE = (Party("applicant", APPLICANT), Party("spouse", SPOUSE))


def soon() -> Deadline:
    return Deadline.after(5)


class Office:
    """A store with two workers' books."""

    def __init__(self, folder: Path, secret: bytes = b"o" * 32) -> None:
        self.folder = folder
        self.stores = [OfficeStore.open(folder) for _ in range(2)]
        self.now_s = NOW_S
        self.book, self.other = (
            SqliteCaseBook(store, OfficeCipher(secret), clock_s=lambda: self.now_s)
            for store in self.stores
        )

    def close(self) -> None:
        for store in self.stores:
            store.close()


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    opened = Office(tmp_path / "office")
    yield opened
    opened.close()


async def test_a_registered_case_is_known_to_every_worker_at_once(office: Office) -> None:
    assert office.other.facts(AGENCY, CASE) is None
    record = await office.book.register(draft(parties=COUPLE, mandate=MANDATE), soon())
    facts = office.other.facts(AGENCY, CASE)
    assert facts is not None
    assert (facts.state, facts.item, facts.mandate) == ("open", ITEM, MANDATE)
    assert office.other.roles_of(facts, APPLICANT) == ("applicant",)
    assert office.other.roles_of(facts, SPOUSE) == ("spouse",)
    assert office.other.roles_of(facts, COMPANY) == ()
    assert (record.version, record.registered_at) == (1, "2026-11-22T19:41:48Z")
    assert [(p.role, p.masked) for p in record.holders] == [
        ("applicant", "140*************17"),
        ("spouse", "140*************2X"),
    ]


async def test_a_case_number_is_its_agencys_own(office: Office) -> None:
    await office.book.register(draft(), soon())
    assert office.book.facts("yq-ga", CASE) is None
    assert office.book.show("yq-ga", CASE) is None


async def test_the_same_content_again_changes_nothing(office: Office) -> None:
    first = await office.book.register(draft(), soon())
    office.now_s += 60
    assert await office.other.register(draft(act="b" * 32), soon()) == first


async def test_another_content_is_a_new_version_and_the_old_one_stays(office: Office) -> None:
    await office.book.register(draft(), soon())
    record = await office.book.register(draft(parties=COUPLE), soon())
    assert (record.version, len(record.holders)) == (2, 2)
    again = await office.book.register(draft(), soon())
    assert (again.version, len(again.holders)) == (3, 1)
    kept = office.stores[0].select("SELECT version FROM case_versions ORDER BY version")
    assert [row[0] for row in kept] == [1, 2, 3]


async def test_a_name_makes_another_content(office: Office) -> None:
    await office.book.register(draft(), soon())
    renamed = type(APPLICANT)("cn-id", APPLICANT.number, "测试丙")
    record = await office.book.register(draft(parties=(Party("applicant", renamed),)), soon())
    assert record.version == 2


async def test_the_item_of_a_case_never_changes(office: Office) -> None:
    await office.book.register(draft(), soon())
    with pytest.raises(RequestError) as caught:
        await office.book.register(draft(item="yq-gjj-002"), soon())
    assert (caught.value.code, caught.value.refusal.status) == ("CASE_ITEM_FIXED", 409)


async def test_a_closed_case_stays_closed(office: Office) -> None:
    await office.book.register(draft(), soon())
    closed = await office.book.close_case(AGENCY, CASE, "2026-11-23T00:00:00Z", soon())
    again = await office.other.close_case(AGENCY, CASE, "2026-11-24T00:00:00Z", soon())
    assert closed == again
    assert (again.state, again.closed_at) == ("closed", "2026-11-23T00:00:00Z")
    with pytest.raises(RequestError) as caught:
        await office.book.register(draft(parties=COUPLE), soon())
    assert caught.value.code == "CASE_CLOSED"


async def test_how_a_case_ended_is_kept(office: Office) -> None:
    await office.book.register(draft(), soon())
    closed = await office.book.close_case(
        AGENCY, CASE, "2026-11-23T00:00:00Z", soon(), result="refused", reason="不符合条件"
    )
    assert (closed.result, closed.reason) == ("refused", "不符合条件")
    assert office.other.show(AGENCY, CASE) == closed


async def test_a_case_that_is_not_there_cannot_be_closed(office: Office) -> None:
    with pytest.raises(RequestError) as caught:
        await office.book.close_case(AGENCY, CASE, "2026-11-23T00:00:00Z", soon())
    assert caught.value.code == "CASE_ABSENT"


async def test_the_first_lookup_binds_holder_and_time_whoever_comes_second(office: Office) -> None:
    first = await office.book.open_provisionally(draft(), soon())
    office.now_s += 600
    second = await office.other.open_provisionally(
        draft(parties=(Party("applicant", SPOUSE),), item="yq-gjj-002"), soon()
    )
    assert first == second
    assert (second.state, second.item, second.first_seen_s) == ("provisional", ITEM, int(NOW_S))
    assert office.book.roles_of(second, SPOUSE) == ()


async def test_a_provisional_case_is_registered_for_whom_it_was_opened(office: Office) -> None:
    await office.book.open_provisionally(draft(), soon())
    for changes, code in (
        ({"parties": (Party("applicant", SPOUSE),)}, "CASE_HOLDER_MISMATCH"),
        ({"item": "yq-gjj-002"}, "CASE_ITEM_FIXED"),
    ):
        with pytest.raises(RequestError) as caught:
            await office.book.register(draft(**changes), soon())
        assert caught.value.code == code
    record = await office.book.register(draft(parties=COUPLE), soon())
    assert (record.state, record.version) == ("open", 1)
    assert record.first_seen_at == "2026-11-22T19:41:48Z"


async def test_the_same_content_registers_a_provisional_case_too(office: Office) -> None:
    await office.book.open_provisionally(draft(), soon())
    assert (await office.book.register(draft(), soon())).state == "open"


async def test_departments_are_asked_by_the_numbers_that_were_sealed(office: Office) -> None:
    await office.book.register(draft(parties=COUPLE), soon())
    assert office.other.parties(AGENCY, CASE) == COUPLE
    assert office.other.parties(AGENCY, "YQ-none") == ()


async def test_no_number_and_no_name_stands_in_the_file(office: Office) -> None:
    await office.book.register(draft(parties=COUPLE, mandate=MANDATE), soon())
    written = b"".join(file.read_bytes() for file in office.folder.iterdir())
    assert CASE.encode() in written  # what is written is read here
    for secret in (APPLICANT.number, SPOUSE.number, "测试甲", "测试乙"):
        assert secret.encode() not in written
    assert APPLICANT.number[3:16].encode() not in written


async def test_a_sealed_row_opens_at_its_own_place_and_under_its_own_key_only(
    office: Office, tmp_path: Path
) -> None:
    await office.book.register(draft(parties=COUPLE), soon())
    other_key = Office(office.folder, secret=b"x" * 32)
    with pytest.raises(TrustError):
        other_key.book.parties(AGENCY, CASE)
    other_key.close()
    await office.stores[0].write(
        lambda connection: connection.execute(
            "UPDATE case_holders SET sealed = "
            "(SELECT sealed FROM case_holders WHERE place = 1) WHERE place = 0"
        ),
        soon(),
    )
    with pytest.raises(TrustError):
        office.book.parties(AGENCY, CASE)


async def test_cases_are_listed_by_agency_state_and_page(office: Office) -> None:
    for number in ("YQ-0001", "YQ-0002", "YQ-0003"):
        await office.book.register(draft(number=number), soon())
    await office.book.register(draft(agency="yq-ga"), soon())
    await office.book.close_case(AGENCY, "YQ-0002", "2026-11-23T00:00:00Z", soon())
    assert [(r.agency, r.number) for r in office.book.list_cases()] == [
        *[("yq-ga", CASE), ("yq-gjj", "YQ-0001"), ("yq-gjj", "YQ-0002"), ("yq-gjj", "YQ-0003")]
    ]
    assert [r.number for r in office.book.list_cases(AGENCY, "closed")] == ["YQ-0002"]
    for since, found in [("2026-11-23T00:00:00Z", ["YQ-0002"]), ("2026-11-23T00:00:01Z", [])]:
        assert [r.number for r in office.book.list_cases(closed_since=since)] == found
    page = office.book.list_cases(AGENCY, after=(AGENCY, "YQ-0001"), limit=1)
    assert [r.number for r in page] == ["YQ-0002"]


async def test_what_is_remembered_is_read_once_until_somebody_writes(office: Office) -> None:
    await office.book.register(draft(), soon())
    first = office.book.facts(AGENCY, CASE)
    assert office.book.facts(AGENCY, CASE) is first
    await office.other.close_case(AGENCY, CASE, "2026-11-23T00:00:00Z", soon())
    after = office.book.facts(AGENCY, CASE)
    assert after is not None
    assert after.state == "closed"


async def test_an_index_answers_a_lookups_question(office: Office) -> None:
    plan = office.stores[0].select(
        "EXPLAIN QUERY PLAN SELECT c.state FROM cases c "
        "JOIN case_versions v USING (agency, number, version) "
        "JOIN case_holders h USING (agency, number, version) WHERE c.agency = ? AND c.number = ?",
        AGENCY,
        CASE,
    )
    assert len(plan) == 3
    assert all("SEARCH" in row[3] for row in plan)
    assert DATABASE in {file.name for file in office.folder.iterdir()}
