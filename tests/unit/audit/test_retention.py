# SPDX-License-Identifier: Apache-2.0
"""How long epochs are kept: due dates, holds that the log proves, and erasure step by step."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

import msgspec
import pytest

from gateway.audit.hold_lock import hold_lock
from gateway.audit.log import Log
from gateway.audit.retention import Retention, Standing, erase
from gateway.audit.signals import make_event
from gateway.audit.signed import Signatories
from gateway.audit.store.reader import LogReader
from gateway.audit.store.sqlite import SqliteStore
from gateway.crypto.epochs import ensure_epoch, erase_epoch, list_epochs, load_epoch
from gateway.crypto.identity import EpochCipher
from gateway.errors import RequestError, SetupError, TrustError
from gateway.model.act import CASE_ACTIONS, Act, Action, Event, SignedTarget
from gateway.model.auditor import Auditor
from gateway.model.entry import Entry, format_entry, parse_entry
from gateway.model.ids import parse_holder
from gateway.model.instant import format_time_ms
from gateway.model.lookup import HolderReference
from gateway.model.record import format_record
from tests.unit.audit.people import NOW, Person
from tests.unit.audit.samples import KEY, SIGNER, entry_bytes
from tests.unit.audit.test_hold_lock import try_lock

Record = TypeVar("Record", Act, Event)

KEK = bytes(range(32))
ME, OTHER = "140302190001010017", "140302190001010025"
KEEPER = Person("keeper", "keep")
READER = Person("reader", "read")
STRANGER = Person("stranger", "keep")
LAST_OF_MAY = datetime(2026, 5, 31, 15, 59, tzinfo=UTC)  # one minute to June in China


class House:
    """A log with its epochs' keys; `now` is what the clock says."""

    def __init__(self, folder: Path) -> None:
        store = SqliteStore.open(folder / "log", KEY)
        self.close = store.close
        self.log = Log(store, SIGNER)
        self.reader = LogReader.open(folder / "log")
        self.file = folder / "epochs.json"
        self.keys = folder
        self.now = NOW
        self.auditors: list[Auditor] = [KEEPER.auditor, READER.auditor]
        self.forgotten: list[str] = []
        for epoch in ("2026-04", "2026-05", "2026-11"):
            ensure_epoch(self.file, KEK, epoch)

    def cipher(self, epoch: str) -> EpochCipher:
        return load_epoch(self.file, KEK, epoch)

    def access(self, at: datetime, number: str = ME, *, epoch: str = "", case: str = "C-1") -> str:
        epoch = epoch or at.strftime("%Y-%m")
        entry = parse_entry(entry_bytes(self.log.size))
        changed = msgspec.structs.replace(
            entry,
            time=format_time_ms(at),
            case=case,
            holder=self.cipher(epoch).mark_holder("cn-id", number, "140*17", entry.id),
            request=msgspec.structs.replace(entry.request, epoch=epoch),
        )
        self.log.append([format_entry(changed)])
        return entry.id

    def request(self, action: Action, at: datetime, subject: str, number: str | None = None) -> Act:
        """An agency's request whose signature stands sealed; with the holder where one is known."""
        cipher, act_id = self.cipher(at.strftime("%Y-%m")), f"{self.log.size:032x}"
        sealed = cipher.seal_request(bytes(32), bytes(64), act_id)
        act = READER.act(
            action,
            at,
            id=act_id,
            subject=subject,
            holder=number and cipher.mark_holder("cn-id", number, "140*17", act_id),
        )
        return self.append(msgspec.structs.replace(act, signature=f"{cipher.epoch}.{sealed}"))

    def append(self, record: Record) -> Record:
        self.log.append([format_record(record)])
        return record

    def hold(self, subject: str, number: str | None = None, person: Person = KEEPER) -> Act:
        act_id = f"{self.log.size:032x}"
        mark = number and self.cipher("2026-11").mark_holder("cn-id", number, "", act_id)
        return self.append(person.act("hold", self.now, id=act_id, subject=subject, holder=mark))

    @property
    def retention(self) -> Retention:
        return Retention(
            self.reader,
            Signatories(self.auditors),
            kept=lambda: list_epochs(self.file),
            cipher_of=self.cipher,
            retention_months=6,
            utc_offset_h=8,
            clock=lambda: self.now,
        )

    def states(self) -> dict[str, str]:
        return {each.epoch: each.state for each in self.retention.standings()}

    def erase(
        self,
        epoch: str,
        *,
        stop_at: str = "",
        then: Callable[[], object] = int,
        before_lock: Callable[[], object] = int,
        on_destroy: Callable[[], object] = int,
    ) -> Standing:
        """Erase, or end before the step `stop_at`; `then` happens right after the tombstone."""

        def step(name: str, do: Callable[[], object]) -> Callable[[], object]:
            def run() -> object:
                if name == stop_at:
                    raise InterruptedError(name)
                return do()

            return run

        def record() -> None:
            self.append(KEEPER.act("erase", self.now, subject=epoch))
            then()

        def lock() -> AbstractContextManager[None]:
            before_lock()
            return hold_lock(self.keys)

        def destroy() -> None:
            on_destroy()
            erase_epoch(self.file, epoch)

        return erase(
            epoch,
            self.retention,
            lock=lock,
            record=step("record", record),
            destroy=step("destroy", destroy),  # type: ignore[arg-type] # result unused
            forget=step("forget", lambda: self.forgotten.append(epoch)),
        )


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    made = House(tmp_path)
    made.access(datetime(2026, 4, 2, tzinfo=UTC))
    made.access(datetime(2026, 5, 2, tzinfo=UTC), OTHER, case="C-2")
    made.access(LAST_OF_MAY, OTHER, case="C-3")
    yield made
    made.reader.close()
    made.close()


def refusal(house: House, epoch: str) -> str:
    with pytest.raises(RequestError) as caught:
        house.erase(epoch)
    return caught.value.detail


def test_an_epoch_says_what_it_holds_and_when_it_is_due(house: House) -> None:
    may = house.retention.standing("2026-05")
    assert (may.record_count, may.first, may.last) == (
        2,
        "2026-05-02T00:00:00.000Z",
        "2026-05-31T15:59:00.000Z",
    )
    assert may.due_at == datetime(2026, 11, 30, 16, tzinfo=UTC)
    assert house.states() == {"2026-04": "due", "2026-05": "kept", "2026-11": "current"}


def test_the_last_record_of_a_month_is_kept_as_long_as_any(house: House) -> None:
    assert "may be erased from 2026-12-01 00:00:00+08:00" in refusal(house, "2026-05")
    house.now = datetime(2026, 11, 30, 15, 59, 59, tzinfo=UTC)
    assert house.states()["2026-05"] == "kept"
    house.now = datetime(2026, 11, 30, 16, tzinfo=UTC)
    assert house.erase("2026-05").state == "erased"


def test_a_record_that_came_late_under_an_old_key_is_kept_as_well(house: House) -> None:
    house.access(datetime(2026, 6, 1, tzinfo=UTC), epoch="2026-04")
    assert house.retention.standing("2026-04").due_at == datetime(2026, 12, 31, 16, tzinfo=UTC)


def test_the_current_epoch_and_later_ones_are_never_due(house: House) -> None:
    ensure_epoch(house.file, KEK, "2026-12")  # prepared ahead
    assert [refusal(house, epoch) for epoch in ("2026-11", "2026-12")] == [
        "epoch 2026-11 is not over",
        "epoch 2026-12 is not over",
    ]
    with pytest.raises(RequestError, match="no epoch 2020-01"):
        house.erase("2020-01")


def test_after_an_erasure_nobody_can_tell_who_it_was(house: House) -> None:
    done = house.erase("2026-04")
    assert (done.state, done.tombstone, done.record_count) == ("erased", 3, 1)
    assert house.forgotten == ["2026-04"]
    with pytest.raises(SetupError, match="has no epoch"):
        house.cipher("2026-04")
    assert house.erase("2026-04") == done


@pytest.mark.parametrize(
    ("stop_at", "state"), [("record", "due"), ("destroy", "unfinished"), ("forget", "erased")]
)
def test_an_interrupted_erasure_is_seen_and_completed_with_one_tombstone(
    house: House, stop_at: str, state: str
) -> None:
    with pytest.raises(InterruptedError):
        house.erase("2026-04", stop_at=stop_at)
    assert house.states()["2026-04"] == state
    assert house.erase("2026-04").state == "erased"
    assert house.forgotten == ["2026-04"]
    assert house.log.size == 4


def test_a_hold_beats_retention_until_it_is_released(house: House) -> None:
    hold = house.hold("epoch:2026-04")
    assert (house.states()["2026-04"], hold.id in refusal(house, "2026-04")) == ("held", True)
    house.append(KEEPER.act("release", subject=hold.id))
    assert house.erase("2026-04").state == "erased"


def test_a_hold_on_a_case_keeps_the_epochs_in_which_it_has_records(house: House) -> None:
    hold = house.hold("case:C-1")
    assert house.retention.standing("2026-04").holds == (hold.id,)
    assert house.retention.standing("2026-05").holds == ()


@pytest.mark.parametrize("number", [ME, None])
@pytest.mark.parametrize("action", sorted(CASE_ACTIONS))
def test_a_hold_on_a_case_keeps_the_epochs_in_which_something_was_asked_about_it(
    house: House, action: Action, number: str | None
) -> None:
    """The sealed signature of who asked ends with the epoch, whether a holder is marked or not."""
    house.request(action, datetime(2026, 4, 30, tzinfo=UTC), "C-2", number)
    hold = house.hold("case:C-2")
    assert house.retention.standing("2026-04").holds == (hold.id,)
    assert hold.id in refusal(house, "2026-04")
    assert house.retention.standing("2026-05").holds == (hold.id,)


def test_a_sealed_signature_is_a_record_of_its_epoch(house: House) -> None:
    house.request("case_show", datetime(2026, 4, 30, tzinfo=UTC), "C-9")
    april = house.retention.standing("2026-04")
    assert (april.record_count, april.last) == (2, "2026-04-30T00:00:00.000Z")


def test_a_hold_on_a_case_keeps_the_epochs_in_which_the_command_line_registered_it(
    house: House,
) -> None:
    about = parse_holder(HolderReference("cn-id", ME), today=NOW.date()), house.cipher("2026-04")
    detail = "agency=yq-gjj case=C-2 version=1"
    at = datetime(2026, 4, 30, tzinfo=UTC)
    house.append(make_event("case_registered", detail, now=at, about=about))
    hold = house.hold("case:C-2")
    assert house.retention.standing("2026-04").holds == (hold.id,)


def test_what_is_no_case_holds_nothing_by_the_name_of_one(house: House) -> None:
    at = datetime(2026, 4, 30, tzinfo=UTC)
    house.request("matter_step", at, "C-2", ME)
    about = parse_holder(HolderReference("cn-id", ME), today=NOW.date()), house.cipher("2026-04")
    house.append(make_event("cache_purged", "what=all reason=a case=C-2", now=at, about=about))
    house.hold("case:C-2")
    assert house.retention.standing("2026-04").holds == ()


def test_a_hold_on_a_holder_keeps_the_epochs_in_which_there_are_records(house: House) -> None:
    first, second = house.hold("holder", ME), house.hold("holder", OTHER)
    assert {e.epoch: e.holds for e in house.retention.standings()} == {
        "2026-04": (first.id,),
        "2026-05": (second.id,),
        "2026-11": (first.id, second.id),  # under its keys the log knows whom they are about
    }


def test_a_hold_of_which_nobody_can_tell_whom_it_is_about_keeps_everything(house: House) -> None:
    hold = house.hold("holder", OTHER)
    erase_epoch(house.file, "2026-11")
    assert house.retention.standing("2026-04").holds == (hold.id,)


@pytest.mark.parametrize("person", [READER, STRANGER, Person("keeper", "keep")])
def test_a_release_needs_the_signature_of_who_may_keep(house: House, person: Person) -> None:
    hold = house.hold("epoch:2026-04")
    house.append(person.act("release", subject=hold.id))
    assert house.states()["2026-04"] == "held"


def test_a_release_with_a_revoked_key_releases_nothing(house: House) -> None:
    hold = house.hold("epoch:2026-04")
    house.append(KEEPER.act("release", subject=hold.id))
    assert house.states()["2026-04"] == "due"
    revoked = msgspec.structs.replace(KEEPER.key, revoked=True)
    house.auditors = [msgspec.structs.replace(KEEPER.auditor, keys=(revoked,))]
    assert house.states()["2026-04"] == "held"


def test_a_forged_hold_is_none_but_one_of_an_unknown_person_is_in_doubt(house: House) -> None:
    forged = KEEPER.act("hold", subject="epoch:2026-04", signer=STRANGER.signer)
    house.append(forged)
    assert house.retention.holds() == ()
    unknown = house.hold("epoch:2026-04", person=STRANGER)
    assert [hold.act for hold in house.retention.holds()] == [unknown]


def test_a_hold_that_comes_between_check_and_tombstone_stops_the_erasure(house: House) -> None:
    with pytest.raises(RequestError, match="is held by"):
        house.erase("2026-04", then=lambda: house.hold("epoch:2026-04"))
    assert "2026-04" in list_epochs(house.file)
    assert house.states()["2026-04"] == "held"


@pytest.mark.parametrize("is_unfinished", [False, True])
@pytest.mark.parametrize(
    ("subject", "number"), [("epoch:2026-04", None), ("case:C-1", None), ("holder", ME)]
)
def test_a_hold_that_comes_after_the_last_scan_stops_the_erasure(
    house: House, is_unfinished: bool, subject: str, number: str | None
) -> None:
    if is_unfinished:
        house.append(KEEPER.act("erase", house.now, subject="2026-04"))
    with pytest.raises(RequestError, match="is held by"):
        house.erase("2026-04", before_lock=lambda: house.hold(subject, number))
    assert "2026-04" in list_epochs(house.file)
    assert house.states()["2026-04"] == "held"


def test_a_late_hold_on_something_else_stops_nothing(house: House) -> None:
    done = house.erase("2026-04", before_lock=lambda: house.hold("epoch:2026-05"))
    assert done.state == "erased"


def test_no_hold_is_recorded_while_the_keys_end(house: House) -> None:
    def while_keys_end() -> None:
        with pytest.raises(BlockingIOError):
            try_lock(house.keys)

    assert house.erase("2026-04", on_destroy=while_keys_end).state == "erased"
    try_lock(house.keys)


def test_a_tombstone_that_no_auditor_signed_is_none(house: House) -> None:
    house.append(STRANGER.act("erase", subject="2026-04"))
    assert house.states()["2026-04"] == "due"


def test_keys_that_went_without_a_tombstone_are_told_as_lost(house: House) -> None:
    erase_epoch(house.file, "2026-04")
    assert house.states()["2026-04"] == "lost"


def test_a_tombstone_does_not_shorten_retention(house: House) -> None:
    house.append(KEEPER.act("erase", subject="2026-05"))
    assert house.states()["2026-05"] == "kept"
    refusal(house, "2026-05")


def test_an_agencys_receipt_is_a_record_of_no_epoch(house: House) -> None:
    target = SignedTarget("gateway.example", "GET /v1/receipts/0", "()")
    house.append(READER.act("receipt", request=target))
    assert sum(each.record_count for each in house.retention.standings()) == 3


@pytest.mark.parametrize(
    "line", [b"no record", b'{"time": "2026-05-01T08:00:00Z", "case": "\xff"}']
)
def test_what_is_no_record_is_named_by_its_index(line: bytes, house: House) -> None:
    house.log.append([line])
    with pytest.raises(TrustError, match="entry 3: not a record"):
        house.retention.standings()


def test_entries_are_read_as_the_log_writes_them(house: House) -> None:
    entry = parse_entry(house.reader.entry(0))
    assert isinstance(entry, Entry)
    assert house.retention.standing("2026-04").first == entry.time
