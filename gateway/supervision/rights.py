# SPDX-License-Identifier: Apache-2.0
"""Who may do what about which matters: one table, and whose a matter is.

Rules:

1. An agency acts in its own matters: it complains and asks for corrections on behalf of applicants,
   answers what is held against it, and says what a call-back came to.
2. A department answers correction requests about what its adapters hand out, and sees no others.
3. An auditor with the role `supervise` sees all, names who answers, and ends; with `read` alone an
   auditor sees all and changes nothing.
4. A matter that is not yours is not there: it is answered as one that never was. What you see and
   may not do is refused by name.
"""

from typing import Final, Literal

from gateway.errors import RequestError
from gateway.model.matter import Matter, MatterKind, StepName
from gateway.model.standing import Side, Standing

Deed = Literal["read", "open"] | StepName

_NONE: Final[frozenset[Deed]] = frozenset()
_RIGHTS: Final[dict[Side, dict[MatterKind, frozenset[Deed]]]] = {
    "agency": {
        "complaint": frozenset({"read", "open", "reply", "call_back"}),
        "rating": frozenset({"read", "reply"}),
        "corrective": frozenset({"read", "reply"}),
        "correction": frozenset({"read", "open", "verify"}),
    },
    "department": {"correction": frozenset({"read", "reply"})},
    "auditor": {
        "complaint": frozenset({"read", "assign", "escalate", "reply", "call_back"}),
        "rating": frozenset({"read", "assign", "escalate", "call_back"}),
        "corrective": frozenset({"read", "open", "assign", "escalate", "verify"}),
        "correction": frozenset({"read", "assign", "escalate", "verify"}),
    },
}


def may(standing: Standing, kind: MatterKind, deed: Deed) -> bool:
    """Whether somebody may do that about matters of a kind, those that are theirs."""
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


def check_deed(standing: Standing, kind: MatterKind, deed: Deed) -> None:
    """Refuse what somebody may not do about any matter of a kind.

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
