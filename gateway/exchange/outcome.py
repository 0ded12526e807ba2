# SPDX-License-Identifier: Apache-2.0
"""What became of a material, and what may take its place: the engine of clause 7.4.

1. *Not found* is what a department said; *unavailable* is that it said nothing. Neither becomes the
   other: an outage is no "never married".
2. A mismatch refuses nobody. It is said, and the department's record may be corrected.
3. What could not be had is deferrable 容缺受理 where the catalogue allows that, else promisable
   告知承诺, else the applicant's to bring. What the department did say stays said, and both are
   offered beside it.
4. What was promised in this case is promised: it is shown, and not offered again. To whom made a
   false promise before none is offered.
"""

from collections.abc import Mapping
from datetime import date
from typing import Final

import msgspec

from gateway.errors import REFUSALS, SetupError, Text
from gateway.exchange.commitments import digest_of
from gateway.exchange.plan import Line
from gateway.exchange.reply import Reply
from gateway.model.commitment import ShownCommitment
from gateway.model.deferral import OpenDeferral
from gateway.model.material import Deferral, Material, MaterialHolder
from gateway.model.plan import (
    SETTLED,
    CommitmentOffer,
    DeferralOffer,
    MaterialAnswer,
    MaterialOutcome,
)
from gateway.model.time_limit import TimeLimit
from gateway.model.working_day import WorkingDays

#: What a lookup's outcome is for a material.
_SAID: Final[dict[str, MaterialOutcome]] = {
    "found": "shared",
    "match": "verified",
    "mismatch": "mismatch",
    "not_found": "not_found",
}
_ROLES: Final[dict[MaterialHolder, Text]] = {
    "applicant": Text("applicant", "申请人"),
    "spouse": Text("spouse", "配偶"),
    "child": Text("child", "子女"),
    "legal_representative": Text("legal representative", "法定代表人"),
}
#: What is still to be done; `{by}` is a day, `{name}` the material.
_TODO: Final[dict[MaterialOutcome, Text]] = {
    "mismatch": Text(
        "The department's record differs from what was stated. This refuses nobody: check the "
        "statement, bring the document, or have the department correct its record.",
        "部门记录与填报内容不一致，不得据此不予受理：请核对填报内容、提供《{name}》，"
        "或申请部门更正记录。",
    ),
    "not_found": Text(
        "The department answered that it has no such record. Bring the document.",
        "部门答复无此记录，请提供《{name}》。",
    ),
    "unavailable": Text(
        "The department could not be asked, which says nothing of its record. Ask again later, or "
        "bring the document.",
        "部门系统暂不能答复，不代表无此记录：请稍后再查，或提供《{name}》。",
    ),
    "deferrable": Text(
        "May be handed in later, by {by}, against the applicant's promise.",
        "可容缺受理：签署承诺后，于{by}前补交《{name}》。",
    ),
    "promisable": Text(
        "The applicant's written commitment may take its place.",
        "可实行告知承诺：签署承诺书后，无需提交《{name}》。",
    ),
}


class Promises(msgspec.Struct, frozen=True):
    """What is known of a case's commitments.

    Attributes:
        by_material: those that were made in this case.
        is_excluded: an earlier false promise: nothing is offered to be promised.
    """

    by_material: Mapping[str, ShownCommitment] = {}
    is_excluded: bool = False

    def allows(self, material: Material) -> bool:
        """Whether a commitment may take the material's place, or does already."""
        known = self.by_material.get(material.name)
        if known is not None:
            return known.stands
        return material.commitment is not None and not self.is_excluded


def judge(
    line: Line, reply: Reply | None, promises: Promises
) -> tuple[MaterialOutcome, str | None]:
    """The outcome of a material, and the code of why it was not had.

    Args:
        reply: of the department's lookup, recorded; None where there was none.
    """
    if reply is None:
        return _instead(line.material, "applicant_must_supply", promises), line.unasked
    said = _SAID.get(reply.outcome)
    if said is not None:
        return said, None
    refusal = REFUSALS[reply.outcome]
    is_away = refusal.retryable or refusal.attribution != "consumer"
    otherwise: MaterialOutcome = "unavailable" if is_away else "applicant_must_supply"
    return _instead(line.material, otherwise, promises), refusal.code


def _instead(material: Material, otherwise: MaterialOutcome, promises: Promises) -> MaterialOutcome:
    if material.name in promises.by_material and promises.allows(material):
        return "promisable"  # it was promised already, whatever else would do
    if material.deferral is not None:
        return "deferrable"
    return "promisable" if promises.allows(material) else otherwise


def offer_deferral(
    line: Line,
    outcome: MaterialOutcome,
    *,
    accepted_on: date,
    limit: TimeLimit,
    days: WorkingDays,
) -> DeferralOffer | None:
    """By when the material may come later; None where it may not, or has not to."""
    deferral = line.material.deferral
    if deferral is None or outcome in SETTLED or outcome == "mismatch":
        return None
    try:
        due_on: date | None = due_day(deferral, accepted_on, limit, days)
    except SetupError:  # no table of that year yet: nothing is guessed, the rule is still told
        due_on = None
    return DeferralOffer(due_on, deferral.due_working_days, deferral.promise)


def due_day(deferral: Deferral, accepted_on: date, limit: TimeLimit, days: WorkingDays) -> date:
    """The earlier of the deferral's own day and the one before the item's due day, if it has one.

    Never before the day of acceptance itself.

    Raises:
        SetupError: the calendar has no table of a year on the way.
    """
    own = days.add_working_days(accepted_on, deferral.due_working_days)
    before = deferral.before_limit_working_days
    end = limit.due(accepted_on, days) if before else None
    if end is None:
        return own
    latest = days.add_working_days(end, -before)
    return max(accepted_on, min(own, latest))


def offer_commitment(
    line: Line, outcome: MaterialOutcome, promises: Promises, *, version: int
) -> CommitmentOffer | None:
    """The commitment that may take the material's place; None where none may, has to, or does.

    Args:
        version: of the item.
    """
    material = line.material
    commitment = material.commitment
    if commitment is None or outcome in SETTLED or outcome == "mismatch":
        return None
    if material.name in promises.by_material or not promises.allows(material):
        return None
    return CommitmentOffer(
        commitment.text,
        commitment.check_within_working_days,
        commitment.exclusions,
        version,
        digest_of(commitment.text),
    )


def todo_of(
    line: Line,
    outcome: MaterialOutcome,
    code: str | None,
    due_on: date | None,
) -> Text | None:
    """What the applicant must still do, for people; None where nothing."""
    if outcome in SETTLED:
        return None
    material = line.material
    if outcome == "applicant_must_supply":
        return _supply(material.name, _ROLES[material.holder], code)
    by, todo = _by(material, due_on), _TODO[outcome]
    return Text(todo.en.format(by=by.en), todo.zh.format(name=material.name, by=by.zh))


def with_deferral(answer: MaterialAnswer, waiting: Mapping[str, OpenDeferral]) -> MaterialAnswer:
    """The answer about a material of which a deferral waits, unless it is settled.

    Args:
        waiting: by name of the material.
    """
    deferred = waiting.get(answer.material)
    if deferred is None or answer.is_settled:
        return answer
    todo = Text(
        f"Deferred: due by {deferred.due_on}, as the applicant has promised.",
        f"已容缺受理：请按承诺于{deferred.due_on}前补交《{answer.material}》。",
    )
    return msgspec.structs.replace(answer, todo=todo, deferral=None, deferred=deferred)


def _supply(name: str, role: Text, code: str | None) -> Text:
    if code == "HOLDER_NOT_IN_CASE":
        return Text(
            f"The case names no {role.en}: register it with that holder, or bring the document.",
            f"办件未登记{role.zh}：请补充登记后再查，或提供《{name}》。",
        )
    if code == "CLAIMS_MISSING":
        return Text(
            "State what is to be verified, as `claims`, or bring the document.",
            f"请填报待核验的内容后再查，或提供《{name}》。",
        )
    return Text("Bring the document.", f"请提供《{name}》。")


def _by(material: Material, due_on: date | None) -> Text:
    """By when a deferred material has to be there; of another one, nobody asks."""
    if due_on is not None:
        return Text(due_on.isoformat(), due_on.isoformat())
    count = 0 if material.deferral is None else material.deferral.due_working_days
    return Text(f"{count} working days after acceptance", f"受理之日起{count}个工作日")


def role_text(role: MaterialHolder) -> Text:
    """What a role is called."""
    return _ROLES[role]
