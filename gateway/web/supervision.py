# SPDX-License-Identifier: Apache-2.0
"""`/v1/supervision/…` over HTTP: matters, findings, emergencies, evaluations, reports.

Rules:

1. Who signed is found by the key: an agency, a department or an auditor. What they may do is the
   desk's to say (`gateway.supervision.desk`).
2. A read is recorded with its own signature before a byte of it leaves; so is its refusal.
3. Of a change the nonce is decided first; then it is made, recorded, and answered. No record, no
   answer: who got none sends the same body again, which opens nothing twice.
4. An act names the matter, the finding or the incident, the kind and the step. Words, levels and
   who evaluated stand in none.
"""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final, final

import msgspec

from gateway.audit.acts import check_recordable
from gateway.crypto.digest import sha256
from gateway.errors import AuditError, RequestError
from gateway.exchange.access import check_limit, check_x509
from gateway.exchange.body import parse_body
from gateway.exchange.case_requests import Handling
from gateway.exchange.excuse import excuse
from gateway.exchange.reply import JSON, Refused, Reply, problem_reply
from gateway.httpsig import SignedRequest
from gateway.log import report_fault
from gateway.matter_port import ReportForm
from gateway.model.holder import Holder
from gateway.model.matter import MatterKind
from gateway.model.standing import Standing
from gateway.model.supervised import (
    FOLDER,
    ComplaintDraft,
    CorrectionDraft,
    EvaluationKept,
    EvaluationTotals,
    FindingAnswer,
    FindingPage,
    FindingStepBody,
    GivenEvaluation,
    MatterAnswer,
    MatterPage,
    MeasureDraft,
    StepBody,
)
from gateway.model.supervised_incident import (
    IncidentAnswer,
    IncidentOpening,
    IncidentStepBody,
)
from gateway.office_port import CaseAction, CaseLog
from gateway.ports import Caller, RateLimits
from gateway.sdk import Deadline
from gateway.supervision.desk import Opening, SupervisionDesk
from gateway.supervision.emergency_desk import EmergencyDesk
from gateway.web.edge import check_json, signed_view, x509_of
from gateway.web.emergency_pages import (
    AlarmsTarget,
    IncidentsTarget,
    IncidentTarget,
    read_emergency,
)
from gateway.web.negotiation import choose
from gateway.web.request import Request
from gateway.web.respond import Answer, Responder
from gateway.web.signed_reads import SignedReads, answer
from gateway.web.supervision_targets import (
    EvaluationsTarget,
    FindingsTarget,
    FindingTarget,
    MattersTarget,
    MatterTarget,
    ReportTarget,
    Target,
    methods_at,
    parse_target,
)

#: 2,000 characters of words, up to 12 bytes each as JSON escapes them, and what stands beside.
MAX_BODY_BYTES: Final = 32_768
JOSE_JSON: Final = "application/jose+json"
XLSX: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"

_FORMS: Final[dict[str, ReportForm]] = {JOSE_JSON: "jws", JSON: "jws", XLSX: "xlsx"}
_OPENINGS: Final[dict[MatterKind, type[Opening]]] = {
    "complaint": ComplaintDraft,
    "corrective": MeasureDraft,
    "correction": CorrectionDraft,
}
_encode = msgspec.json.Encoder().encode
_encode_said = msgspec.json.Encoder(order="deterministic").encode

Identify = Callable[[SignedRequest, bytes, str, str | None], tuple[Caller, Standing]]


class _Handling(Handling):
    """One change: what is known of it so far. Owned by one task."""

    def __init__(
        self, caller: Caller, standing: Standing, request_id: str, action: CaseAction
    ) -> None:
        super().__init__(caller, request_id, action, "")
        self.standing: Final = standing

    def note(self, number: str, **said: object) -> None:
        """What the record will say."""
        self.number, self.said = number, _encode_said(said).decode()


@final
class SupervisionPages:
    """Handler of the front desk.

    Args:
        identify: finds who signed.
        desk: does what is asked; called anew each time, since it knows the site as last read.
        emergencies: the same for incidents and alarms.
        applicant_of: whom an agency's case is of, for the record.
        reads: answers what is read.
        log: where changes are recorded.
        limits: of agencies; shared with lookups.
        x509_required: who registered no X.509 certificate is refused as well; not auditors.
        deadline_s: from the whole request to the answer.
        default_port: `:80` behind plain HTTP, `:443` behind TLS.
    """

    def __init__(
        self,
        identify: Identify,
        desk: Callable[[], SupervisionDesk],
        emergencies: Callable[[], EmergencyDesk],
        *,
        applicant_of: Callable[[str, str], Holder | None],
        reads: SignedReads,
        log: CaseLog,
        limits: RateLimits,
        responder: Responder,
        x509_required: bool,
        deadline_s: float,
        default_port: str,
    ) -> None:
        self._identify: Final = identify
        self._desk: Final = desk
        self._emergencies: Final = emergencies
        self._applicant_of: Final = applicant_of
        self._reads: Final = reads
        self._log: Final = log
        self._limits: Final = limits
        self._responder: Final = responder
        self._x509_required: Final = x509_required
        self._deadline_s: Final = deadline_s
        self._default_port: Final = default_port

    def methods(self, path: str) -> tuple[str, ...]:
        """What may be done there."""
        return methods_at(path)

    async def __call__(self, request: Request, request_id: str, /) -> Answer:
        """Answer one request; a refusal of who is not identified is raised."""
        target = parse_target(request.target)
        if request.method == "GET":
            return await self._read(request, request_id, target)
        return await self._change(request, request_id, target)

    async def _read(self, request: Request, request_id: str, target: Target) -> Answer:
        caller, standing = self._identify(*self._reads.signed(request))
        check_recordable(caller.signature)

        def make() -> tuple[Reply, int]:
            self._check_x509(caller, standing)
            return self._make(standing, request, request_id, target)

        subject = request.target.removeprefix(FOLDER)
        reply = self._reads.reply_within_limits if standing.side == "agency" else self._reads.reply
        return await reply(caller, request_id, "supervision_read", subject, make)

    def _make(
        self, standing: Standing, request: Request, request_id: str, target: Target
    ) -> tuple[Reply, int]:
        """What is read, and how many matters or rows that are."""
        desk = self._desk()
        match target:
            case MatterTarget(kind, matter_id):
                matter = desk.show(standing, kind, matter_id)
                return answer(JSON, _encode(MatterAnswer(request_id, matter))), 1
            case MattersTarget(kind, after, state):
                matters, following = desk.page(standing, kind, state, after)
                return answer(JSON, _encode(MatterPage(request_id, matters, following))), len(
                    matters
                )
            case FindingTarget() | FindingsTarget():
                return _read_findings(desk, standing, request_id, target)
            case IncidentTarget() | IncidentsTarget() | AlarmsTarget():
                return read_emergency(self._emergencies(), standing, request_id, target)
            case EvaluationsTarget():
                totals = desk.totals(standing)
                return answer(JSON, _encode(EvaluationTotals(request_id, totals))), len(totals)
            case ReportTarget(month):
                chosen = choose(request.lines("accept"), tuple(_FORMS))
                content_type = XLSX if chosen == XLSX else JOSE_JSON
                return answer(content_type, desk.report(standing, month, _FORMS[chosen])), 1

    async def _change(self, request: Request, request_id: str, target: Target) -> Answer:
        if "?" in request.target:
            raise RequestError("PATH_UNKNOWN", "no query follows")
        check_json(request)
        body, peer = request.body, request.peer
        if len(body) > MAX_BODY_BYTES:
            raise RequestError("BODY_TOO_LARGE", f"here: {MAX_BODY_BYTES:,} bytes")
        signed = signed_view(request, default_port=self._default_port)
        caller, standing = self._identify(signed, body, peer.address, x509_of(peer))
        handling = _Handling(caller, standing, request_id, _action_of(target))
        deadline = Deadline.after(self._deadline_s)
        try:
            reply = await self._recorded(
                handling, lambda: self._work(handling, target, body, deadline), deadline
            )
        except AuditError as error:  # no record, no answer
            reply = problem_reply(Refused.because(error), request_id)
        return self._responder.respond(reply, caller.signature)

    def _work(
        self, handling: _Handling, target: Target, body: bytes, deadline: Deadline
    ) -> Awaitable[bytes]:
        """What has to be done, not begun yet."""
        match target:
            case MatterTarget(kind, matter_id):
                return self._step(handling, kind, matter_id, body, deadline)
            case MattersTarget(kind):
                return self._open(handling, _OPENINGS[kind], body, deadline)
            case FindingTarget(finding_id):
                return self._settle(handling, finding_id, body, deadline)
            case IncidentTarget(incident_id):
                return self._mend(handling, incident_id, body, deadline)
            case IncidentsTarget():
                return self._open_incident(handling, body, deadline)
            case FindingsTarget() | AlarmsTarget() | EvaluationsTarget() | ReportTarget():
                return self._evaluate(handling, body, deadline)

    async def _step(
        self,
        handling: _Handling,
        kind: MatterKind,
        matter_id: str,
        body: bytes,
        deadline: Deadline,
    ) -> bytes:
        handling.note(matter_id)
        asked = parse_body(body, StepBody)
        handling.note(matter_id, step=asked.step)
        await self._begin(handling, deadline)
        matter = await self._desk().take(handling.standing, kind, matter_id, asked, deadline)
        handling.note(matter_id, step=asked.step, state=matter.state)
        return _encode(MatterAnswer(handling.request_id, matter))

    async def _open(
        self, handling: _Handling, opening: type[Opening], body: bytes, deadline: Deadline
    ) -> bytes:
        asked = parse_body(body, opening)
        await self._begin(handling, deadline)
        matter = await self._desk().open_matter(handling.standing, asked, deadline)
        draft = matter.draft
        handling.note(matter.id, agency=draft.agency, item=draft.item, kind=draft.kind)
        if draft.case is not None:
            handling.holder = self._applicant_of(draft.agency, draft.case)
        return _encode(MatterAnswer(handling.request_id, matter))

    async def _settle(
        self, handling: _Handling, finding_id: str, body: bytes, deadline: Deadline
    ) -> bytes:
        handling.note(finding_id)
        asked = parse_body(body, FindingStepBody)
        handling.note(finding_id, step=asked.step)
        await self._begin(handling, deadline)
        finding = await self._desk().take_finding(handling.standing, finding_id, asked, deadline)
        handling.note(finding_id, step=asked.step, state=finding.state)
        return _encode(FindingAnswer(handling.request_id, finding))

    async def _open_incident(self, handling: _Handling, body: bytes, deadline: Deadline) -> bytes:
        asked = parse_body(body, IncidentOpening)
        await self._begin(handling, deadline)
        opened = await self._emergencies().open_incident(handling.standing, asked, deadline)
        said = {"scope": opened.scope, "rung": opened.rung, "drill": opened.drill}
        handling.note(opened.id, kind="incident", **said)
        return _encode(IncidentAnswer(handling.request_id, opened))

    async def _mend(
        self, handling: _Handling, incident_id: str, body: bytes, deadline: Deadline
    ) -> bytes:
        handling.note(incident_id)
        asked = parse_body(body, IncidentStepBody)
        handling.note(incident_id, step=asked.step)
        await self._begin(handling, deadline)
        incident = await self._emergencies().take(handling.standing, incident_id, asked, deadline)
        handling.note(incident_id, step=asked.step, rung=incident.rung)
        return _encode(IncidentAnswer(handling.request_id, incident))

    async def _evaluate(self, handling: _Handling, body: bytes, deadline: Deadline) -> bytes:
        asked = parse_body(body, GivenEvaluation)
        await self._begin(handling, deadline)
        kept = await self._desk().evaluate(handling.standing, asked, deadline)
        handling.note("", item=kept.item)
        return _encode(EvaluationKept(handling.request_id, kept))

    def _check_x509(self, caller: Caller, standing: Standing) -> None:
        if standing.side != "auditor":
            check_x509(caller, required=self._x509_required)

    async def _begin(self, handling: _Handling, deadline: Deadline) -> None:
        handling.held = await self._log.begin(handling.caller, deadline)
        if handling.held is None:
            raise RequestError("NONCE_REPLAYED")

    async def _recorded(
        self, handling: _Handling, work: Callable[[], Awaitable[bytes]], deadline: Deadline
    ) -> Reply:
        caller, code = handling.caller, None
        try:
            self._check_x509(caller, handling.standing)
            if handling.standing.side == "agency" and (
                limit := self._limits.take_agency(caller.agency)
            ):
                handling.limits = (limit,)
                check_limit(limit)
            body = await work()
            reply = Reply(200, JSON, body, sha256(body), "supervision")
        except Exception as error:  # noqa: BLE001 - ours is recorded as well
            refused = excuse(error, partial(report_fault, request_id=handling.request_id))
            reply, code = problem_reply(refused, handling.request_id), refused.refusal.code
        index = None
        if code != "NONCE_REPLAYED":
            index = await self._log.record(caller, handling.act(code), deadline, held=handling.held)
        if index is None:
            replayed = RequestError("NONCE_REPLAYED")
            reply = problem_reply(Refused.because(replayed), handling.request_id)
            index = await self._log.record_replay(caller, handling.act(replayed.code), deadline)
        return msgspec.structs.replace(reply, index=index, limits=handling.limits)


def _read_findings(
    desk: SupervisionDesk,
    standing: Standing,
    request_id: str,
    target: FindingTarget | FindingsTarget,
) -> tuple[Reply, int]:
    if isinstance(target, FindingTarget):
        finding = desk.show_finding(standing, target.id)
        return answer(JSON, _encode(FindingAnswer(request_id, finding))), 1
    findings, following = desk.page_findings(standing, target.state, target.after)
    return answer(JSON, _encode(FindingPage(request_id, findings, following))), len(findings)


def _action_of(target: Target) -> CaseAction:
    match target:
        case MatterTarget() | FindingTarget() | IncidentTarget():
            return "matter_step"
        case MattersTarget() | IncidentsTarget():
            return "matter_open"
        case FindingsTarget() | AlarmsTarget() | EvaluationsTarget() | ReportTarget():
            return "evaluation_give"
