# SPDX-License-Identifier: Apache-2.0
"""The end of the corridor: an outcome becomes a record, and a durable record becomes a reply."""

from collections.abc import Callable
from functools import partial
from typing import Final

from gateway.errors import REFUSALS, AuditError
from gateway.exchange.access import Access
from gateway.exchange.day import SiteDay
from gateway.exchange.known import Wording
from gateway.exchange.reply import Refused, Reply, answer_reply, problem_reply
from gateway.model.entry import MAX_ENTRY_BYTES, format_entry
from gateway.model.instant import format_unix_ms
from gateway.model.lookup import LookupAnswer
from gateway.ports import Appended, AuditLog, Claim, Epochs, Verdict
from gateway.sdk import Deadline

#: Told once what the caller gets: a reply that is on record, or that nothing could be recorded.
Done = Callable[[Reply | AuditError], None]

_VERDICTS: Final[dict[Verdict, str]] = {
    "replayed": "NONCE_REPLAYED",
    "over_quota": "QUOTA_EXCEEDED",
}


class Recorder:
    """Writes the one entry of each access.

    Args:
        clock_s: UNIX seconds.
        on_fault: told of a programming error; must not raise.
    """

    def __init__(
        self,
        audit: AuditLog,
        epochs: Epochs,
        day: SiteDay,
        *,
        clock_s: Callable[[], float],
        on_fault: Callable[[BaseException], None],
    ) -> None:
        self.epochs: Final = epochs
        self._audit: Final = audit
        self._day: Final = day
        self._clock_s: Final = clock_s
        self._on_fault: Final = on_fault

    def record(
        self,
        access: Access,
        outcome: LookupAnswer | Wording | Refused,
        deadline: Deadline,
        done: Done,
    ) -> None:
        """Make the entry durable; only then is there a reply."""
        try:
            reply, entry = self._write(access, outcome)
        except Exception as error:  # noqa: BLE001 - what cannot be recorded does not leave
            self._on_fault(error)
            done(AuditError("AUDIT_UNAVAILABLE", "the entry could not be written"))
            return
        recorded = partial(self._on_recorded, access, reply, deadline, done)
        self._audit.append_soon(entry, deadline, recorded, claim=access.claim, held=access.held)

    def refuse_by(self, verdict: Verdict, access: Access) -> Refused:
        """The sequencer said no: the permit did not become an access."""
        access.claim = access.permit = access.held = None
        access.served_from = access.as_of = None
        refusal = REFUSALS[_VERDICTS[verdict]]
        wait_s = self._day.left_s() if verdict == "over_quota" else None
        return Refused(refusal, "", f"sequencer.{verdict}", wait_s)

    def _on_recorded(
        self,
        access: Access,
        reply: Reply,
        deadline: Deadline,
        done: Done,
        result: Appended | Verdict | AuditError,
    ) -> None:
        if isinstance(result, Appended):
            reply.index, reply.limits = result.index, access.limits
            done(reply)
        elif isinstance(result, AuditError):
            done(result)
        else:  # the nonce is known or the cap is used up: a refusal after all, and recorded
            self.record(access, self.refuse_by(result, access), deadline, done)

    def _write(
        self, access: Access, outcome: LookupAnswer | Wording | Refused
    ) -> tuple[Reply, bytes]:
        """The reply, and the entry that records it."""
        time_ms = format_unix_ms(self._clock_s())
        cipher = self.epochs.current
        if isinstance(outcome, Wording):
            assert access.holder is not None
            reply = outcome.reply(access.request_id)
            line = outcome.entry(access.caller, access.request_id, access.holder, reply, time_ms)
        else:
            reply = _reply(outcome, access.request_id)
            entry = access.entry(outcome, reply, time=time_ms, cipher=cipher)
            line = format_entry(entry)
            if isinstance(outcome, LookupAnswer) and access.known is not None:
                access.known.learn(outcome, entry, access.kept, cipher)
        if len(line) <= MAX_ENTRY_BYTES:
            return reply, line
        # Too large: say so in a record that fits.
        access.request = access.permit = None
        if (claim := access.claim) is not None:
            access.claim = Claim(claim.keyid, claim.nonce, claim.expires_at_s)
        refused = Refused(REFUSALS["ENTRY_TOO_LARGE"], f"the record would have {len(line)} bytes")
        reply = _reply(refused, access.request_id)
        return reply, format_entry(access.entry(refused, reply, time=time_ms, cipher=cipher))


def _reply(outcome: LookupAnswer | Refused, request_id: str) -> Reply:
    if isinstance(outcome, Refused):
        return problem_reply(outcome, request_id)
    return answer_reply(outcome)
