# SPDX-License-Identifier: Apache-2.0
"""Unmasking 解除脱敏: the number behind one record, by two persons, once.

::

    ask (role read) ─▶ approve (role approve, another person) ─▶ redeem (who asked; within 15 min)

Rules:

1. Each step is an act signed by its actor's key. What holds is derived from the log and the keys
   that are registered now; there is no other state.
2. An act counts only behind the one that it refers to, and an approval repeats which record it is
   for: an ask that is put under an id which was approved before gets nothing.
3. The order of the log decides: of several redemptions only the first shows anything.
4. An ask names the record's id, to which the number's ciphertext is bound; nothing else opens.
"""

import re
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

import msgspec

from gateway.audit.signed import Signatories
from gateway.audit.store.reader import LogReader
from gateway.errors import RequestError, TrustError
from gateway.model.act import Act, Event
from gateway.model.entry import Entry
from gateway.model.record import parse_record

WINDOW: Final = timedelta(minutes=15)
_MAX_INDEX_LENGTH: Final = 18
_ACT_ID: Final = re.compile(r"[0-9a-f]{32}")


class Unmasking(msgspec.Struct, frozen=True):
    """What the log proves of one ask.

    Attributes:
        ask: as signed.
        approvals: by other persons than who asked, in order.
        redeemed: the first redemption within an approval's window; what it alone may show.
    """

    ask: Act
    approvals: tuple[Act, ...] = ()
    redeemed: Act | None = None

    def is_open(self, at: datetime) -> bool:
        """Whether an approval's window is open."""
        return any(timedelta() <= at - _time(each) <= WINDOW for each in self.approvals)


def derive(acts: Iterable[Act], ask_id: str, signatories: Signatories) -> Unmasking:
    """Derive an unmasking from the acts of the log, in their order.

    Raises:
        RequestError: RECORD_UNKNOWN; nobody who may has asked under this id.
    """
    if not _ACT_ID.fullmatch(ask_id):  # an id is never what something else that was signed names
        raise RequestError("RECORD_UNKNOWN", "an act's id has 32 hexadecimal digits")
    state: Unmasking | None = None
    for act in acts:
        match act.action:
            case "unmask_ask" if act.id == ask_id and state is None:
                if _counts(act, signatories):
                    state = Unmasking(act)
            case "unmask_approve" if act.subject == ask_id and state is not None:
                if _approves(act, state.ask, signatories):
                    state = msgspec.structs.replace(state, approvals=(*state.approvals, act))
            case "unmask_redeem" if act.subject == ask_id and state is not None:
                if state.redeemed is None and _redeems(act, state, signatories):
                    state = msgspec.structs.replace(state, redeemed=act)
            case _:
                pass
    if state is None:
        raise RequestError("RECORD_UNKNOWN", "no unmasking was asked for under this id")
    return state


def target_of(ask: Act) -> dict[str, str | None]:
    """What an approval says in `query`: the record that the ask is about."""
    return {"record": ask.subject}


def check_approvable(unmasking: Unmasking, approver: str) -> None:
    """Refuse an approval that would have no effect, before it is recorded.

    Args:
        approver: id of the auditor who would approve.

    Raises:
        RequestError: UNMASK_REFUSED.
    """
    if unmasking.ask.actor == approver:
        raise RequestError("UNMASK_REFUSED", "who asked cannot approve")
    _refuse_used(unmasking)


def check_redeemable(unmasking: Unmasking, actor: str, now: datetime) -> None:
    """Refuse a redemption that would show nothing, before it is recorded.

    Raises:
        RequestError: UNMASK_REFUSED.
    """
    if unmasking.ask.actor != actor:
        raise RequestError(
            "UNMASK_REFUSED", f"only {unmasking.ask.actor}, who asked, can redeem it"
        )
    _refuse_used(unmasking)
    if not unmasking.is_open(now):
        reason = "its approval is older than 15 minutes" if unmasking.approvals else "not approved"
        raise RequestError("UNMASK_REFUSED", reason)


def check_redeemed_by(unmasking: Unmasking, act: Act) -> None:
    """Refuse to show anything unless this act, which the log holds now, is the redemption.

    Raises:
        RequestError: UNMASK_REFUSED.
    """
    if unmasking.redeemed is None or unmasking.redeemed != act:
        raise RequestError("UNMASK_REFUSED", "another redemption came first, or the window closed")


def check_seen(
    acts: Iterable[Act], ask_id: str, signatories: Signatories, *, record: str, actor: str
) -> None:
    """Refuse what tells a record's number, unless an unmasking has shown it to the actor.

    The window is for seeing the number, not for having seen it: no time limit follows. Who asked
    keeps what was shown, with a second person's approval and on record, as what rests on it is.

    Args:
        acts: of the log, in their order.
        record: id of what tells the number.
        actor: id of the auditor who would be told.

    Raises:
        RequestError: UNMASK_REFUSED; `detail` says what to do.
    """
    anew = f"ask for this one: `yizheng audit unmask ask {record}`"
    try:
        unmasking = derive(acts, ask_id, signatories)
    except RequestError as error:
        raise RequestError("UNMASK_REFUSED", f"{error.detail}; {anew}") from None
    asker = unmasking.ask.actor
    if asker != actor:
        raise RequestError("UNMASK_REFUSED", f"it may show a number to {asker} only; {anew}")
    if unmasking.ask.subject != record:
        raise RequestError("UNMASK_REFUSED", f"it is for another record; {anew}")
    if unmasking.redeemed is None:
        reason = "it has shown no number yet: let it be approved, and redeem it within 15 minutes"
        raise RequestError("UNMASK_REFUSED", reason)


def find_record(reader: LogReader, wanted: str) -> tuple[int, Entry | Act]:
    """A record by its index, or by its id.

    Raises:
        RequestError: RECORD_UNKNOWN.
        TrustError: the log is damaged.
    """
    if wanted.isdecimal() and len(wanted) <= _MAX_INDEX_LENGTH:
        for index, line in reader.entries(int(wanted)):
            if index != int(wanted):
                break
            return index, _with_holder(line)
    elif wanted:
        mark = f',"id":"{wanted}",'.encode()
        for index, line in reader.entries():
            if mark in line and (record := _with_holder(line)).id == wanted:
                return index, record
    raise RequestError("RECORD_UNKNOWN", "the log has no such record")


def _with_holder(line: bytes) -> Entry | Act:
    try:
        record = parse_record(line)
    except ValueError as error:
        raise TrustError("PROOF_INVALID", str(error)) from None
    if isinstance(record, Event) or record.holder is None:
        raise RequestError("RECORD_UNKNOWN", "the record names no holder")
    return record


def _counts(act: Act, signatories: Signatories) -> bool:
    role: Final = "approve" if act.action == "unmask_approve" else "read"
    return signatories.is_active(act) and signatories.stands(act, role)


def _approves(act: Act, ask: Act, signatories: Signatories) -> bool:
    is_for_it = act.query == msgspec.json.encode(target_of(ask)).decode()
    return is_for_it and signatories.are_two(ask, act) and _counts(act, signatories)


def _redeems(act: Act, state: Unmasking, signatories: Signatories) -> bool:
    is_by_asker = act.actor == state.ask.actor
    return is_by_asker and state.is_open(_time(act)) and _counts(act, signatories)


def _refuse_used(unmasking: Unmasking) -> None:
    if unmasking.redeemed is not None:
        raise RequestError("UNMASK_REFUSED", "it was redeemed; an ask is good for once")


def _time(act: Act) -> datetime:
    return datetime.fromisoformat(act.time)
