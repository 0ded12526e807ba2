# SPDX-License-Identifier: Apache-2.0
"""Cases 办件 as values (wire format v1, docs/reference/cases.md).

A case says for whom an agency works, on which item and, where somebody acts for somebody else
(代办、帮办, clause 4.9), under which mandate. What is asked for a case is checked against it.
"""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

from gateway.model.discreet import Discreet
from gateway.model.holder import Holder, Scheme
from gateway.model.lookup import HolderReference, OperatorReference, Short

Role = Literal["applicant", "spouse", "child", "legal_representative", "agent"]
#: `provisional`: a lookup named it before its agency registered it.
CaseState = Literal["provisional", "open", "closed"]
#: 办结, 不予办理, 申请人撤回.
CaseResult = Literal["done", "refused", "withdrawn"]

MAX_HOLDERS: Final = 16


class CaseHolder(Discreet, msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One holder of a case as the agency wrote it; nothing is checked yet."""

    role: Role
    holder: HolderReference


class Mandate(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """委托: by what somebody acts for a holder of the case.

    Attributes:
        id: the agency's number of it; recorded with each access under it.
        scope: codes of the items that it covers.
        expires_on: the last day on which it holds, in the site's time zone.
        agent: id of the operator who acts 帮办; None where the holder with the role `agent` does
            代办, whoever the operator at the window is.
        principals: roles of those who gave it. Under it nobody else is asked about.
    """

    id: Short
    scope: Annotated[tuple[Short, ...], Meta(min_length=1, max_length=32)]
    expires_on: date
    agent: Short | None = None
    principals: Annotated[tuple[Role, ...], Meta(min_length=1, max_length=4)] = ("applicant",)


class CaseRegistration(Discreet, msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of `PUT /v1/cases/{case}`; nothing is checked yet."""

    item: Short
    holders: Annotated[tuple[CaseHolder, ...], Meta(min_length=1, max_length=MAX_HOLDERS)]
    operator: OperatorReference
    opened_at: Annotated[datetime, Meta(tz=True)]
    situation: Short | None = None
    mandate: Mandate | None = None


class CaseClosing(Discreet, msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of `POST /v1/cases/{case}/close`.

    Attributes:
        closed_at: None is now.
        result: how it ended; None where the agency does not tell.
        reason: why, in words without personal data; monitoring asks for it where `refused`.
    """

    closed_at: Annotated[datetime, Meta(tz=True)] | None = None
    result: CaseResult | None = None
    reason: Annotated[str, Meta(max_length=500)] = ""


class Party(Discreet, msgspec.Struct, frozen=True):
    """A holder of a case whose number has passed every check."""

    role: Role
    holder: Holder


class CaseDraft(Discreet, msgspec.Struct, frozen=True):
    """A registration that has passed every check.

    Attributes:
        operator: its id; the name is checked and not kept.
        act: id of the request, and of the record of it.
        opened_at: RFC 3339 UTC, seconds; None for a case that a lookup opens.
    """

    agency: str
    number: str
    item: str
    parties: tuple[Party, ...]
    operator: str
    act: str
    opened_at: str | None = None
    situation: str | None = None
    mandate: Mandate | None = None


class CaseFacts(msgspec.Struct, frozen=True):
    """What a lookup is checked against.

    Attributes:
        first_seen_s: UNIX seconds of the first request that named the case.
        roles: of its holders, by their keyed index.
    """

    state: CaseState
    item: str
    first_seen_s: int
    roles: Mapping[bytes, tuple[Role, ...]]
    mandate: Mandate | None = None


class ShownParty(msgspec.Struct, frozen=True):
    """A holder as people may see it: first three and last two characters."""

    role: Role
    scheme: Scheme
    masked: str


class CaseRecord(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A case as it is now, without a number in clear.

    Attributes:
        version: counts registrations whose content differed; 0 while provisional.
        first_seen_at: when a request first named it; RFC 3339 UTC, seconds, like every time here.
        registered_at: when this version came; None while provisional.
        result: how it ended, where the agency told.
        reason: why.
    """

    agency: str
    number: str
    state: CaseState
    version: int
    item: str
    holders: tuple[ShownParty, ...]
    first_seen_at: str
    situation: str | None = None
    operator: str | None = None
    opened_at: str | None = None
    registered_at: str | None = None
    closed_at: str | None = None
    mandate: Mandate | None = None
    result: CaseResult | None = None
    reason: str = ""


class CaseAnswer(msgspec.Struct, frozen=True):
    """A 200 answer about a case: it is on record, and this is how it stands."""

    request_id: str
    case: CaseRecord
