# SPDX-License-Identifier: Apache-2.0
"""Which step a commitment allows, and what it has to say."""

from datetime import date

import pytest

from gateway.errors import RequestError
from gateway.model.commitment import CheckResult, CommitmentStep, Committed, advance, shown
from tests.unit.office.drafts import APPLICANT, commitment

MADE = Committed(draft=commitment(), kept_at="2026-11-22T09:00:00Z")


def check(result: CheckResult | None, words: str = "实地核查") -> CommitmentStep:
    return CommitmentStep(step="check", by="核查科", result=result, words=words)


def lift(words: str = "经复核撤销认定") -> CommitmentStep:
    return CommitmentStep(step="lift", by="审批科", words=words)


def refusal_of(known: Committed, step: CommitmentStep) -> str:
    with pytest.raises(RequestError) as caught:
        advance(known, step)
    return caught.value.code


def test_clause_7_4_a_commitment_is_checked_again_only_where_nobody_could_tell() -> None:
    unclear = advance(MADE, check("not_checkable"))
    assert unclear.result == "not_checkable"
    true = advance(unclear, check("true"))
    assert (true.result, [step.result for step in true.steps]) == (
        "true",
        ["not_checkable", "true"],
    )
    assert refusal_of(true, check("false")) == "COMMITMENT_STEP_REFUSED"


def test_clause_7_4_a_false_promise_needs_its_ground_and_is_lifted_with_a_reason() -> None:
    assert refusal_of(MADE, check("false", " ")) == "COMMITMENT_STEP_REFUSED"
    false = advance(MADE, check("false"))
    assert not shown(false).stands
    assert refusal_of(false, lift(" ")) == "COMMITMENT_STEP_REFUSED"
    lifted = advance(false, lift())
    assert (lifted.result, lifted.lifted, shown(lifted).stands) == ("false", True, True)
    assert refusal_of(lifted, lift()) == "COMMITMENT_STEP_REFUSED"


def test_what_counts_cannot_be_lifted_unless_it_is_false() -> None:
    assert refusal_of(MADE, lift()) == "COMMITMENT_STEP_REFUSED"
    assert refusal_of(advance(MADE, check("true")), lift()) == "COMMITMENT_STEP_REFUSED"
    assert refusal_of(MADE, check(None)) == "COMMITMENT_STEP_REFUSED"


def test_no_word_of_a_step_holds_a_number() -> None:
    assert refusal_of(MADE, check("false", f"查{APPLICANT.number}")) == "MATTER_PERSONAL"


@pytest.mark.parametrize(
    ("due_on", "result", "overdue"),
    [
        (date(2026, 11, 25), None, True),
        (date(2026, 11, 26), None, False),
        (date(2026, 11, 25), "true", False),
        (None, None, False),
    ],
)
def test_a_check_is_overdue_behind_its_due_day_and_never_without_one(
    due_on: date | None, result: CheckResult | None, *, overdue: bool
) -> None:
    known = Committed(draft=commitment(), kept_at="", check_due_on=due_on, result=result)
    assert known.is_overdue(date(2026, 11, 26)) is overdue
