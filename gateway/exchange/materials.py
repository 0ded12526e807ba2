# SPDX-License-Identifier: Apache-2.0
"""`POST /v1/materials`: everything that an item requires of a case's holders, in one call.

::

    Caller ─▶ limit ─▶ plan ─▶ nonce ─▶ ┬ corridor: material 1 ─▶ entry ┐
                                        ├ corridor: material 2 ─▶ entry ┼─▶ notice ─▶ act ─▶ Reply
                                        └ …                             ┘

1. The nonce is decided once, before any department is asked; a material's own claim counts against
   a daily cap and nothing else.
2. Each material walks the corridor alone: policy, limits, cache, department, seal, and an entry
   that names this call as its `plan`. All of them walk at once, within one deadline.
3. No record, no answer: entries first, then one act with the digest of the whole answer, then the
   answer. If any of them cannot be made durable, nothing leaves.
4. One that fails is that material's outcome, and never the others'.
5. What no call of the case had obtained before is told by an event, beside the act: by then it has
   its entry. An event that cannot be kept now is told by the next call.
6. A material that is deferred says so; one that is had now is deferred no longer.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from datetime import date, datetime, timedelta, timezone
from typing import Any, Final, final

import msgspec
import structlog

from gateway.crypto.digest import sha256
from gateway.crypto.random import random_piece
from gateway.errors import AuditError, RequestError, StoreError, first_of
from gateway.exchange.access import Access, check_limit, check_x509
from gateway.exchange.body import parse_materials
from gateway.exchange.case_requests import Handling
from gateway.exchange.excuse import OnFault, excuse
from gateway.exchange.lookup import Lookup
from gateway.exchange.obtained import obtained_of
from gateway.exchange.one_off import make_notice
from gateway.exchange.outcome import (
    Promises,
    judge,
    offer_commitment,
    offer_deferral,
    todo_of,
    with_deferral,
)
from gateway.exchange.plan import Line, Plan, Planner
from gateway.exchange.reply import JSON, Refused, Reply, problem_reply
from gateway.model.commitment import shown
from gateway.model.deferral import OpenDeferral
from gateway.model.office_event import MaterialObtained
from gateway.model.plan import SETTLED, MaterialAnswer, MaterialsAnswer
from gateway.model.working_day import WorkingDays
from gateway.office_port import CaseBook, CaseLog, Commitments, DeferralBook, ObtainedShelf
from gateway.ports import AdapterDirectory, Caller, Catalog, Claim, RateLimits
from gateway.sdk import Deadline

#: Seconds of the deadline that materials leave to the record of the whole.
_RECORD_RESERVE_S: Final = 0.25

_log = structlog.get_logger()

_encode_said = msgspec.json.Encoder(order="deterministic").encode
_encode_answer = msgspec.json.Encoder().encode


@final
class Materials:
    """Requests for all materials of a case, from an identified agency to a recorded reply.

    Args:
        lookup: the corridor.
        obtained: told what was obtained.
        days: the site's calendar.
        clock: aware UTC now.
        utc_offset_h: hours east of UTC of the site's days.
        nonce_life_s: seconds after `created` at which a signature is too old by itself.
        x509_required: agencies that registered no X.509 certificate are refused as well.
        on_fault: told of a programming error, whose caller gets INTERNAL; must not raise.
    """

    def __init__(
        self,
        *,
        lookup: Lookup,
        log: CaseLog,
        book: CaseBook,
        commitments: Commitments,
        deferrals: DeferralBook,
        catalog: Catalog,
        departments: AdapterDirectory,
        limits: RateLimits,
        obtained: ObtainedShelf,
        days: WorkingDays,
        clock: Callable[[], datetime],
        utc_offset_h: float,
        nonce_life_s: int,
        x509_required: bool = False,
        on_fault: OnFault,
    ) -> None:
        self._lookup: Final = lookup
        self._log: Final = log
        self._commitments: Final = commitments
        self._deferrals: Final = deferrals
        self._departments: Final = departments
        self._limits: Final = limits
        self._obtained: Final = obtained
        self._days: Final = days
        self._clock: Final = clock
        self._zone: Final = timezone(timedelta(hours=utc_offset_h))
        self._planner: Final = Planner(catalog, book, self._zone)
        self._nonce_life_s: Final = nonce_life_s
        self._x509_required: Final = x509_required
        self._on_fault: Final = on_fault

    async def __call__(
        self, caller: Caller, request_id: str, body: bytes, deadline: Deadline
    ) -> Reply:
        """Answer one request.

        Raises:
            AuditError: an entry or the act could not be recorded; the caller gets 503 and nothing
                else.
        """
        handling, code = Handling(caller, request_id, "case_materials", ""), None
        obtained: tuple[MaterialObtained, ...] = ()
        try:
            check_x509(caller, required=self._x509_required)
            limit = self._limits.take_agency(caller.agency)
            if limit is not None:
                handling.limits = (limit,)
                check_limit(limit)
            reply, obtained = await self._work(handling, body, deadline)
        except Exception as error:  # noqa: BLE001 - ours is recorded as well
            refused = excuse(error, self._on_fault)
            reply, code = problem_reply(refused, request_id), refused.refusal.code
        async with _recording() as group:
            recorded = group.create_task(self._record(handling, reply, code, deadline))
            group.create_task(self._tell(caller.agency.id, obtained, deadline))
        return recorded.result()

    async def _work(
        self, handling: Handling, body: bytes, deadline: Deadline
    ) -> tuple[Reply, tuple[MaterialObtained, ...]]:
        caller, today = handling.caller, self._today()
        asked = parse_materials(body)
        plan = self._planner.make(caller.agency.id, asked, today)
        handling.number = asked.attribution.case
        handling.holder = plan.applicant.holder
        handling.said = _said(plan, (), None)
        handling.held = await self._log.begin(caller, deadline)
        if handling.held is None:
            raise RequestError("NONCE_REPLAYED")
        promises = self._promises(caller.agency.id, handling.number)
        waiting = self._deferrals.waiting_in(caller.agency.id, handling.number)
        answers = await self._gather(handling, plan, promises, deadline)
        answers = tuple(with_deferral(answer, waiting) for answer in answers)
        await self._close_deferrals(handling, waiting, answers, deadline)
        whole = _encode_answer(
            MaterialsAnswer(
                request_id=handling.request_id,
                case=handling.number,
                item=plan.item.code,
                situation=plan.situation,
                materials=answers,
                notice=make_notice(plan.item, handling.number, answers, issued_on=today),
            )
        )
        digest = sha256(whole)
        handling.said = _said(plan, answers, digest)
        obtained = obtained_of(handling.number, plan.item.code, answers)
        return Reply(200, JSON, whole, digest, "materials"), obtained

    async def _close_deferrals(
        self,
        handling: Handling,
        waiting: Mapping[str, OpenDeferral],
        answers: tuple[MaterialAnswer, ...],
        deadline: Deadline,
    ) -> None:
        """What was had is on record by now, and owed no longer."""
        had: dict[str, tuple[int, ...]] = {}
        for name in waiting:
            of_it = [answer for answer in answers if answer.material == name]
            if of_it and all(answer.outcome in SETTLED for answer in of_it):
                had[name] = tuple(each.index for each in of_it if each.index is not None)
        if had:
            agency = handling.caller.agency.id
            with suppress(StoreError):  # the next call, or the next try, notes it
                await self._deferrals.note_obtained(agency, handling.number, had, deadline)

    async def _gather(
        self, handling: Handling, plan: Plan, promises: Promises, deadline: Deadline
    ) -> tuple[MaterialAnswer, ...]:
        """Every material's answer, when the entries of all are durable."""
        sooner = Deadline(deadline.at_s - _RECORD_RESERVE_S)
        async with _recording() as group:
            tasks = [
                group.create_task(self._ask(handling, plan, place, promises, sooner))
                for place in range(len(plan.lines))
            ]
        return tuple(task.result() for task in tasks)

    async def _ask(
        self,
        handling: Handling,
        plan: Plan,
        place: int,
        promises: Promises,
        deadline: Deadline,
    ) -> MaterialAnswer:
        line, reply = plan.lines[place], None
        if line.request is not None:
            signature = handling.caller.signature
            # No signer can write this nonce, for `.` is not in its alphabet.
            claim = Claim(
                signature.keyid,
                f"{signature.nonce}.{place}",
                signature.created + self._nonce_life_s,
            )
            access = Access(handling.caller, random_piece().hex(), claim, plan=handling.request_id)
            reply = await self._lookup.material(access, line.request, deadline, is_claimed=True)
        outcome, code = judge(line, reply, promises)
        deferral = offer_deferral(
            line,
            outcome,
            accepted_on=plan.accepted_on,
            limit=plan.item.limit,
            days=self._days,
        )
        material, due_on = line.material, deferral.due_on if deferral else None
        committed = promises.by_material.get(material.name)
        stands = committed is not None and committed.stands
        return MaterialAnswer(
            material=material.name,
            role=material.holder,
            necessity=material.necessity,
            outcome=outcome,
            holder=line.party.holder.masked if line.party else None,
            certificate=material.certificate or None,
            source=self._source(line),
            index=reply.index if reply else None,
            answer=msgspec.Raw(reply.body) if reply else msgspec.UNSET,
            code=code,
            todo=None if stands else todo_of(line, outcome, code, due_on),
            correction=outcome == "mismatch",
            deferral=None if stands else deferral,
            commitment=offer_commitment(line, outcome, promises, version=plan.item.version),
            committed=committed,
        )

    def _promises(self, agency: str, case: str) -> Promises:
        known = self._commitments.of_case(agency, case)
        return Promises(
            {each.draft.material: shown(each) for each in known},
            self._commitments.is_excluded(agency, case),
        )

    def _source(self, line: Line) -> str | None:
        asked = line.request
        if asked is None or asked.certificate not in self._departments.certificates:
            return None  # nobody answers for it here
        return self._departments.adapter_of(asked.certificate, asked.attribution.division)

    def _today(self) -> date:
        return self._clock().astimezone(self._zone).date()

    async def _tell(
        self, agency: str, obtained: tuple[MaterialObtained, ...], deadline: Deadline
    ) -> None:
        try:
            await self._obtained.note(agency, obtained, deadline)
        except StoreError as error:
            _log.warning("what was obtained is told later", code=error.code)

    async def _record(
        self, handling: Handling, reply: Reply, code: str | None, deadline: Deadline
    ) -> Reply:
        caller, index = handling.caller, None
        if code != "NONCE_REPLAYED":
            act = handling.act(code)
            index = await self._log.record(caller, act, deadline, held=handling.held)
            if index is None and handling.held is not None:
                # The nonce was held, and the log has begun anew since: it knows it from an entry of
                # this very call. Departments were asked on record; the whole is not, and is lost.
                raise AuditError("AUDIT_UNAVAILABLE", "the log began anew meanwhile")
        if index is None:
            replayed = RequestError("NONCE_REPLAYED")
            reply = problem_reply(Refused.because(replayed), handling.request_id)
            handling.said = None
            act = handling.act(replayed.code)
            index = await self._log.record_replay(caller, act, deadline)
        return msgspec.structs.replace(reply, index=index, limits=handling.limits)


@asynccontextmanager
async def _recording() -> AsyncIterator[asyncio.TaskGroup]:
    """A group of tasks that record; the first record that fails ends all, and is raised itself."""
    failed = None
    try:
        async with asyncio.TaskGroup() as group:
            yield group
    except* AuditError as failures:
        failed = first_of(failures)
    if failed is not None:
        raise failed


def _said(
    plan: Plan,
    answers: tuple[MaterialAnswer, ...],
    digest: bytes | None,
) -> str:
    """What the record says of a call: the entries of its materials, and the answer's digest."""
    attribution = plan.attribution
    said: dict[str, Any] = {
        "item": plan.item.code,
        "materials": [(answer.index, answer.outcome) for answer in answers],
        "operator": attribution.operator.id,
    }
    if plan.situation is not None:
        said["situation"] = plan.situation
    if attribution.mandate is not None:
        said["mandate"] = attribution.mandate
    if digest is not None:
        said["response"] = digest.hex()
    return _encode_said(said).decode()
