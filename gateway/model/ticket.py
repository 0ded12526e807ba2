# SPDX-License-Identifier: Apache-2.0
"""Tickets as values (wire format v1, docs/reference/tickets.md): lookups that nobody waits for."""

from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from gateway.model.discreet import Discreet
from gateway.model.plan import ANSWER_SCHEMA

TicketState = Literal["running", "done"]


class Ticket(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A ticket as it is now. Times are RFC 3339 UTC, seconds.

    Attributes:
        case: of the lookup.
        certificate: its type.
        outcome: as a lookup has it, or the code of a refusal; None while it runs.
        expires_at: from then on its answer is gone; None while it runs.
    """

    id: str
    case: str
    certificate: str
    state: TicketState
    opened_at: str
    outcome: str | None = None
    expires_at: str | None = None


class KeptTicket(Discreet, msgspec.Struct, frozen=True):
    """A ticket with what it is there for.

    Attributes:
        index: of the entry that records the lookup; None where none was made.
        answer: the body of a `LookupAnswer` or `Problem`; None while it runs.
    """

    ticket: Ticket
    index: int | None
    answer: bytes | None


class TicketAnswer(Discreet, msgspec.Struct, frozen=True, omit_defaults=True):
    """A 200 answer about a ticket that is done, or a 202 about one that runs.

    Attributes:
        index: of the entry that records the lookup.
        answer: what `POST /v1/lookups` would have answered, to the byte what the entry's
            `response.digest` is the digest of.
    """

    request_id: str
    ticket: Ticket
    index: int | None = None
    answer: Annotated[msgspec.Raw, Meta(extra_json_schema=ANSWER_SCHEMA)] | UnsetType = UNSET
