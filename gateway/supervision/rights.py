# SPDX-License-Identifier: Apache-2.0
"""Who may do what about matters, findings and emergencies: one table, and whose each is.

Rules:

1. An agency acts in its own matters: it complains and asks for corrections on behalf of applicants,
   answers what is held against it, and says what a call-back came to.
2. A department answers correction requests about what its adapters hand out, and sees no others;
   so with incidents and alarms of its adapters.
3. What monitoring found is shown to the agency that it is about; only who supervises settles it.
4. An auditor with the role `supervise` sees all, names who answers, and ends; with `read` alone an
   auditor sees all and changes nothing.
5. A matter or a finding that is not yours is not there: it is answered as one that never was.
   What you see and may not do is refused by name.
"""

from typing import Final, Literal

from gateway.errors import RequestError
from gateway.model.finding import Finding
from gateway.model.incident import IncidentStepName
from gateway.model.matter import Matter, MatterKind, StepName
from gateway.model.standing import Side, Standing

#: What is supervised: the kinds of matters, what monitoring finds, and emergencies.
Subject = MatterKind | Literal["finding", "incident", "alarm"]
Deed = Literal["read", "settle"] | StepName | IncidentStepName

_NONE: Final[frozenset[Deed]] = frozenset()
_RIGHTS: Final[dict[Side, dict[Subject, frozenset[Deed]]]] = {
    "agency": {
        "complaint": frozenset({"read", "open", "reply", "call_back"}),
        "rating": frozenset({"read", "reply"}),
        "corrective": frozenset({"read", "reply"}),
        "correction": frozenset({"read", "open", "verify"}),
        "finding": frozenset({"read"}),
        "incident": frozenset({"read"}),
    },
    "department": {
        "correction": frozenset({"read", "reply"}),
        "incident": frozenset({"read"}),
        "alarm": frozenset({"read"}),
    },
    "auditor": {
        "complaint": frozenset({"read", "assign", "escalate", "reply", "call_back"}),
        "rating": frozenset({"read", "assign", "escalate", "call_back"}),
        "corrective": frozenset({"read", "open", "assign", "escalate", "verify"}),
        "correction": frozenset({"read", "assign", "escalate", "verify"}),
        "finding": frozenset({"read", "settle"}),
        "incident": frozenset({"read", "open", "rung", "note", "close"}),
        "alarm": frozenset({"read"}),
    },
}


def may(standing: Standing, kind: Subject, deed: Deed) -> bool:
    """Whether somebody may do that about those of a kind that are theirs."""
    if not (standing.may_read if deed == "read" else standing.may_change):
        return False
    return deed in _RIGHTS[standing.side].get(kind, _NONE)


def sees(standing: Standing, matter: Matter) -> bool:
    """Whether a matter is there for somebody at all."""
    if not may(standing, matter.draft.kind, "read"):
        return False
    match standing.side:
        case "agency":
            return matter.draft.agency == standing.id
        case "department":
            return matter.draft.department in standing.adapters
        case "auditor":
            return True


def sees_finding(standing: Standing, finding: Finding) -> bool:
    """Whether a finding is there for somebody at all."""
    if not may(standing, "finding", "read"):
        return False
    return standing.side == "auditor" or finding.about.agency == standing.id


def check_deed(standing: Standing, kind: Subject, deed: Deed) -> None:
    """Refuse what somebody may not do about any of a kind.

    Raises:
        RequestError: SUPERVISION_REFUSED.
    """
    if not may(standing, kind, deed):
        raise RequestError(
            "SUPERVISION_REFUSED", f"`{deed}` of a {kind} is not for this {standing.side}"
        )


def check_oversight(standing: Standing) -> None:
    """Refuse what is for auditors only.

    Raises:
        RequestError: SUPERVISION_REFUSED.
    """
    if standing.side != "auditor" or not standing.may_read:
        raise RequestError("SUPERVISION_REFUSED", f"it is not for this {standing.side}")
