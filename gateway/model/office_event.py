# SPDX-License-Identifier: Apache-2.0
"""Events 事件: what approval systems, OA and portals are told (clause 4.8; reference/events.md).

Rules:

1. An event says that something is so now, and where to ask for it. It holds no value of a field, no
   name and no ID number: a holder stands masked, and whoever may know more asks by a lookup.
2. Each kind is one frozen struct. Members are added at the end, with a default; a receiver ignores
   those that it does not know. None is removed or changed: that would be another kind.
3. `subject` is what an event is about. Events about one subject are delivered in their order;
   between subjects there is none.
"""

from typing import Annotated, Final, Literal, get_args

import msgspec
from msgspec import Meta

from gateway.model.deferral_event import (
    DeferralClosed,
    DeferralDue,
    DeferralLeft,
    DeferralOpened,
)
from gateway.model.event_words import Instant, Masked, MaterialName, Word
from gateway.model.lookup import ServedFrom


class CaseRegistered(msgspec.Struct, frozen=True, tag_field="kind", tag="case.registered"):
    """A case was registered, or registered again with another content.

    Attributes:
        case: the agency's number of it.
        item: code of its item.
        version: counts registrations whose content differed, from 1.
    """

    case: Word
    item: Word
    version: int

    @property
    def subject(self) -> str:
        """The case."""
        return f"case:{self.case}"


class CaseClosed(msgspec.Struct, frozen=True, tag_field="kind", tag="case.closed"):
    """A case was closed: nothing is asked for it any more.

    Attributes:
        case: the agency's number of it.
        item: code of its item.
        closed_at: as the agency said.
    """

    case: Word
    item: Word
    closed_at: Instant

    @property
    def subject(self) -> str:
        """The case."""
        return f"case:{self.case}"


class MaterialObtained(msgspec.Struct, frozen=True, tag_field="kind", tag="material.obtained"):
    """A material of a case was obtained by `POST /v1/materials`, and by no call of the case before.

    Attributes:
        case: the agency's number of it.
        item: code of its item.
        material: as the item names it; its first 64 characters.
        certificate: type of the certificate that replaces it.
        holder: whose it is, masked.
        served_from: the department itself, or a cache.
        as_of: of when the answer is.
        request: id of the request that obtained it, as the log knows it.
    """

    case: Word
    item: Word
    material: Word
    certificate: Word
    holder: Masked
    served_from: ServedFrom
    as_of: Instant
    request: Word

    @property
    def subject(self) -> str:
        """The case."""
        return f"case:{self.case}"


class CommitmentChecked(msgspec.Struct, frozen=True, tag_field="kind", tag="commitment.checked"):
    """告知承诺: what was promised in a material's place was checked 日后核查.

    Attributes:
        case: the agency's number of it.
        item: code of its item.
        material: as the item names it.
        result: it was true, it was a false promise, or nobody can tell.
    """

    case: Word
    item: Word
    material: MaterialName
    result: Literal["true", "false", "not_checkable"]

    @property
    def subject(self) -> str:
        """The case."""
        return f"case:{self.case}"


class CorrectionAnswered(msgspec.Struct, frozen=True, tag_field="kind", tag="correction.answered"):
    """A department has answered a request for correction.

    Attributes:
        correction: its id.
        certificate: type of the certificate that was said to be wrong; the department where
            whoever asked named none.
        answer: the record was corrected, was right, or the department does not decide.
        case: in which it was noticed; None for none.
    """

    correction: Word
    certificate: Word
    answer: Literal["corrected", "confirmed", "declined"]
    case: Word | None = None

    @property
    def subject(self) -> str:
        """The case, or the correction where there is none."""
        return f"correction:{self.correction}" if self.case is None else f"case:{self.case}"


class DepartmentDown(msgspec.Struct, frozen=True, tag_field="kind", tag="department.down"):
    """A department is left alone for now: lookups of it are refused at once.

    Attributes:
        adapter: the department's adapter.
    """

    adapter: Word

    @property
    def subject(self) -> str:
        """The adapter."""
        return f"adapter:{self.adapter}"


class DepartmentUp(msgspec.Struct, frozen=True, tag_field="kind", tag="department.up"):
    """A department answers again.

    Attributes:
        adapter: the department's adapter.
        down_since: when the first worker had left it alone.
    """

    adapter: Word
    down_since: Instant

    @property
    def subject(self) -> str:
        """The adapter."""
        return f"adapter:{self.adapter}"


class TicketDone(msgspec.Struct, frozen=True, tag_field="kind", tag="ticket.done"):
    """A lookup that was too slow for a held connection has its result, to be fetched.

    Attributes:
        ticket: its id.
        case: of the lookup.
        certificate: type of the certificate.
        outcome: as a lookup has it, or the code of a refusal.
    """

    ticket: Word
    case: Word
    certificate: Word
    outcome: Word

    @property
    def subject(self) -> str:
        """The case."""
        return f"case:{self.case}"


class IncidentOpened(msgspec.Struct, frozen=True, tag_field="kind", tag="incident.opened"):
    """An emergency: the gateway does less than usual from now on.

    Attributes:
        incident: its id.
        alarm: which threshold was passed; `by_hand` where a person raised it.
        step: of the degrade ladder, with which it begins.
        drill: nothing has happened; it is practised.
        adapter: of the department that it is about; None for all.
    """

    incident: Word
    alarm: Word
    step: Word
    drill: bool = False
    adapter: Word | None = None

    @property
    def subject(self) -> str:
        """The incident."""
        return f"incident:{self.incident}"


class IncidentClosed(msgspec.Struct, frozen=True, tag_field="kind", tag="incident.closed"):
    """An emergency has ended.

    Attributes:
        incident: its id.
        drill: it was practised.
    """

    incident: Word
    drill: bool = False

    @property
    def subject(self) -> str:
        """The incident."""
        return f"incident:{self.incident}"


class ReceiverTested(msgspec.Struct, frozen=True, tag_field="kind", tag="receiver.tested"):
    """Nothing has happened: an operator tries whether events arrive (`yizheng event test`).

    Attributes:
        site: the gateway's name for people.
    """

    site: Word

    @property
    def subject(self) -> str:
        """The receiver itself."""
        return "receiver"


Happened = (
    CaseRegistered
    | CaseClosed
    | MaterialObtained
    | DeferralOpened
    | DeferralClosed
    | DeferralDue
    | DeferralLeft
    | CommitmentChecked
    | CorrectionAnswered
    | DepartmentDown
    | DepartmentUp
    | TicketDone
    | IncidentOpened
    | IncidentClosed
    | ReceiverTested
)

#: By kind; `receiver.tested` is sent by hand only, and cannot be subscribed to.
KINDS: Final[dict[str, type[msgspec.Struct]]] = {
    str(kind.__struct_config__.tag): kind for kind in get_args(Happened)
}
TEST_KIND: Final = "receiver.tested"
_KIND_PATTERN: Final = "|".join(kind.replace(".", r"\.") for kind in KINDS if kind != TEST_KIND)
Kind = Annotated[str, Meta(pattern=f"^({_KIND_PATTERN})$")]


class OfficeEvent(msgspec.Struct, frozen=True):
    """One event as it is delivered and as the feed shows it.

    Attributes:
        id: 32 hex digits; the same in every delivery of this event, so that it counts once.
        seq: where it stands in the feed; rises, with gaps.
        time: when it happened; RFC 3339 UTC, seconds.
        agency: id of the agency that it is for; empty for all.
        what: the kind and what it says.
    """

    id: str
    seq: int
    time: str
    agency: str
    what: Happened


class EventPage(msgspec.Struct, frozen=True):
    """An answer of `GET /v1/events`.

    Attributes:
        request_id: of the request.
        events: in the order of `seq`.
        next: to be asked for as `after` next time; 0 where `after` was beyond all events: the
            gateway's store is another one then.
        kept_from: events before this `seq` are not kept any more; who has not come so far by
            `after` has missed some.
    """

    request_id: str
    events: tuple[OfficeEvent, ...]
    next: int
    kept_from: int


_encode: Final = msgspec.json.Encoder(order="deterministic").encode
_decode: Final = msgspec.json.Decoder(OfficeEvent).decode
_happened: Final[msgspec.json.Decoder[Happened]] = msgspec.json.Decoder(Happened)


def format_event(event: OfficeEvent) -> bytes:
    """The bytes that are signed and delivered, the same each time."""
    return _encode(event)


def parse_event(body: bytes) -> OfficeEvent:
    """Read a delivered event.

    Raises:
        msgspec.MsgspecError: it is none, or of a kind that is not known here.
    """
    return _decode(body)


def kind_of(happened: Happened) -> str:
    """Its kind, e.g. `case.closed`."""
    return str(happened.__struct_config__.tag)


def format_happened(happened: Happened) -> str:
    """As the store keeps it."""
    return _encode(happened).decode()


def parse_happened(text: str) -> Happened:
    """Read what the store keeps."""
    return _happened.decode(text)
