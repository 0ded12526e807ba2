# SPDX-License-Identifier: Apache-2.0
"""The life of a matter: which step leads from where to where, and what it has to say.

::

    open ─assign▶ assigned ─reply▶ answered ─call_back: satisfied / verify: improved▶ closed
                      ▲───────────────┘ unsatisfied / not improved

Rules:

1. Whoever answers was named before. Escalation names somebody else; the due day stays.
2. A complaint's reply says the cause, a correction's whether the data was mended. Complaints and
   bad ratings end by a call-back only, so every one of them is called back; whoever is not reached
   is called again.
3. A corrective measure ends when its figure, measured after, is better than before: the register
   is told that, and does not take anybody's word where there is a figure.
4. What is closed stays closed.
"""

from typing import Final

import msgspec

from gateway.errors import RequestError
from gateway.model.matter import Matter, MatterKind, MatterState, Step, StepDraft, StepName

#: Figures of which more is better; of all others less is.
MORE_IS_BETTER: Final = frozenset({"availability"})

_FROM: Final[dict[StepName, frozenset[MatterState]]] = {
    "assign": frozenset({"open", "assigned"}),
    "escalate": frozenset({"assigned"}),
    "reply": frozenset({"assigned"}),
    "call_back": frozenset({"answered"}),
    "verify": frozenset({"answered"}),
}
_ENDS: Final[dict[MatterKind, StepName]] = {
    "complaint": "call_back",
    "rating": "call_back",
    "corrective": "verify",
    "correction": "verify",
}


def advance(matter: Matter, step: StepDraft, at: str) -> Matter:
    """The matter after a step.

    Args:
        at: RFC 3339 UTC.

    Raises:
        RequestError: MATTER_STEP_REFUSED; says what is missing, or what has to be done first.
    """
    if matter.state not in _FROM[step.step]:
        allowed = " or ".join(sorted(_FROM[step.step]))
        raise _refused(f"it is {matter.state}; `{step.step}` is taken when it is {allowed}")
    _check(matter, step)
    state = _state_after(step)
    return msgspec.structs.replace(
        matter,
        state=state,
        owner=step.owner or matter.owner,
        answered_at=matter.answered_at or (at if step.step == "reply" else None),
        closed_at=at if state == "closed" else None,
        steps=(*matter.steps, Step(at, state, step)),
    )


def is_better(metric: str, before: float, after: float) -> bool:
    """Whether a figure has become better; the same is not better."""
    return after > before if metric in MORE_IS_BETTER else after < before


def _check(matter: Matter, step: StepDraft) -> None:
    kind = matter.draft.kind
    match step.step:
        case "assign" | "escalate":
            if not step.owner:
                raise _refused("it needs the owner who has to answer")
        case "reply":
            if not step.words.strip():
                raise _refused("a reply needs words")
            if (kind == "complaint") != (step.cause is not None):
                raise _refused("a complaint's reply says the cause, and no other does")
            if (kind == "correction") != (step.answer is not None):
                raise _refused("a correction's reply says corrected, confirmed or declined, and"
                               " no other does")  # fmt: skip
        case "call_back" | "verify":
            if _ENDS[kind] != step.step:
                raise _refused(f"a {kind} ends by `{_ENDS[kind]}`")
            _check_end(matter, step)


def _check_end(matter: Matter, step: StepDraft) -> None:
    said = {"satisfied", "unsatisfied", "unreached"}
    if (step.step == "call_back") != (step.result in said):
        raise _refused("a call-back says satisfied, unsatisfied or unreached; a verification"
                       " improved or not_improved")  # fmt: skip
    before, after = matter.draft.before, step.after
    if step.step == "call_back" or before is None:
        return
    if after is None:
        raise _refused(f"the figure `{matter.draft.metric}` has to be measured again")
    if is_better(matter.draft.metric or "", before, after) != (step.result == "improved"):
        raise _refused(f"it was {before} and is {after}")


def _state_after(step: StepDraft) -> MatterState:
    match step.result:
        case "satisfied" | "improved":
            return "closed"
        case "unsatisfied" | "not_improved":
            return "assigned"
        case "unreached":
            return "answered"
        case None:
            return "answered" if step.step == "reply" else "assigned"


def _refused(why: str) -> RequestError:
    return RequestError("MATTER_STEP_REFUSED", why)
