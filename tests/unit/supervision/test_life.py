# SPDX-License-Identifier: Apache-2.0
"""Which step of a matter leads where, and what it has to say."""

from datetime import date

import msgspec
import pytest

from gateway.errors import RequestError
from gateway.model.matter import Matter, StepDraft, screen
from gateway.supervision.life import advance
from tests.unit.supervision.seeing import matter

AT = "2026-11-27T02:00:00Z"
ASSIGN = StepDraft(step="assign", by="lead", owner="window 3")
REPLY = StepDraft(step="reply", by="window 3", words="已更正", cause="window_did_not_use_data")
CALLED = StepDraft(step="call_back", by="line", result="satisfied")


def after(start: Matter, *steps: StepDraft) -> Matter:
    for step in steps:
        start = advance(start, step, AT)
    return start


def test_clause_8_1_3_a_complaint_is_assigned_answered_with_its_cause_called_back_and_closed() -> (
    None
):
    closed = after(matter(), ASSIGN, REPLY, CALLED)
    assert (closed.state, closed.owner, closed.answered_at, closed.closed_at) == (
        "closed",
        "window 3",
        AT,
        AT,
    )
    assert [step.state for step in closed.steps] == ["assigned", "answered", "closed"]


def test_clause_8_1_3_who_is_not_content_sends_it_back_and_who_is_not_reached_is_called_again() -> (
    None
):
    answered = after(matter(), ASSIGN, REPLY)
    unreached = StepDraft(step="call_back", by="line", result="unreached")
    assert after(answered, unreached, unreached).state == "answered"
    back = after(answered, StepDraft(step="call_back", by="line", result="unsatisfied"))
    assert (back.state, back.closed_at) == ("assigned", None)
    assert after(back, REPLY, CALLED).state == "closed"


@pytest.mark.parametrize(
    ("steps", "why"),
    [
        ((REPLY,), "it is open"),
        ((ASSIGN, CALLED), "it is assigned"),
        ((StepDraft(step="assign", by="lead"),), "owner"),
        ((ASSIGN, StepDraft(step="reply", by="w", words="done")), "cause"),
        ((ASSIGN, StepDraft(step="reply", by="w", words=" ", cause="other")), "words"),
        ((ASSIGN, msgspec.structs.replace(REPLY, answer="corrected")), "no other does"),
        ((ASSIGN, REPLY, StepDraft(step="verify", by="w", result="improved")), "call_back"),
        ((ASSIGN, REPLY, StepDraft(step="call_back", by="w")), "satisfied"),
        ((ASSIGN, REPLY, CALLED, ASSIGN), "it is closed"),
    ],
)
def test_a_step_out_of_order_or_without_its_content_is_refused(
    steps: tuple[StepDraft, ...], why: str
) -> None:
    with pytest.raises(RequestError, match=why) as refused:
        after(matter(), *steps)
    assert refused.value.code == "MATTER_STEP_REFUSED"


def test_clause_8_3_1_a_measure_ends_only_when_its_figure_is_better_than_before() -> None:
    reply = StepDraft(step="reply", by="w", words="索引已重建")
    taken = after(matter(kind="corrective", metric="error_share", before=0.2), ASSIGN, reply)
    better = StepDraft(step="verify", by="lead", result="improved", after=0.1)
    assert after(taken, better).state == "closed"
    worse = StepDraft(step="verify", by="lead", result="improved", after=0.3)
    with pytest.raises(RequestError, match=r"was 0\.2 and is 0\.3"):
        after(taken, worse)
    with pytest.raises(RequestError, match="measured again"):
        after(taken, StepDraft(step="verify", by="lead", result="improved"))
    back = after(taken, StepDraft(step="verify", by="lead", result="not_improved", after=0.3))
    assert back.state == "assigned"


def test_a_correction_request_is_escalated_without_a_new_day_and_ends_by_a_verification() -> None:
    assigned = after(matter(kind="correction"), ASSIGN)
    above = after(assigned, StepDraft(step="escalate", by="lead", owner="director"))
    assert (above.state, above.owner) == ("assigned", "director")
    assert above.draft.due_on == assigned.draft.due_on
    with pytest.raises(RequestError, match="corrected, confirmed or declined"):
        after(above, StepDraft(step="reply", by="director", words="已更正"))
    replied = after(
        above, StepDraft(step="reply", by="director", words="已更正", answer="corrected")
    )
    assert (
        after(replied, StepDraft(step="verify", by="w", result="not_improved")).state == "assigned"
    )
    assert after(replied, StepDraft(step="verify", by="w", result="improved")).state == "closed"


def test_a_matter_is_overdue_from_the_day_after_it_was_due_until_it_is_answered() -> None:
    assert not matter().is_overdue(date(2026, 12, 3))
    assert matter().is_overdue(date(2026, 12, 4))
    assert not after(matter(), ASSIGN, REPLY).is_overdue(date(2026, 12, 4))


def test_no_text_of_a_matter_holds_an_identity_number() -> None:
    with pytest.raises(RequestError, match="`words`") as refused:
        screen(matter(words="我的身份证 140302190001010017").draft)
    assert refused.value.code == "MATTER_PERSONAL"
    assert "1403" not in str(refused.value)
