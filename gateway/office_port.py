# SPDX-License-Identifier: Apache-2.0
"""The interfaces around cases and events: how rooms know the office store without knowing SQLite.

A page of its own beside `gateway.ports`: another store (PostgreSQL, for several nodes) implements
`CaseBook`, and nothing else changes.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Literal, Protocol

import msgspec

from gateway.model.agency import Agency
from gateway.model.case import (
    CaseDraft,
    CaseFacts,
    CaseRecord,
    CaseRegistration,
    CaseResult,
    CaseState,
    Party,
    Role,
)
from gateway.model.commitment import CommitmentDraft, Committed
from gateway.model.deferral import (
    DeferralRecord,
    DeferralState,
    OpenDeferral,
    OwnReason,
)
from gateway.model.grant import Decision, Deny
from gateway.model.holder import Holder
from gateway.model.lookup import Attribution
from gateway.model.office_event import MaterialObtained, OfficeEvent
from gateway.model.order import DeferralDraft, Order, TicketDraft, Tried
from gateway.model.rung import Rungs
from gateway.model.ticket import KeptTicket
from gateway.ports import Caller, Held
from gateway.sdk import Deadline


class CaseBook(Protocol):
    """What is known of cases. Every method raises StoreError when the store cannot answer.

    Case numbers are an agency's own: two agencies may use the same one.
    """

    def facts(self, agency: str, number: str) -> CaseFacts | None:
        """What a lookup is checked against, as of now; None for an unknown case."""

    def roles_of(self, facts: CaseFacts, holder: Holder) -> tuple[Role, ...]:
        """As what the holder belongs to the case; empty when not at all."""

    def show(self, agency: str, number: str) -> CaseRecord | None:
        """A case with its holders masked."""

    def list_cases(
        self, agency: str | None, state: CaseState | None, *, after: tuple[str, str], limit: int
    ) -> Sequence[CaseRecord]:
        """Cases by agency and number, from behind `after` on."""

    def parties(self, agency: str, number: str) -> tuple[Party, ...]:
        """The holders of a case with their numbers, to ask departments about; never to show.

        Raises:
            TrustError: a row was changed, or is under another key.
        """

    async def register(self, draft: CaseDraft, deadline: Deadline) -> CaseRecord:
        """Keep a registration; the same content again changes nothing.

        Raises:
            RequestError: CASE_CLOSED, CASE_ITEM_FIXED, CASE_HOLDER_MISMATCH.
        """

    async def open_provisionally(self, draft: CaseDraft, deadline: Deadline) -> CaseFacts:
        """Keep what the first lookup of a case was about; what is known already stays."""

    async def close_case(
        self,
        agency: str,
        number: str,
        closed_at: str,
        deadline: Deadline,
        *,
        result: CaseResult | None = None,
        reason: str = "",
    ) -> CaseRecord:
        """End a case; one that is closed stays as it was closed.

        Raises:
            RequestError: CASE_ABSENT.
        """


class Commitments(Protocol):
    """What applicants have promised 告知承诺. Every method raises StoreError."""

    def show(self, agency: str, number: str, material: str) -> Committed | None:
        """A commitment with its change log; None where there is none."""

    def of_case(self, agency: str, number: str) -> Sequence[Committed]:
        """The commitments of a case, by material."""

    def is_excluded(self, agency: str, number: str) -> bool:
        """Whether an earlier false promise keeps the case's applicants from promising."""

    async def keep(self, draft: CommitmentDraft, deadline: Deadline) -> Committed:
        """Keep a commitment; the same content again changes nothing.

        Raises:
            RequestError: COMMITMENT_EXISTS, COMMITMENT_EXCLUDED, CASE_UNKNOWN, CASE_CLOSED.
        """


class CaseGate(Protocol):
    """Whether a case allows what is asked for it."""

    def watches(self, attribution: Attribution) -> bool:
        """Whether this request is checked against its case at all."""

    def opens(self, agency: Agency, attribution: Attribution) -> bool:
        """Whether this lookup, if it is permitted, opens its case."""

    def narrow(
        self,
        decision: Decision,
        agency: Agency,
        attribution: Attribution,
        holder: Holder,
        *,
        today: date,
    ) -> Decision:
        """What is decided once the case has its say too; what failed before the case stays.

        Raises:
            StoreError: nothing is known about the case.
        """

    async def admit(
        self,
        agency: Agency,
        attribution: Attribution,
        holder: Holder,
        *,
        today: date,
        act: str,
        deadline: Deadline,
    ) -> Deny | None:
        """Open a case that nobody has heard of yet, durably; refuse what it does not allow now.

        Args:
            act: id of the lookup.

        Raises:
            StoreError: nothing is known about the case.
        """

    def refuse_registration(
        self, agency: Agency, number: str, registration: CaseRegistration, *, today: date
    ) -> Deny | None:
        """Refuse a registration whose number, operator or mandate says nothing."""


CaseAction = Literal[
    "case_register",
    "case_show",
    "case_close",
    "case_materials",
    "case_commit",
    "case_commitment",
    "deferral_open",
    "deferral_show",
    "deferral_close",
    "ticket_open",
    "ticket_show",
    "matter_open",
    "matter_step",
    "evaluation_give",
]


class Ladder(Protocol):
    """What is still asked of departments: normally everything."""

    @property
    def now(self) -> Rungs:
        """The rungs as they are known; read for each question that no cache has answered."""


class CaseAct(msgspec.Struct, frozen=True, kw_only=True):
    """What is recorded of a request about a case, or about a matter of supervision.

    Attributes:
        id: of the request.
        number: of the case or matter; empty where it was not well-formed, or there is none yet.
        holder: of whom the case is, where that is known.
        said: what was registered, what became of each material, or which step was taken, as
            canonical JSON; no personal data.
        code: why it was refused; None for what is done.
    """

    id: str
    action: CaseAction
    number: str
    holder: Holder | None = None
    said: str | None = None
    code: str | None = None


class CaseLog(Protocol):
    """How requests about cases are recorded. Every method raises AuditError."""

    async def begin(self, caller: Caller, deadline: Deadline) -> Held | None:
        """Decide the nonce before anything is done; None for a request that came before."""

    async def record(
        self, caller: Caller, act: CaseAct, deadline: Deadline, *, held: Held | None
    ) -> int | None:
        """Record what was done or refused; returns the record's index.

        None for a request that was received before, of which nothing is recorded yet.
        """

    async def record_replay(self, caller: Caller, act: CaseAct, deadline: Deadline) -> int:
        """Record that a request came again, and was refused."""


class DeferralBook(Protocol):
    """What is known of deferrals. Every method raises StoreError when the store cannot answer."""

    async def open(self, draft: DeferralDraft, deadline: Deadline) -> DeferralRecord:
        """Keep a deferral; the same content again changes nothing.

        Raises:
            RequestError: DEFERRAL_WAITING; one with another content waits already.
        """

    async def close(
        self, agency: str, case: str, material: str, reason: OwnReason, deadline: Deadline
    ) -> DeferralRecord:
        """End a deferral by hand; one that is closed stays as it was closed.

        Raises:
            RequestError: DEFERRAL_ABSENT.
        """

    async def note_obtained(
        self, agency: str, case: str, materials: Mapping[str, tuple[int, ...]], deadline: Deadline
    ) -> None:
        """What was deferred was had since; `materials` are entries of the log, by material."""

    def waiting_in(self, agency: str, case: str) -> Mapping[str, OpenDeferral]:
        """What waits in a case, by material."""

    def show(self, agency: str, case: str, material: str) -> DeferralRecord | None:
        """The last deferral of a material, with its change log."""

    def list_of_case(self, agency: str, case: str) -> Sequence[DeferralRecord]:
        """All deferrals of a case, oldest first, each with its change log."""

    def list_all(
        self, agency: str | None, state: DeferralState | None, *, limit: int
    ) -> Sequence[DeferralRecord]:
        """Deferrals by due day, without their change logs."""

    async def keep_days(self, today: date, deadline: Deadline) -> None:
        """Remind of what is due soon, and say what is overdue."""


class OrderBook(Protocol):
    """Whose turn it is. Every method raises StoreError when the store cannot answer."""

    def next_at_s(self) -> float:
        """UNIX seconds at which the next order is due; infinity where none is."""

    async def take(self, deadline: Deadline) -> Order | None:
        """Take the order whose turn it is, under a lease; None where there is none."""

    async def note(self, order: Order, tried: Tried, deadline: Deadline) -> None:
        """Keep what became of a try; nothing, where another worker has taken over since."""


class TicketBook(Protocol):
    """What is known of tickets. Every method raises StoreError when the store cannot answer."""

    async def open(self, draft: TicketDraft, deadline: Deadline) -> Order:
        """Keep a ticket and its order, which is the caller's to do.

        Raises:
            RequestError: TICKETS_TOO_MANY.
        """

    def show(self, agency: str, number: str) -> KeptTicket | None:
        """A ticket of the agency, with its answer while that may be fetched; None where none is.

        Raises:
            RequestError: TICKET_EXPIRED.
            TrustError: its row was changed, or is under another key.
        """


class ObtainedShelf(Protocol):
    """Which materials of cases were obtained."""

    async def note(
        self, agency: str, obtained: Sequence[MaterialObtained], deadline: Deadline
    ) -> None:
        """Keep what was obtained in one call of a case, and tell what no call had before.

        Raises:
            StoreError: it is not known to be kept; the next call tells it.
        """


class EventShelf(Protocol):
    """Events as agencies read them. Every method raises StoreError when the store cannot answer."""

    async def wait(self, agency: str, after: int, wait_s: float) -> Sequence[OfficeEvent]:
        """The agency's next events; where there are none, the first that come within `wait_s`."""

    def newest(self) -> int:
        """The last `seq` that was ever given; 0 for none."""

    def kept_from(self) -> int:
        """The first `seq` that is kept, or the next one to come."""
