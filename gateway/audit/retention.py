# SPDX-License-Identifier: Apache-2.0
"""How long the log knows holders: epochs, legal holds 法律保全, and erasure 擦除.

Rules:

1. An epoch is due when its last record is `retention_months` old, counted from the end of its month
   (or from its last record, should a clock have been wrong). The current one is never due.
2. A hold beats retention. It is about an epoch, a case, or a holder; the latter two keep every
   epoch in which the log has a record of the case or the holder, and the epoch of the hold itself.
   A case has records not by lookups alone: it is registered, shown, closed, and what is missing is
   deferred. Such a request may mark nobody; then its sealed signature is under the epoch's keys.
3. Holds are derived from the log alone. In doubt a record is kept: a release counts only with the
   good signature of an auditor who may keep; a hold counts unless its signature is proved false.
4. Erasure is first an act in the log (the tombstone), then the end of the keys, then of the index.
   Whatever is interrupted is completed by doing it again. A hold that comes before the keys are
   gone stops it even then: from the last look at the holds until the keys are gone, nobody else
   records one (`gateway.audit.hold_lock`).
"""

import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, suppress
from datetime import datetime
from typing import Final, Literal, final

import msgspec

from gateway.audit.signed import Signatories, read_acts
from gateway.audit.store.reader import LogReader
from gateway.crypto.identity import EpochCipher
from gateway.errors import RequestError, TrustError
from gateway.model.act import CASE_ACTIONS, CASE_HAPPENINGS, SEALED_ACTIONS, Act
from gateway.model.entry import HolderMark
from gateway.model.epoch import epoch_at, epoch_end

HOLDER_SUBJECT: Final = "holder"
EPOCH_PREFIX: Final = "epoch:"
CASE_PREFIX: Final = "case:"
_CASE_IN_DETAIL: Final = re.compile(r"(?:^| )case=(\S+)")

#: `unfinished`: the tombstone is there, and the keys still are. `lost`: neither is.
State = Literal["current", "kept", "due", "held", "unfinished", "erased", "lost"]


class _Request(msgspec.Struct, frozen=True):
    epoch: str | None = None  # an act's names none


class _Seen(msgspec.Struct, frozen=True):
    """As much of a record as retention looks at: of an access, an act or an event."""

    time: str
    case: str | None = None
    holder: HolderMark | None = None
    request: _Request | None = None
    kind: str = "lookup"
    action: str = ""
    subject: str | None = None
    signature: str = ""
    event: str = ""
    detail: str = ""

    @property
    def epoch(self) -> str | None:
        """Under whose keys something stands in it."""
        if self.kind == "lookup" and self.request is not None:
            return self.request.epoch
        if self.holder is not None:
            return self.holder.epoch
        if self.action in SEALED_ACTIONS:
            epoch, dot, _ = self.signature.partition(".")
            return epoch if dot else None
        return None

    @property
    def about(self) -> str | None:
        """The case that it is a record of."""
        if self.action in CASE_ACTIONS:
            return self.subject
        if self.event in CASE_HAPPENINGS:
            found = _CASE_IN_DETAIL.search(self.detail)
            return found and found[1]
        return self.case


_decode_seen = msgspec.json.Decoder(_Seen).decode


class Standing(msgspec.Struct, frozen=True):
    """What is known of one epoch.

    Attributes:
        record_count: records under its keys.
        first: time of the first, RFC 3339; None without records.
        last: time of the last.
        due_at: from then on it may be erased.
        holds: ids of the acts that keep it.
        tombstone: index of the act that erased it.
        state: what follows from it.
    """

    epoch: str
    record_count: int
    first: str | None
    last: str | None
    due_at: datetime
    holds: tuple[str, ...]
    tombstone: int | None
    state: State


class Hold(msgspec.Struct, frozen=True):
    """A hold in force, and where it stands in the log."""

    index: int
    act: Act


@final
class _Held:
    """Which epochs are held: by name, or because a held case or holder is met there."""

    def __init__(self, holds: tuple[Hold, ...], ciphers: Mapping[str, EpochCipher]) -> None:
        self._everywhere: Final[set[str]] = set()
        self._epochs: Final[defaultdict[str, set[str]]] = defaultdict(set)
        self._cases: Final[defaultdict[str, set[str]]] = defaultdict(set)
        self._people: Final[defaultdict[tuple[str, str], set[str]]] = defaultdict(set)
        for act in (hold.act for hold in holds):
            kind, _, name = (act.subject or "").partition(":")
            match kind:
                case "epoch":
                    self._epochs[name].add(act.id)
                case "case":
                    self._cases[name].add(act.id)
                case _:
                    self._add_person(act, ciphers)

    def _add_person(self, act: Act, ciphers: Mapping[str, EpochCipher]) -> None:
        mark = act.holder
        number = None
        if mark is not None and mark.epoch in ciphers:
            with suppress(TrustError):
                number = ciphers[mark.epoch].reveal_holder(mark, act.id)
        if mark is None or number is None:
            self._everywhere.add(act.id)  # nobody can tell any more who it is about
            return
        self._epochs[mark.epoch].add(act.id)
        for epoch, cipher in ciphers.items():
            self._people[epoch, cipher.index_of(mark.scheme, number)].add(act.id)

    def see(self, epoch: str, seen: _Seen) -> None:
        """Note a record of the epoch."""
        if (case := seen.about) is not None and case in self._cases:
            self._epochs[epoch] |= self._cases[case]
        if seen.holder is not None and (epoch, seen.holder.ix) in self._people:
            self._epochs[epoch] |= self._people[epoch, seen.holder.ix]

    def on(self, epoch: str) -> tuple[str, ...]:
        """Ids of the acts that hold the epoch."""
        return tuple(sorted(self._everywhere | self._epochs[epoch]))


@final
class Retention:
    """What the log says about keeping it. Reads the whole log when asked, and keeps nothing.

    Args:
        signatories: by whose keys acts are believed.
        kept: names of the epochs whose keys are there, as they are at each call.
        cipher_of: the keys of one of them.
        clock: aware now.
    """

    def __init__(
        self,
        reader: LogReader,
        signatories: Signatories,
        *,
        kept: Callable[[], tuple[str, ...]],
        cipher_of: Callable[[str], EpochCipher],
        retention_months: int,
        utc_offset_h: float,
        clock: Callable[[], datetime],
    ) -> None:
        self._reader: Final = reader
        self._signatories: Final = signatories
        self._kept: Final = kept
        self._cipher_of: Final = cipher_of
        self._months: Final = retention_months
        self._utc_offset_h: Final = utc_offset_h
        self._clock: Final = clock

    def holds(self) -> tuple[Hold, ...]:
        """The holds in force, oldest first."""
        return self._holds_and_tombstones()[0]

    def log_size(self) -> int:
        """Number of records that there are now."""
        return self._reader.size()

    def has_hold_since(self, size: int) -> bool:
        """Whether an act `hold` was recorded after the first `size` records, good or not."""
        return any(act.action == "hold" for _, act in read_acts(self._reader, size))

    def unfinished(self) -> tuple[str, ...]:
        """Epochs with a tombstone whose keys are there all the same."""
        _, tombstones = self._holds_and_tombstones()
        return tuple(epoch for epoch in self._kept() if epoch in tombstones)

    def standings(self) -> tuple[Standing, ...]:
        """Every epoch that has keys, records or a tombstone, in order."""
        holds, tombstones = self._holds_and_tombstones()
        kept = frozenset(self._kept())
        held = _Held(holds, {epoch: self._cipher_of(epoch) for epoch in kept} if holds else {})
        counts: dict[str, tuple[int, str, str]] = {}
        for seen in self._records():
            if (epoch := seen.epoch) is not None:
                count, first, last = counts.get(epoch, (0, seen.time, seen.time))
                counts[epoch] = count + 1, min(first, seen.time), max(last, seen.time)
                held.see(epoch, seen)
        return tuple(
            self._standing(
                epoch,
                counts.get(epoch),
                holds=held.on(epoch),
                tombstone=tombstones.get(epoch),
                has_keys=epoch in kept,
            )
            for epoch in sorted({*kept, *counts, *tombstones})
        )

    def standing(self, epoch: str) -> Standing:
        """One epoch.

        Raises:
            RequestError: RECORD_UNKNOWN; it has neither keys nor records.
        """
        for standing in self.standings():
            if standing.epoch == epoch:
                return standing
        raise RequestError("RECORD_UNKNOWN", f"there is no epoch {epoch}")

    def _standing(
        self,
        epoch: str,
        counted: tuple[int, str, str] | None,
        *,
        holds: tuple[str, ...],
        tombstone: int | None,
        has_keys: bool,
    ) -> Standing:
        count, first, last = counted or (0, None, None)
        due_at = epoch_end(epoch, self._utc_offset_h, months=self._months)
        if last is not None:
            month = epoch_at(datetime.fromisoformat(last), self._utc_offset_h)
            due_at = max(due_at, epoch_end(month, self._utc_offset_h, months=self._months))
        now = self._clock()
        state: State = "due" if tombstone is None else "unfinished"
        if not has_keys:
            state = "lost" if tombstone is None else "erased"
        elif epoch >= epoch_at(now, self._utc_offset_h):
            state = "current"
        elif holds:
            state = "held"
        elif now < due_at:
            state = "kept"
        return Standing(epoch, count, first, last, due_at, holds, tombstone, state)

    def _holds_and_tombstones(self) -> tuple[tuple[Hold, ...], dict[str, int]]:
        holds: dict[str, Hold] = {}
        tombstones: dict[str, int] = {}
        for index, act in read_acts(self._reader):
            match act.action:
                case "hold" if not self._is_forged(act):
                    holds.setdefault(act.id, Hold(index, act))
                case "release" if act.subject and self._signatories.stands(act, "keep"):
                    holds.pop(act.subject, None)
                case "erase" if act.subject and self._signatories.stands(act, "keep"):
                    tombstones.setdefault(act.subject, index)
                case _:
                    pass
        return tuple(holds.values()), tombstones

    def _records(self) -> Iterator[_Seen]:
        for index, line in self._reader.entries():
            try:
                yield _decode_seen(line)
            except (msgspec.DecodeError, UnicodeDecodeError) as error:
                text = f"entry {index}: not a record ({type(error).__name__})"
                raise TrustError("PROOF_INVALID", text) from None

    def _is_forged(self, act: Act) -> bool:
        is_known = self._signatories.key_of(act) is not None
        return is_known and not self._signatories.has_signed(act)


def check_erasable(standing: Standing) -> None:
    """Refuse an erasure that is not allowed.

    Raises:
        RequestError: ERASURE_REFUSED, with the reason.
    """
    epoch, reason = standing.epoch, ""
    match standing.state:
        case "current":
            reason = f"epoch {epoch} is not over"
        case "kept":
            reason = f"epoch {epoch} is to be kept; it may be erased from {standing.due_at} on"
        case "held":
            reason = f"epoch {epoch} is held by {', '.join(standing.holds)}"
        case "due" | "unfinished" | "erased" | "lost":
            pass
    if reason:
        raise RequestError("ERASURE_REFUSED", reason)


def erase(
    epoch: str,
    retention: Retention,
    *,
    lock: Callable[[], AbstractContextManager[None]],
    record: Callable[[], object],
    destroy: Callable[[], None],
    forget: Callable[[], object],
) -> Standing:
    """Erase an epoch, or complete an erasure that was interrupted.

    Args:
        lock: `hold_lock`, under which holds are recorded.
        record: makes the tombstone durable.
        destroy: ends the keys, durably.
        forget: takes the epoch's blind indices out of the search index.

    Returns:
        How the epoch stands now.

    Raises:
        RequestError: ERASURE_REFUSED, RECORD_UNKNOWN; or what `lock` and `record` raise.
        AuditError: the tombstone could not be recorded, so nothing was destroyed.
    """
    seen_size = retention.log_size()
    standing = retention.standing(epoch)
    check_erasable(standing)
    if standing.tombstone is None:
        record()
    with lock():
        if retention.has_hold_since(seen_size):
            check_erasable(retention.standing(epoch))
        destroy()
    forget()
    return retention.standing(epoch)
