# SPDX-License-Identifier: Apache-2.0
"""容缺受理 as values (wire format v1, docs/reference/deferrals.md).

A case goes on without a material, against a promise that it comes by a day. The request that opens
a deferral is also the agency's standing order: until that day the gateway asks the department again
on that signature, and closes the deferral once it answers.
"""

from datetime import date
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from gateway.model.case import Role
from gateway.model.discreet import Discreet
from gateway.model.lookup import Attribution, Claims, Short

#: `overdue`: the day has passed and nothing came; whoever decides about the case decides.
DeferralState = Literal["open", "closed", "overdue"]
#: The department answered, the applicant brought it, or nobody waits for it any more.
ClosedReason = Literal["obtained", "supplied", "withdrawn"]
#: What an agency may say itself.
OwnReason = Literal["supplied", "withdrawn"]
Digest = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$")]


class DeferralRequest(Discreet, msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of `PUT /v1/cases/{case}/deferrals/{material}`; nothing is checked yet.

    Attributes:
        attribution: of each later lookup on this order; its case is that of the path.
        promise: SHA-256 of the text that was promised, as `deferral.promise` of the material says
            it, in UTF-8; lower-case hexadecimal.
        promised_by: role of the case's holder who promised.
        accepted_on: day of acceptance, from which the due day counts; None is the day on which the
            case was opened.
        situation: 情形, a code of the item's; None is the case's own.
        claims: of this material, where it is verified or has key fields.
    """

    attribution: Attribution
    promise: Digest
    promised_by: Role = "applicant"
    accepted_on: date | None = None
    situation: Short | None = None
    claims: Claims = {}


class DeferralClosing(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of `POST /v1/cases/{case}/deferrals/{material}/close`."""

    reason: OwnReason


class OpenDeferral(msgspec.Struct, frozen=True):
    """A deferral that waits, as the answer about a material tells it.

    Attributes:
        due_on: the last day, in the site's time zone.
    """

    id: str
    state: DeferralState
    due_on: date


class Retry(msgspec.Struct, frozen=True, omit_defaults=True):
    """How the gateway asks again by itself.

    Attributes:
        state: `waiting` for its time, or `over`: nobody asks any more.
        tries: how often the department was, or was to be, asked.
        said: of the last try: an outcome, or the code of why there was none.
        next_at: when the next try is due at the latest; sooner once the department is back.
    """

    state: Literal["waiting", "over"]
    tries: int = 0
    said: str | None = None
    next_at: str | None = None


class DeferralStep(msgspec.Struct, frozen=True):
    """A line of the change log.

    Attributes:
        what: `opened`, `renewed`, `tried`, `reminded`, `overdue`, `closed`.
        said: of a try its outcome or code, of an end its reason; empty otherwise.
        indexes: entries of the log that record it.
    """

    at: str
    what: str
    said: str = ""
    indexes: tuple[int, ...] = ()


class DeferralRecord(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A deferral as it is now. Times are RFC 3339 UTC, days those of the site.

    Attributes:
        act: id of the record of the request that opened it: the standing order.
        promise: digest of the text that was promised.
        reason: why it is closed; None while it is not.
        retry: None where no department can be asked.
        steps: the change log, oldest first.
    """

    id: str
    agency: str
    case: str
    item: str
    material: str
    state: DeferralState
    act: str
    promise: str
    promised_by: Role
    accepted_on: date
    due_on: date
    opened_at: str
    reason: ClosedReason | None = None
    ended_at: str | None = None
    retry: Retry | None = None
    steps: tuple[DeferralStep, ...] = ()


class DeferralAnswer(msgspec.Struct, frozen=True):
    """A 200 answer about one deferral."""

    request_id: str
    deferral: DeferralRecord


class DeferralsAnswer(msgspec.Struct, frozen=True):
    """A 200 answer about all deferrals of a case, oldest first."""

    request_id: str
    deferrals: tuple[DeferralRecord, ...]
