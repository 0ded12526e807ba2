# SPDX-License-Identifier: Apache-2.0
"""The corridor: one signed request in, one recorded reply out. Nothing walks back.

::

    Caller ─ limit ─▶ parse, screen ─▶ policy ─▶ Permit | Deny ─▶ limit ─▶ cache
        ─(miss)▶ claim ▶ department ▶ seal ─▶ answer ─▶ audit.append ─▶ Reply

1. No record, no answer: the reply is handed over only after its entry is durable. Otherwise there
   is an `AuditError`, and nothing of the answer leaves.
2. One entry for each call, permitted or refused, whatever fails on the way.
3. A department is asked only for a permitted request whose nonce and quota the sequencer accepted.
4. *Not found* is an answer; an unavailable department is a refusal, and never cached.
5. What waits for nothing but its record takes no coroutine: a hit costs a few calls. Only a miss
   becomes a task.
"""

import asyncio
import math
import time
from collections.abc import Callable
from datetime import date, datetime, timedelta, timezone
from datetime import time as dt_time
from typing import Final

import msgspec

from gateway.errors import REFUSALS, AdapterTimeout, AuditError, DepartmentError, RequestError
from gateway.exchange.access import Access, check_x509
from gateway.exchange.answer import make_answer
from gateway.exchange.body import parse_lookup
from gateway.exchange.reply import Refused, Reply, answer_reply, problem_reply
from gateway.model.answer import Absent, Found, NotFound
from gateway.model.asked import asked_fields
from gateway.model.certificate import CertificateType
from gateway.model.grant import Deny, Permit
from gateway.model.holder import Holder
from gateway.model.ids import parse_holder
from gateway.model.instant import format_time_s
from gateway.model.lookup import LookupAnswer, LookupRequest
from gateway.model.screening import screen_request
from gateway.ports import (
    AccessPolicy,
    AdapterDirectory,
    Appended,
    AuditLog,
    Cached,
    Caller,
    Catalog,
    Claim,
    Epochs,
    Held,
    Quota,
    RateLimits,
    ResultCache,
    Sealer,
    Verdict,
)
from gateway.sdk import Deadline, Query

#: Seconds of the deadline that a department cannot use up: its failure has to be recorded, too.
RECORD_RESERVE_S: Final = 0.5

_VERDICTS: Final[dict[Verdict, str]] = {
    "replayed": "NONCE_REPLAYED",
    "over_quota": "QUOTA_EXCEEDED",
}

Done = Callable[[Reply | AuditError], None]


class _Question(msgspec.Struct, frozen=True):
    """A permitted request that the cache could not answer."""

    request: LookupRequest
    holder: Holder
    certificate: CertificateType
    adapter: str
    key: bytes | None


class Lookup:
    """`POST /v1/lookups`, from an identified caller to a recorded reply.

    Args:
        clock: aware UTC now.
        utc_offset_h: hours east of UTC of the site's days.
        nonce_life_s: seconds after `created` at which a signature is too old by itself.
        x509_required: agencies that registered no X.509 certificate are refused as well.
        on_fault: told of a programming error, whose caller gets INTERNAL; must not raise.
    """

    def __init__(
        self,
        *,
        catalog: Catalog,
        policy: AccessPolicy,
        cache: ResultCache,
        departments: AdapterDirectory,
        sealer: Sealer,
        audit: AuditLog,
        limits: RateLimits,
        epochs: Epochs,
        clock: Callable[[], datetime],
        utc_offset_h: float,
        nonce_life_s: int,
        x509_required: bool = False,
        on_fault: Callable[[BaseException], None],
    ) -> None:
        self._catalog: Final = catalog
        self._policy: Final = policy
        self._cache: Final = cache
        self._departments: Final = departments
        self._sealer: Final = sealer
        self._audit: Final = audit
        self._limits: Final = limits
        self._epochs: Final = epochs
        self._clock: Final = clock
        self._zone: Final = timezone(timedelta(hours=utc_offset_h))
        self._nonce_life_s: Final = nonce_life_s
        self._x509_required: Final = x509_required
        self._on_fault: Final = on_fault
        self._misses: Final[set[asyncio.Task[None]]] = set()

    async def __call__(
        self, caller: Caller, request_id: str, body: bytes, deadline: Deadline
    ) -> Reply:
        """Answer one request, as a coroutine.

        Raises:
            AuditError: the access could not be recorded; the caller gets 503 and nothing else.
        """
        replied: asyncio.Future[Reply | AuditError] = asyncio.get_running_loop().create_future()

        def done(reply: Reply | AuditError) -> None:
            if not replied.done():
                replied.set_result(reply)

        self.begin(caller, request_id, body, deadline, done)
        reply = await replied
        if isinstance(reply, AuditError):
            raise reply
        return reply

    def begin(
        self, caller: Caller, request_id: str, body: bytes, deadline: Deadline, done: Done
    ) -> None:
        """Answer one request: `done` is called once, now or when its record is durable."""
        signature = caller.signature
        claim = Claim(signature.keyid, signature.nonce, signature.created + self._nonce_life_s)
        access = Access(caller, request_id, claim)
        try:
            outcome = self._at_once(access, body)
        except Exception as error:  # noqa: BLE001 - rule 2
            outcome = self._excuse(error)
        if isinstance(outcome, _Question):
            miss = asyncio.create_task(self._miss(access, outcome, deadline, done))
            self._misses.add(miss)
            miss.add_done_callback(self._misses.discard)
        else:
            self._record(access, outcome, deadline, done)

    def _at_once(self, access: Access, body: bytes) -> LookupAnswer | Refused | _Question:
        """Decide, and answer from the cache; what only the department knows is a question."""
        caller = access.caller
        check_x509(caller, required=self._x509_required)  # before it costs a token
        access.keep_within(self._limits.take_agency(caller.agency))
        request = parse_lookup(body)
        screen_request(request)
        access.request, access.asked = request, tuple(request.fields or request.claims)
        today = self._today()
        holder = access.holder = parse_holder(request.holder, today=today)
        certificate = self._departments.certificates.get(request.certificate)
        if certificate is not None:
            access.asked = asked_fields(request, certificate)
        attribution = request.attribution
        decision = self._policy.decide(
            caller.agency,
            request,
            holder,
            self._catalog.find(attribution.item),
            certificate,
            today=today,
            address=caller.address,
        )
        if isinstance(decision, Deny):
            return Refused(decision.refusal, decision.detail, decision.rule)
        assert certificate is not None  # a permit names a known certificate
        adapter = self._departments.adapter_of(certificate.name)
        access.keep_within(self._limits.take_department(caller.agency, adapter))
        self._permit(access, decision, today)
        key = self._cache.key(
            holder,
            certificate,
            agency=caller.agency.id,
            item=attribution.item,
            case=attribution.case,
            grant=decision.grant.reference,
        )
        kept = None if key is None else self._cache.get(key, request.max_age_s)
        if kept is None:
            return _Question(request, holder, certificate, adapter, key)
        access.served_from = "cache"
        return make_answer(access, request, certificate, kept, self._sealer)

    def _permit(self, access: Access, permit: Permit, today: date) -> None:
        access.permit = permit
        grant, claim = permit.grant, access.claim
        if grant.daily_cap is not None and claim is not None:
            quota = Quota(grant.id, today.isoformat(), grant.daily_cap)
            access.claim = Claim(claim.keyid, claim.nonce, claim.expires_at_s, quota)

    async def _miss(
        self, access: Access, question: _Question, deadline: Deadline, done: Done
    ) -> None:
        try:
            outcome = await self._from_department(access, question, deadline)
        except AuditError as error:
            done(error)
            return
        except Exception as error:  # noqa: BLE001 - rule 2
            outcome = self._excuse(error)
        self._record(access, outcome, deadline, done)

    async def _from_department(
        self, access: Access, question: _Question, deadline: Deadline
    ) -> LookupAnswer | Refused:
        """Ask the department, once the sequencer has accepted the claim."""
        assert access.claim is not None
        held = await self._audit.claim(access.claim, deadline)
        if not isinstance(held, Held):
            return self._by_verdict(access, held)
        access.held = held
        access.adapter = question.adapter
        request, attribution = question.request, question.request.attribution
        query = Query(
            holder=question.holder,
            certificate=question.certificate,
            request_id=access.request_id,
            agency=access.caller.agency.id,
            operator=attribution.operator.id,
            item=attribution.item,
            case=attribution.case,
            purpose=attribution.purpose,
        )
        sooner = Deadline(deadline.at_s - RECORD_RESERVE_S)
        started_s = time.monotonic()
        try:
            async with asyncio.timeout(sooner.remaining_s):
                loaded = await self._cache.load(
                    question.key, question.certificate, lambda: self._ask(query, sooner)
                )
        finally:
            access.adapter_ms = round((time.monotonic() - started_s) * 1000)
        access.served_from = "source"
        return make_answer(access, request, question.certificate, loaded, self._sealer)

    async def _ask(self, query: Query, deadline: Deadline) -> Cached:
        match await self._departments.lookup(query, deadline):
            case Found() as found:
                adapter = self._departments.adapter_of(query.certificate.name)
                return self._sealer.seal(query.certificate, adapter, found)
            case NotFound(as_of):
                return Absent(format_time_s(as_of or self._clock()))

    def _excuse(self, error: Exception) -> Refused:
        """The refusal for what went wrong before there was an answer."""
        match error:
            case RequestError() | DepartmentError():
                return Refused.because(error)
            case TimeoutError():
                return Refused.because(AdapterTimeout())
            case _:  # our own mistakes are recorded as well
                self._on_fault(error)
                return Refused(REFUSALS["INTERNAL"], "")

    def _by_verdict(self, access: Access, verdict: Verdict) -> Refused:
        """The sequencer said no: the permit did not become an access."""
        access.claim = access.permit = access.held = None
        access.served_from = access.as_of = None
        refusal = REFUSALS[_VERDICTS[verdict]]
        wait_s = self._seconds_of_today() if verdict == "over_quota" else None
        return Refused(refusal, "", f"sequencer.{verdict}", wait_s)

    def _today(self) -> date:
        return self._clock().astimezone(self._zone).date()

    def _seconds_of_today(self) -> int:
        """Seconds until the site's next day begins."""
        now = self._clock().astimezone(self._zone)
        midnight = datetime.combine(now.date() + timedelta(days=1), dt_time(), self._zone)
        return math.ceil((midnight - now).total_seconds())

    def _record(
        self, access: Access, outcome: LookupAnswer | Refused, deadline: Deadline, done: Done
    ) -> None:
        """Make the entry durable; only then is there a reply."""
        try:
            reply, entry = self._write(access, outcome)
        except Exception as error:  # noqa: BLE001 - what cannot be recorded does not leave
            self._on_fault(error)
            done(AuditError("AUDIT_UNAVAILABLE", "the entry could not be written"))
            return

        def recorded(result: Appended | Verdict | AuditError) -> None:
            if isinstance(result, Appended):
                reply.index, reply.limits = result.index, access.limits
                done(reply)
            elif isinstance(result, AuditError):
                done(result)
            else:  # the nonce is known or the cap is used up: a refusal after all, and recorded
                self._record(access, self._by_verdict(access, result), deadline, done)

        self._audit.append_soon(entry, deadline, recorded, claim=access.claim, held=access.held)

    def _write(self, access: Access, outcome: LookupAnswer | Refused) -> tuple[Reply, bytes]:
        """The reply, and the entry that records it."""
        cipher = self._epochs.current
        try:
            reply = _reply(outcome, access.request_id)
            return reply, access.entry(outcome, reply, now=self._clock(), cipher=cipher)
        except RequestError as error:  # too large: say so in a record that fits
            access.request = access.permit = None
            if (claim := access.claim) is not None:
                access.claim = Claim(claim.keyid, claim.nonce, claim.expires_at_s)
            refused = Refused.because(error)
            reply = _reply(refused, access.request_id)
            return reply, access.entry(refused, reply, now=self._clock(), cipher=cipher)


def _reply(outcome: LookupAnswer | Refused, request_id: str) -> Reply:
    if isinstance(outcome, Refused):
        return problem_reply(outcome, request_id)
    return answer_reply(outcome)
