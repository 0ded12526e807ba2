# SPDX-License-Identifier: Apache-2.0
"""The corridor: one signed request in, one recorded reply out. Nothing walks back.

::

    Caller ─ limit ─▶ parse, screen ─▶ policy ─▶ Permit | Deny ─▶ limit ─▶ cache
        ─(miss)▶ claim ▶ department ▶ seal ─▶ answer ─▶ audit.append ─▶ Reply

1. No record, no answer: the reply is handed over only after its entry is durable. Otherwise there
   is an `AuditError`, and nothing of the answer leaves.
2. One entry for each call, permitted or refused, whatever fails on the way.
3. A department is asked only for a permitted request whose nonce and quota the sequencer accepted.
4. *Not found* is an answer; an unavailable department is a refusal, and never cached. Where the
   certificate type allows it, an older answer takes the refusal's place, and says so.
5. What waits for nothing but its record takes no coroutine: a hit costs a few calls. Only a miss
   becomes a task.
"""

import asyncio
from collections.abc import Callable
from datetime import date
from functools import partial
from typing import Final

from gateway.errors import (
    REFUSALS,
    AdapterTimeout,
    AuditError,
    DepartmentError,
    RequestError,
    StoreError,
)
from gateway.exchange.access import Access, check_x509
from gateway.exchange.answer import make_answer
from gateway.exchange.body import parse_lookup
from gateway.exchange.day import SiteDay
from gateway.exchange.known import Known, KnownRequests, Wording
from gateway.exchange.recorder import Done, Recorder
from gateway.exchange.reply import Refused, Reply
from gateway.exchange.source import Source
from gateway.model.asked import asked_fields, keys_of
from gateway.model.certificate import CertificateType
from gateway.model.grant import Decision, Deny, Permit
from gateway.model.ids import parse_holder
from gateway.model.lookup import LookupAnswer, LookupRequest
from gateway.model.screening import screen_request
from gateway.office_port import CaseGate, Ladder
from gateway.ports import (
    AccessPolicy,
    AdapterDirectory,
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
)
from gateway.sdk import Deadline


class Lookup:
    """`POST /v1/lookups`, from an identified caller to a recorded reply.

    Args:
        clock_s: UNIX seconds.
        utc_offset_h: hours east of UTC of the site's days.
        nonce_life_s: seconds after `created` at which a signature is too old by itself.
        x509_required: agencies that registered no X.509 certificate are refused as well.
        cases: checks a request against its case; None where there are no cases.
        ladder: what may be asked of departments in an emergency.
        on_fault: told of a programming error, whose caller gets INTERNAL; must not raise.

    Attributes:
        known: permitted requests that are remembered.
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
        clock_s: Callable[[], float],
        utc_offset_h: float,
        nonce_life_s: int,
        x509_required: bool = False,
        cases: CaseGate | None = None,
        ladder: Ladder | None = None,
        on_fault: Callable[[BaseException], None],
    ) -> None:
        self._catalog: Final = catalog
        self._policy: Final = policy
        self._cache: Final = cache
        self._departments: Final = departments
        self._sealer: Final = sealer
        self._audit: Final = audit
        self._limits: Final = limits
        self._day: Final = SiteDay(clock_s, utc_offset_h)
        self._recorder: Final = Recorder(
            audit, epochs, self._day, clock_s=clock_s, on_fault=on_fault
        )
        self._source: Final = Source(departments, cache, sealer, clock_s=clock_s, ladder=ladder)
        self._nonce_life_s: Final = nonce_life_s
        self._x509_required: Final = x509_required
        self._cases: Final = cases
        self._on_fault: Final = on_fault
        self.known: Final = KnownRequests(cache)
        self._misses: Final[set[asyncio.Task[None]]] = set()

    async def __call__(
        self, caller: Caller, request_id: str, body: bytes, deadline: Deadline
    ) -> Reply:
        """Answer one request, as a coroutine.

        Raises:
            AuditError: the access could not be recorded; the caller gets 503 and nothing else.
        """
        replied: asyncio.Future[Reply | AuditError] = asyncio.get_running_loop().create_future()
        self.begin(caller, request_id, body, deadline, partial(_settle, replied))
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
        self._go_on(access, outcome, deadline, done)

    async def material(
        self,
        access: Access,
        request: LookupRequest,
        deadline: Deadline,
        *,
        is_claimed: bool = False,
    ) -> Reply:
        """Answer one question of a plan or an order; it has an entry of its own.

        Args:
            request: made here, not read; who asks has been counted and screened with the plan.
            is_claimed: the plan's own nonce is held: the access's claim counts against the daily
                cap of the grant, if that has one, and decides nothing else.

        Raises:
            AuditError: the access could not be recorded.
        """
        replied: asyncio.Future[Reply | AuditError] = asyncio.get_running_loop().create_future()
        outcome: LookupAnswer | Wording | Refused | Known
        try:
            known = self._decided(access, request, self._day.today())
            outcome = known if isinstance(known, Refused) else self._known_at_once(access, known)
        except Exception as error:  # noqa: BLE001 - rule 2
            outcome = self._excuse(error)
        if is_claimed and access.claim is not None and access.claim.quota is None:
            access.claim = None
        self._go_on(access, outcome, deadline, partial(_settle, replied))
        reply = await replied
        if isinstance(reply, AuditError):
            raise reply
        return reply

    def _go_on(
        self,
        access: Access,
        outcome: LookupAnswer | Wording | Refused | Known,
        deadline: Deadline,
        done: Done,
    ) -> None:
        """Record what is answered at once; for the rest a department is asked."""
        if isinstance(outcome, Known):
            miss = asyncio.create_task(self._miss(access, outcome, deadline, done))
            self._misses.add(miss)
            miss.add_done_callback(self._misses.discard)
        else:
            self._recorder.record(access, outcome, deadline, done)

    def _at_once(self, access: Access, body: bytes) -> LookupAnswer | Wording | Refused | Known:
        """Decide, and answer from the cache; what only the department can answer stays known."""
        caller = access.caller
        check_x509(caller, required=self._x509_required)  # before it costs a token
        access.keep_within(self._limits.take_agency(caller.agency))
        today = self._day.today()
        known = self._recall(access, today) or self._understand(access, body, today)
        if isinstance(known, Refused):
            return known
        return self._known_at_once(access, known)

    def _known_at_once(self, access: Access, known: Known) -> LookupAnswer | Wording | Known:
        """Answer a permitted request from the cache, if that can."""
        access.keep_within(self._limits.take_department(access.caller.agency, known.adapter))
        self._permit(access, known.permit, known.today)
        access.known = known
        if known.is_watched and self._opens_case(access):
            return known  # it is opened before anything is answered
        kept = None
        if known.key is not None and not known.is_verified_there:
            kept = self._cache.get(known.key, known.request.max_age_s)
        if kept is None:
            known.wording = None  # of an answer that has ended
            return known
        return self._from_cache(access, known, kept)

    def _recall(self, access: Access, today: date) -> Known | None:
        """What the same words came to before, as long as that holds."""
        known = self.known.find(access.caller.digest)
        if known is None or not known.holds(
            access.caller, self._policy.version, self._cache.keying, today
        ):
            return None
        access.recall(known)
        if known.is_watched and isinstance(self._narrow(access, known.permit, today), Deny):
            return None
        return known

    def _understand(self, access: Access, body: bytes, today: date) -> Known | Refused:
        """From bytes to a permit, which is remembered."""
        request = parse_lookup(body)
        screen_request(request)
        known = self._decided(access, request, today)
        if isinstance(known, Known) and not known.permit.is_timed:
            self.known.remember(access.caller.digest, known)
        return known

    def _decided(self, access: Access, request: LookupRequest, today: date) -> Known | Refused:
        """From a request, screened, to a permit."""
        caller, version = access.caller, self._policy.version
        access.request, access.asked = request, tuple(request.fields or request.claims)
        holder = access.holder = parse_holder(request.holder, today=today)
        certificate = self._departments.certificates.get(request.certificate)
        attribution, adapter = request.attribution, ""
        if certificate is not None:
            access.asked = asked_fields(request, certificate)
            adapter = self._adapter_of(certificate, attribution.division)
        decision = self._policy.decide(
            caller.agency,
            request,
            holder,
            self._catalog.find(attribution.item),
            certificate,
            today=today,
            minute=self._day.minute(),
            address=caller.address,
        )
        decision = self._narrow(access, decision, today)
        if isinstance(decision, Deny):
            return Refused(decision.refusal, decision.detail, decision.rule)
        assert certificate is not None  # a permit names a known certificate
        key = self._cache.key(
            holder,
            certificate,
            agency=caller.agency.id,
            item=attribution.item,
            case=attribution.case,
            grant=decision.grant.reference,
            adapter=adapter,
            keys=keys_of(request, certificate),
        )
        verifies = request.operation == "verify" and self._departments.verifies(adapter)
        known = Known(
            caller,
            version,
            self._cache.keying,
            today,
            request,
            access.asked,
            holder,
            certificate,
            adapter,
            decision,
            key,
            verifies,
        )
        known.is_watched = self._cases is not None and self._cases.watches(attribution)
        return known

    def _narrow(self, access: Access, decision: Decision, today: date) -> Decision:
        """What the case, as it is now, leaves of a decision."""
        request, holder = access.request, access.holder
        if self._cases is None or request is None or holder is None:
            return decision
        agency = access.caller.agency
        return self._cases.narrow(decision, agency, request.attribution, holder, today=today)

    def _opens_case(self, access: Access) -> bool:
        request = access.request
        assert self._cases is not None  # nothing is watched without
        assert request is not None  # it was permitted
        return self._cases.opens(access.caller.agency, request.attribution)

    async def _admit(self, access: Access, known: Known, deadline: Deadline) -> Refused | None:
        """Have the case opened, if it is not; a refusal takes the permit back."""
        assert self._cases is not None  # nothing is watched without
        denied = await self._cases.admit(
            access.caller.agency,
            known.request.attribution,
            known.holder,
            today=known.today,
            act=access.request_id,
            deadline=deadline,
        )
        if denied is None:
            return None
        access.permit = None
        return Refused(denied.refusal, denied.detail, denied.rule)

    def _adapter_of(self, certificate: CertificateType, division: str | None) -> str:
        adapter = self._departments.adapter_of(certificate.name, division)
        if adapter is None:
            raise RequestError("DIVISION_UNSERVED", "`attribution.division` decides who is asked")
        return adapter

    def _permit(self, access: Access, permit: Permit, today: date) -> None:
        access.permit = permit
        grant, claim = permit.grant, access.claim
        if grant.daily_cap is not None and claim is not None:
            quota = Quota(grant.id, today.isoformat(), grant.daily_cap)
            access.claim = Claim(claim.keyid, claim.nonce, claim.expires_at_s, quota)

    def _from_cache(self, access: Access, known: Known, kept: Cached) -> LookupAnswer | Wording:
        access.served_from = "cache"
        wording = known.wording
        if wording is not None and wording.fits(
            kept, self._recorder.epochs.current, access.caller.signature.keyid
        ):
            return wording
        access.kept = kept
        return make_answer(access, known.request, known.certificate, kept, self._sealer)

    async def _miss(self, access: Access, known: Known, deadline: Deadline, done: Done) -> None:
        try:
            outcome = await self._from_department(access, known, deadline)
        except AuditError as error:
            done(error)
            return
        except Exception as error:  # noqa: BLE001 - rule 2
            outcome = self._excuse(error)
        self._recorder.record(access, outcome, deadline, done)

    async def _from_department(
        self, access: Access, known: Known, deadline: Deadline
    ) -> LookupAnswer | Refused:
        """Ask the department, once the sequencer has accepted the claim."""
        # A claim that came late would leave the department no time, and the blame for it.
        half = deadline.within(deadline.remaining_s / 2)
        if access.claim is not None:  # a material without a cap has none: the plan's is held
            held = await self._audit.claim(access.claim, half)
            if not isinstance(held, Held):
                return self._recorder.refuse_by(held, access)
            access.held = held
        if known.is_watched and (refused := await self._admit(access, known, half)) is not None:
            return refused
        return await self._source.answer(access, known, deadline)

    def _excuse(self, error: Exception) -> Refused:
        """The refusal for what went wrong before there was an answer."""
        match error:
            case RequestError() | DepartmentError() | StoreError():
                return Refused.because(error)
            case TimeoutError():
                return Refused.because(AdapterTimeout())
            case _:  # our own mistakes are recorded as well
                self._on_fault(error)
                return Refused(REFUSALS["INTERNAL"], "")


def _settle(replied: "asyncio.Future[Reply | AuditError]", reply: Reply | AuditError) -> None:
    if not replied.done():  # whoever asked may have been cancelled
        replied.set_result(reply)
