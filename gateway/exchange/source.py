# SPDX-License-Identifier: Apache-2.0
"""What no cache has: the department is asked, and its answer becomes the caller's.

1. Called only for a permitted request whose claim the sequencer holds.
2. A department that compares by itself is asked each time: what it said is neither kept nor
   replaced by what is kept. Where it leaves a verification to us, its record is compared.
3. When it is unavailable or late, an older answer takes its place if the certificate type allows.
4. Who asks the same while it is asked shares the answer, and waits for it as long as he may: the
   call outlasts whoever began it. It ends by the adapter's own limit, or when nobody waits.
5. In an emergency the department's rung decides first (`gateway.model.rung`): an older answer takes
   its place before it is asked, or nobody asks it. What is refused then is *unavailable* on record,
   by the gateway and not by the department.
"""

import asyncio
import time
from collections.abc import Callable
from datetime import datetime
from typing import Final

from gateway.errors import REFUSALS, AdapterTimeout, AdapterUnavailable, Refusal
from gateway.exchange.access import Access
from gateway.exchange.answer import Compared, make_answer
from gateway.exchange.known import Known
from gateway.exchange.reply import Refused
from gateway.model.answer import MAX_LOAD_S, Absent, Found, NotFound, Sealed, Verified
from gateway.model.asked import claims_of, keys_of
from gateway.model.instant import format_time_s, format_unix_s
from gateway.model.lookup import LookupAnswer, Operation
from gateway.model.rung import Rung
from gateway.office_port import Ladder
from gateway.ports import AdapterDirectory, Cached, ResultCache, Sealer
from gateway.sdk import Deadline, Query

#: Seconds of the deadline that a department cannot use up: its failure has to be recorded, too.
RECORD_RESERVE_S: Final = 0.5
#: After which whoever was refused in an emergency may try again: people have to end it.
_EMERGENCY_RETRY_S: Final = 30


class Source:
    """The departments, as the corridor sees them.

    Args:
        clock_s: UNIX seconds.
        ladder: what may be asked of each department; None is everything.
    """

    def __init__(
        self,
        departments: AdapterDirectory,
        cache: ResultCache,
        sealer: Sealer,
        *,
        clock_s: Callable[[], float],
        ladder: Ladder | None = None,
    ) -> None:
        self._departments: Final = departments
        self._cache: Final = cache
        self._sealer: Final = sealer
        self._clock_s: Final = clock_s
        self._ladder: Final = ladder

    async def answer(
        self, access: Access, known: Known, deadline: Deadline
    ) -> LookupAnswer | Refused:
        """Ask the department, and note in `access` how that went.

        Raises:
            DepartmentError: it has no answer, and nobody has an older one.
            TimeoutError: the deadline is over.
        """
        rung = "normal" if self._ladder is None else self._ladder.now.of(known.adapter)
        if rung != "normal" and (spared := self._spare(access, known, rung)) is not None:
            return spared
        access.adapter = known.adapter
        sooner = Deadline(deadline.at_s - RECORD_RESERVE_S)
        started_s = time.monotonic()
        said: Cached | Compared | None
        is_kept = False
        try:
            async with asyncio.timeout(sooner.remaining_s):
                said, is_kept = await self._obtain(access, known, sooner)
            access.served_from = "source"
        except (AdapterUnavailable, AdapterTimeout, TimeoutError):
            said = self._older(known)
            if said is None:
                raise
            access.served_from = "stale"
        finally:
            access.adapter_ms = round((time.monotonic() - started_s) * 1000)
        if is_kept:  # meanwhile, or by another node: the department heard nothing of this request
            access.served_from, access.adapter, access.adapter_ms = "cache", None, None
        return make_answer(access, known.request, known.certificate, said, self._sealer)

    def _spare(self, access: Access, known: Known, rung: Rung) -> LookupAnswer | Refused | None:
        """What takes the place of asking on this rung; None where the department is asked."""
        older = self._older(known)
        if older is not None:
            access.served_from = "stale"
            return make_answer(access, known.request, known.certificate, older, self._sealer)
        refusal = _refusal_on(rung, known.request.operation, is_held=access.is_held)
        return None if refusal is None else Refused(refusal, "", retry_after_s=_EMERGENCY_RETRY_S)

    async def _obtain(
        self, access: Access, known: Known, deadline: Deadline
    ) -> tuple[Cached | Compared, bool]:
        """What is known now, and whether it was kept."""
        max_age_s = known.request.max_age_s
        if known.is_verified_there:
            compared = await self._compare(access, known, deadline)
            if compared is not None:
                return compared, False
            max_age_s = 0  # it was asked, and the record says so
        obtained = await self._cache.obtain(
            known.key,
            known.certificate,
            max_age_s,
            lambda: self._look_up(access, known, deadline),
        )
        return obtained.answer, obtained.is_kept

    async def _compare(
        self, access: Access, known: Known, deadline: Deadline
    ) -> Compared | Absent | None:
        """Let the department compare; None where it leaves that to us."""
        query = _query(access, known, is_verification=True)
        match await self._departments.verify(query, deadline):
            case Verified(results, as_of):
                return Compared(results, self._text(as_of))
            case NotFound(as_of):
                return Absent(self._text(as_of))
            case None:
                return None

    async def _look_up(self, access: Access, known: Known, deadline: Deadline) -> Cached:
        limit = deadline if known.key is None else Deadline.after(MAX_LOAD_S)  # rule 4
        match await self._departments.lookup(_query(access, known), limit):
            case Found() as found:
                return self._sealer.seal(known.certificate, known.adapter, found)
            case NotFound(as_of):
                return Absent(self._text(as_of))

    def _older(self, known: Known) -> Sealed | None:
        if known.is_verified_there:
            return None
        return self._cache.get_stale(known.key, known.request.max_age_s)

    def _text(self, as_of: datetime | None) -> str:
        return format_time_s(as_of) if as_of else format_unix_s(self._clock_s())


def _refusal_on(rung: Rung, operation: Operation, *, is_held: bool) -> Refusal | None:
    match rung:
        case "verify_only" if operation == "query":
            return REFUSALS["DEPARTMENT_VERIFY_ONLY"]
        case "ticket" if is_held:
            return REFUSALS["DEPARTMENT_TICKET_ONLY"]
        case "substitute":
            return REFUSALS["DEPARTMENT_SUBSTITUTED"]
        case _:
            return None


def _query(access: Access, known: Known, *, is_verification: bool = False) -> Query:
    request, attribution = known.request, known.request.attribution
    asked_by = claims_of if is_verification else keys_of
    return Query(
        holder=known.holder,
        certificate=known.certificate,
        request_id=access.request_id,
        agency=access.caller.agency.id,
        operator=attribution.operator.id,
        item=attribution.item,
        case=attribution.case,
        purpose=attribution.purpose,
        claims=asked_by(request, known.certificate),
        division=attribution.division,
    )
