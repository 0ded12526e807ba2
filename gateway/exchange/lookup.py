# SPDX-License-Identifier: Apache-2.0
"""The corridor: one signed request in, one recorded reply out. Nothing walks back.

::

    Caller ─ limit ─▶ parse, screen ─▶ policy ─▶ Permit | Deny ─▶ limit ─▶ cache
        ─(miss)▶ claim ▶ department ▶ seal ─▶ answer ─▶ audit.append ─▶ Reply

1. No record, no answer: the reply is returned only after its entry is durable. `AuditError` leaves
   this module; nothing of the answer does.
2. One entry for each call, permitted or refused, whatever fails on the way.
3. A department is asked only for a permitted request whose nonce and quota the sequencer accepted.
4. *Not found* is an answer; an unavailable department is a refusal, and never cached.
"""

import asyncio
import math
import time
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from datetime import time as dt_time
from typing import Final

import msgspec

from gateway.errors import REFUSALS, AdapterTimeout, AuditError, DepartmentError, RequestError
from gateway.exchange.access import Access, check_x509
from gateway.exchange.body import parse_lookup
from gateway.exchange.compare import compare_claims
from gateway.exchange.reply import Refused, Reply, answer_reply, problem_reply
from gateway.model.answer import Absent, Found, NotFound, Sealed, Verified
from gateway.model.asked import asked_fields, claims_of, keys_of
from gateway.model.certificate import CertificateType
from gateway.model.grant import Deny, Grant, Permit
from gateway.model.holder import Holder
from gateway.model.ids import parse_holder
from gateway.model.instant import format_time_s
from gateway.model.lookup import ClaimResult, LookupAnswer, LookupRequest
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

    async def __call__(
        self, caller: Caller, request_id: str, body: bytes, deadline: Deadline
    ) -> Reply:
        """Answer one request.

        Raises:
            AuditError: the access could not be recorded; the caller gets 503 and nothing else.
        """
        signature = caller.signature
        access = Access(
            caller,
            request_id,
            Claim(signature.keyid, signature.nonce, signature.created + self._nonce_life_s),
        )
        outcome = await self._outcome(access, body, deadline)
        recorded = await self._record(access, outcome, deadline)
        if isinstance(recorded, Reply):
            return recorded
        # The sequencer knows this nonce or the cap is used up: a refusal after all, and recorded.
        access.claim = None
        refused = await self._record(access, self._by_verdict(access, recorded), deadline)
        assert isinstance(refused, Reply)  # without a claim there is no verdict
        return refused

    async def _outcome(
        self, access: Access, body: bytes, deadline: Deadline
    ) -> LookupAnswer | Refused:
        try:
            # Before it costs a token.
            check_x509(access.caller, required=self._x509_required)
            access.keep_within(self._limits.take_agency(access.caller.agency))
            request = parse_lookup(body)
            screen_request(request)
            access.request, access.asked = request, tuple(request.fields or request.claims)
            today = self._clock().astimezone(self._zone).date()
            holder = access.holder = parse_holder(request.holder, today=today)
            certificate = self._departments.certificates.get(request.certificate)
            adapter = ""
            if certificate is not None:
                access.asked = asked_fields(request, certificate)
                adapter = self._adapter_of(certificate, request.attribution.division)
            decision = self._policy.decide(
                access.caller.agency,
                request,
                holder,
                self._catalog.find(request.attribution.item),
                certificate,
                today=today,
                address=access.caller.address,
            )
            match decision:
                case Deny(refusal, rule, detail):
                    return Refused(refusal, detail, rule)
                case Permit(grant, _):
                    assert certificate is not None  # a permit names a known certificate
                    access.keep_within(self._limits.take_department(access.caller.agency, adapter))
                    access.permit = decision
                    access.claim = _with_quota(access.claim, grant, today.isoformat())
            cached = await self._obtain(
                access, request, holder, certificate, adapter=adapter, deadline=deadline
            )
            if isinstance(cached, str):
                return self._by_verdict(access, cached)
            return self._answer(access, request, certificate, cached)
        except (RequestError, DepartmentError) as error:
            return Refused.because(error)
        except TimeoutError:
            return Refused.because(AdapterTimeout())
        except AuditError:
            raise
        except Exception as error:  # noqa: BLE001 - rule 2: our own mistakes are recorded as well
            self._on_fault(error)
            return Refused(REFUSALS["INTERNAL"], "")

    def _adapter_of(self, certificate: CertificateType, division: str | None) -> str:
        adapter = self._departments.adapter_of(certificate.name, division)
        if adapter is None:
            raise RequestError("DIVISION_UNSERVED", "`attribution.division` decides who is asked")
        return adapter

    async def _obtain(
        self,
        access: Access,
        request: LookupRequest,
        holder: Holder,
        certificate: CertificateType,
        *,
        adapter: str,
        deadline: Deadline,
    ) -> Cached | Verified | Verdict:
        """From the cache, or else from the department once the sequencer has accepted the claim."""
        assert access.permit is not None
        assert access.claim is not None
        attribution = request.attribution
        key = self._cache.key(
            holder,
            certificate,
            agency=access.caller.agency.id,
            item=attribution.item,
            case=attribution.case,
            grant=access.permit.grant.reference,
            adapter=adapter,
            keys=keys_of(request, certificate),
        )
        own = request.operation == "verify" and self._departments.verifies(adapter)
        if (
            not own
            and key is not None
            and (kept := self._cache.get(key, request.max_age_s)) is not None
        ):
            access.served_from = "cache"
            return kept
        held = await self._audit.claim(access.claim, deadline)
        if not isinstance(held, Held):
            return held
        access.held = held
        access.adapter = adapter
        query = _query(access, request, holder, certificate)
        sooner = Deadline(deadline.at_s - RECORD_RESERVE_S)
        started = time.monotonic()
        try:
            async with asyncio.timeout(sooner.remaining_s):
                loaded = (await self._verify(query, request, sooner) if own else None) or (
                    await self._cache.load(
                        key, certificate, lambda: self._ask(query, adapter, sooner)
                    )
                )
        finally:
            access.adapter_ms = round((time.monotonic() - started) * 1000)
        access.served_from = "source"
        return loaded

    async def _verify(
        self, query: Query, request: LookupRequest, deadline: Deadline
    ) -> Verified | Absent | None:
        """Let the department compare; None where it leaves that to us. Never cached."""
        claims = claims_of(request, query.certificate)
        asked = msgspec.structs.replace(query, claims=claims)
        match await self._departments.verify(asked, deadline):
            case NotFound(as_of):
                return Absent(format_time_s(as_of or self._clock()))
            case verified:
                return verified

    async def _ask(self, query: Query, adapter: str, deadline: Deadline) -> Cached:
        match await self._departments.lookup(query, deadline):
            case Found() as found:
                return self._sealer.seal(query.certificate, adapter, found)
            case NotFound(as_of):
                return Absent(format_time_s(as_of or self._clock()))

    def _answer(
        self,
        access: Access,
        request: LookupRequest,
        certificate: CertificateType,
        cached: Cached | Verified,
    ) -> LookupAnswer:
        assert access.permit is not None
        assert access.served_from is not None
        as_of = cached.as_of
        access.as_of = as_of if isinstance(as_of, str) else format_time_s(as_of or self._clock())
        answer = LookupAnswer(
            request_id=access.request_id,
            outcome="not_found",
            certificate=certificate.name,
            as_of=access.as_of,
            served_from=access.served_from,
            grant=access.permit.grant.reference,
        )
        if isinstance(cached, Absent):
            return answer
        if isinstance(cached, Verified):
            results = dict(cached.results)
        else:
            results = _compare(request, certificate, cached)
        if "mismatch" in results.values():
            return msgspec.structs.replace(answer, outcome="mismatch", results=results)
        if request.operation == "verify":
            return msgspec.structs.replace(answer, outcome="match", results=results)
        assert isinstance(cached, Sealed)  # only a verification is answered without a record
        return self._disclose(answer, request, cached)

    def _disclose(
        self, answer: LookupAnswer, request: LookupRequest, sealed: Sealed
    ) -> LookupAnswer:
        shown = [name for name in request.fields if name in sealed.disclosures]
        return msgspec.structs.replace(
            answer,
            outcome="found",
            fields={name: sealed.disclosures[name].value for name in shown},
            sealed=self._sealer.disclose(sealed, shown),
        )

    def _by_verdict(self, access: Access, verdict: Verdict) -> Refused:
        """The sequencer said no: the permit did not become an access."""
        access.claim = access.permit = access.held = None
        access.served_from = access.as_of = None
        refusal = REFUSALS[_VERDICTS[verdict]]
        wait_s = self._seconds_of_today() if verdict == "over_quota" else None
        return Refused(refusal, "", f"sequencer.{verdict}", wait_s)

    def _seconds_of_today(self) -> int:
        """Seconds until the site's next day begins."""
        now = self._clock().astimezone(self._zone)
        midnight = datetime.combine(now.date() + timedelta(days=1), dt_time(), self._zone)
        return math.ceil((midnight - now).total_seconds())

    async def _record(
        self, access: Access, outcome: LookupAnswer | Refused, deadline: Deadline
    ) -> Reply | Verdict:
        """Make the entry durable; only then is there a reply."""
        try:
            reply = _reply(outcome, access.request_id)
            entry = access.entry(outcome, reply, now=self._clock(), cipher=self._epochs.current)
        except RequestError as error:  # too large: say so in a record that fits
            access.request = access.permit = None
            access.claim = access.claim and msgspec.structs.replace(access.claim, quota=None)
            reply = _reply(refused := Refused.because(error), access.request_id)
            entry = access.entry(refused, reply, now=self._clock(), cipher=self._epochs.current)
        match await self._audit.append(entry, deadline, claim=access.claim, held=access.held):
            case Appended(index):
                return msgspec.structs.replace(reply, index=index, limits=access.limits)
            case verdict:
                return verdict


def _query(
    access: Access, request: LookupRequest, holder: Holder, certificate: CertificateType
) -> Query:
    attribution = request.attribution
    return Query(
        holder=holder,
        certificate=certificate,
        request_id=access.request_id,
        agency=access.caller.agency.id,
        operator=attribution.operator.id,
        item=attribution.item,
        case=attribution.case,
        purpose=attribution.purpose,
        claims=keys_of(request, certificate),
        division=attribution.division,
    )


def _compare(
    request: LookupRequest, certificate: CertificateType, sealed: Sealed
) -> dict[str, ClaimResult]:
    """Compare claims with the record.

    What the record was asked by and does not repeat has been compared by the department.
    """
    values = {name: shown.value for name, shown in sealed.disclosures.items()}
    for name, key in keys_of(request, certificate).items():
        if values.get(name) is None:
            values[name] = key
    return compare_claims(claims_of(request, certificate), values, certificate)


def _with_quota(claim: Claim | None, grant: Grant, day: str) -> Claim | None:
    if claim is None or grant.daily_cap is None:
        return claim
    return msgspec.structs.replace(claim, quota=Quota(grant.id, day, grant.daily_cap))


def _reply(outcome: LookupAnswer | Refused, request_id: str) -> Reply:
    if isinstance(outcome, Refused):
        return problem_reply(outcome, request_id)
    return answer_reply(outcome)
