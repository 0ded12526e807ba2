# SPDX-License-Identifier: Apache-2.0
"""What else the log records: what people did with the log, and what happened to it (format v1).

Bytes are deterministic, as those of an access (`gateway.model.entry`). An act is recorded before
its result is shown: who searches, views, exports, unmasks or erases is found in the same log.
"""

from typing import Final, Literal

import msgspec

from gateway.model.entry import HolderMark

ACT_VERSION: Final = 1

#: What can be done. `receipt`, `certificates`, `events`, `case_…`, `deferral_…`, `ticket_…` and
#: `evaluation_give` are an agency's own, `invalidate` a department's; `matter_…` and
#: `supervision_read` are anybody's who stands to a matter; the others are auditors'.
Action = Literal[
    "search",
    "view",
    "export",
    "report",
    "anomalies",
    "evidence",
    "entries",
    "receipt",
    "certificates",
    "unmask_ask",
    "unmask_approve",
    "unmask_redeem",
    "erase",
    "hold",
    "release",
    "invalidate",
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
    "events",
    "supervision_read",
    "matter_open",
    "matter_step",
    "evaluation_give",
]

#: Whose `subject` is the number of a case.
CASE_ACTIONS: Final[frozenset[Action]] = frozenset(
    {
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
    }
)

#: Whose signature covers a holder's number, or may: it stands sealed (`gateway.audit.sealed`).
SEALED_ACTIONS: Final[frozenset[Action]] = CASE_ACTIONS | {
    "invalidate",
    "matter_open",
    "matter_step",
    "evaluation_give",
}

#: What happens by itself, or by the hand of whoever runs the gateway.
Happening = Literal[
    "clock_step",
    "holder_changed",
    "cache_purged",
    "case_registered",
    "case_closed",
    "deferral_closed",
    "matter_changed",
    "case_evaluated",
    "incident_changed",
    "commitment_changed",
    "monitored",
    "finding_settled",
]

#: Whose `detail` names a case: `case=…`, before anything that somebody wrote.
CASE_HAPPENINGS: Final[frozenset[Happening]] = frozenset(
    {"case_registered", "case_closed", "deferral_closed", "commitment_changed"}
)


class SignedTarget(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The signed HTTP request by which an act was asked for.

    Attributes:
        authority: `@authority` as signed: the name by which the gateway was called.
        target: method and path as signed, e.g. `GET /v1/receipts/7`; a query only of `events`
            and `supervision_read`.
        signature_input: the signature's own member of Signature-Input, without its label.
    """

    authority: str
    target: str
    signature_input: str


class Act(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One thing that a person, or an agency, did with the log.

    Attributes:
        id: 32 hex digits, made by whoever records it.
        salt: 16 random bytes in base64url, so that a leaf hash cannot be guessed.
        time: RFC 3339 UTC with milliseconds.
        actor: id of the auditor; of the agency for a receipt, its list of certificates or a case,
            of the department for a signal; about matters of any of the three.
        keyid: key of the actor that `signature` verifies with.
        reason: in the actor's words, screened for personal data; None with `request`, where there
            is no place for it.
        subject: what it was about: a request id, an index, an epoch, another act's id, a case,
            a matter.
        query: filters of a search or export, or what was said of a case or matter, as canonical
            JSON; a holder stands in `holder` instead.
        holder: who was searched for or unmasked.
        count: rows shown or found; None where it was not known when the act was recorded.
        outcome: `done`, or `refused` with `code`.
        request: None for an act at the command line, whose signature is over the act itself.
        signature: base64url. Over the act's bytes with this member empty, or as `request` says. Of
            `SEALED_ACTIONS` it is sealed, since a holder's number was signed.
    """

    v: int = ACT_VERSION
    kind: Literal["act"] = "act"
    id: str
    salt: str
    time: str
    action: Action
    actor: str
    keyid: str
    reason: str | None = None
    subject: str | None = None
    query: str | None = None
    holder: HolderMark | None = None
    count: int | None = None
    outcome: Literal["done", "refused"] = "done"
    code: str | None = None
    request: SignedTarget | None = None
    signature: str = ""


class Event(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Something that happened; signed by nobody.

    Attributes:
        event: what.
        detail: figures, in the form `name=value`, parted by spaces.
        holder: whom it is about; only where it is about somebody.
    """

    v: int = ACT_VERSION
    kind: Literal["event"] = "event"
    id: str
    salt: str
    time: str
    event: Happening
    detail: str = ""
    holder: HolderMark | msgspec.UnsetType = msgspec.UNSET
