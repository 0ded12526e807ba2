# SPDX-License-Identifier: Apache-2.0
"""A lookup and its case: opened before the answer, and not answered from memory once closed."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from gateway.crypto.office import OfficeCipher
from gateway.model.case import Party
from gateway.model.certificate import CertificateType
from gateway.model.holder import Holder
from gateway.office.cases import SqliteCaseBook
from gateway.office.store import OfficeStore
from gateway.policy.cases import CasePolicy, Registration
from gateway.sdk import Deadline
from tests.unit.exchange.rooms import IDENTITY, NUMBER, Corridor
from tests.unit.office.drafts import AGENCY, CASE, MANDATE, SPOUSE, draft

MakeHall = Callable[..., "Hall"]


class Hall(Corridor):
    """A corridor whose requests are checked against cases."""

    def __init__(
        self,
        folder: Path,
        registration: Registration,
        certificate: CertificateType = IDENTITY,
    ) -> None:
        self.store = OfficeStore.open(folder)
        cipher = OfficeCipher(b"o" * 32)
        self.book = SqliteCaseBook(self.store, cipher, clock_s=lambda: self.now_s)
        rules = CasePolicy(
            self.book,
            registration=registration,
            within_minutes=30,
            clock_s=lambda: self.now_s,
        )
        super().__init__(certificate=certificate, cases=rules)

    async def register(self, number: str = CASE, holder: Holder | None = None) -> None:
        applicant = Party("applicant", holder or Holder("cn-id", NUMBER))
        await self.book.register(draft(number=number, parties=(applicant,)), Deadline.after(5))

    async def code(self, **changes: Any) -> str:
        """The outcome, or the code of the refusal; each is on record once."""
        before = len(self.log.entries)
        reply, said = await self.ask(**changes)
        assert len(self.log.entries) == before + 1
        assert reply.index == before
        return str(said.get("code", said.get("outcome")))


@pytest.fixture
def hall(tmp_path: Path) -> Iterator[MakeHall]:
    made: list[Hall] = []

    def make(registration: Registration, certificate: CertificateType = IDENTITY) -> Hall:
        made.append(Hall(tmp_path / "office", registration, certificate))
        return made[-1]

    yield make
    for each in made:
        each.store.close()


async def test_a_case_is_registered_before_it_is_asked_for(hall: MakeHall) -> None:
    own = hall("required")
    assert await own.code() == "CASE_UNKNOWN"
    await own.register()
    assert await own.code() == "found"


async def test_a_refusal_by_the_case_names_its_rule_and_was_not_permitted(hall: MakeHall) -> None:
    own = hall("required")
    await own.code()
    entry = own.log.entries[-1]
    assert (entry.decision.result, entry.decision.rule) == ("deny", "case.known")
    assert (entry.outcome, entry.grant) == ("refused", None)
    assert not own.department.queries


async def test_what_is_remembered_ends_with_its_case(hall: MakeHall) -> None:
    own = hall("required")
    await own.register()
    for _ in range(4):  # known, from the cache, and in its very words
        assert await own.code() == "found"
    assert own.policy.decided_count == 1
    await own.book.close_case(AGENCY, CASE, "2026-11-22T09:00:00Z", Deadline.after(5))
    assert await own.code() == "CASE_CLOSED"


async def test_what_is_remembered_ends_with_its_holder(hall: MakeHall) -> None:
    own = hall("required")
    await own.register()
    assert await own.code() == "found"
    await own.register(holder=SPOUSE)
    assert await own.code() == "CASE_HOLDER_MISMATCH"


async def test_the_first_lookup_opens_its_case_and_another_holder_is_refused(
    hall: MakeHall,
) -> None:
    own = hall("within")
    assert await own.code() == "found"
    [record] = own.book.list_cases()
    assert (record.state, record.number, record.item) == ("provisional", CASE, "yq-gjj-001")
    other = {"scheme": "cn-id", "number": SPOUSE.number}
    assert await own.code(holder=other) == "CASE_HOLDER_MISMATCH"
    own.now_s += 30 * 60
    assert await own.code() == "CASE_UNREGISTERED"


async def test_a_new_case_is_opened_though_the_cache_could_answer(hall: MakeHall) -> None:
    own = hall("within", msgspec.structs.replace(IDENTITY, cache_scope="agency_purpose"))
    assert [await own.code() for _ in range(2)] == ["found"] * 2
    assert await own.code(attribution__case="YQ20261122-0002") == "found"
    assert own.log.entries[-1].served_from == "cache"
    assert len(own.book.list_cases()) == 2


async def test_a_lookup_that_is_refused_opens_nothing(hall: MakeHall) -> None:
    own = hall("within")
    assert await own.code(attribution__purpose="测试") == "PURPOSE_PLACEHOLDER"
    own.log.verdict = "replayed"
    await own.ask()
    assert not own.book.list_cases()


@pytest.mark.parametrize("registration", ["within", "required"])
async def test_without_the_store_nothing_is_let_through(
    hall: MakeHall, registration: Registration
) -> None:
    own = hall(registration)
    await own.register()
    assert await own.code() == "found"
    own.store._reader.close()
    reply, said = await own.ask()
    assert (reply.status, said["code"]) == (503, "OFFICE_UNAVAILABLE")
    assert reply.index is not None


async def test_open_goes_on_without_the_store(hall: MakeHall) -> None:
    own = hall("open")
    own.store._reader.close()
    assert await own.code() == "found"


async def test_clause_4_9_the_record_of_an_access_names_the_mandate(hall: MakeHall) -> None:
    own = hall("open")
    applicant = Party("applicant", Holder("cn-id", NUMBER))
    await own.book.register(draft(parties=(applicant,), mandate=MANDATE), Deadline.after(5))
    assert await own.code(attribution__mandate=MANDATE.id) == "found"
    assert own.log.entries[-1].mandate == MANDATE.id
    assert b'"mandate":"WT-2026-07"' in own.log.lines[-1]
    assert await own.code() == "found"
    assert b'"mandate"' not in own.log.lines[-1]
