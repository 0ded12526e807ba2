# SPDX-License-Identifier: Apache-2.0
"""An alarm is raised by what stays above its threshold, and cleared by what stays below."""

from typing import Any

import msgspec
import pytest

from gateway.model.emergency_section import AlarmRule
from gateway.supervision.alarm_rules import AlarmRules, scopes_of
from tests.unit.supervision.loads import ADAPTER, load, tally

KEY = ("deep", ADAPTER)
DEEP = AlarmRule(
    name="deep",
    figure="queue_depth",
    threshold=10,
    department=ADAPTER,
    hold_s=30,
    proposes="ticket",
)
SHARE = AlarmRule(
    name="share", figure="refusal_share", threshold=0.5, department=ADAPTER, window_s=60, hold_s=0
)


def rules(rule: AlarmRule = DEEP, **changes: Any) -> AlarmRules:
    return AlarmRules([msgspec.structs.replace(rule, **changes)], [ADAPTER, "health"])


def test_clause_8_1_2_what_stays_above_for_long_enough_is_raised_with_its_figure() -> None:
    watched = rules()
    for at_s, waiting in ((0, 11), (15, 50), (29, 12)):
        watched.look(load(at_s, waiting=waiting))
        assert watched.drafts == {}
    watched.look(load(30, waiting=12))
    draft = watched.drafts[KEY]
    assert draft is not None
    assert (draft.rule, draft.scope, draft.figure) == ("deep", ADAPTER, "queue_depth")
    assert (draft.value, draft.threshold, draft.proposes) == (12.0, 10, "ticket")


def test_clause_8_1_2_what_flaps_is_neither_raised_nor_cleared() -> None:
    watched = rules()
    for at_s in range(0, 300, 20):
        watched.look(load(at_s, waiting=11 if at_s % 40 else 10))
        assert watched.drafts == {}
    for at_s in (300, 320, 340):
        watched.look(load(at_s, waiting=11))
    raised = dict(watched.drafts)
    assert list(raised) == [KEY]
    for at_s in range(360, 600, 20):
        watched.look(load(at_s, waiting=11 if at_s % 40 else 10))
        assert watched.drafts == raised
    for at_s in (600, 629):
        watched.look(load(at_s, waiting=0))
        assert watched.drafts == raised
    watched.look(load(630, waiting=0))
    assert watched.drafts == {}


def test_a_window_has_to_pass_before_a_share_is_known() -> None:
    watched = rules(SHARE)
    for at_s, refused in ((0, 0), (30, 50), (59, 100)):
        watched.look(load(at_s, tally(refused, 0, 0, 0, refused=refused)))
        assert watched.drafts == {}
    watched.look(load(60, tally(100, 0, 0, 0, refused=100)))
    assert list(watched.drafts) == [("share", ADAPTER)]


def test_a_department_that_nobody_asks_has_not_recovered() -> None:
    watched = rules(SHARE)
    watched.look(load(0))
    for at_s in (60, 120, 180, 600):
        watched.look(load(at_s, tally(100, 0, 0, 0, refused=100)))
    assert list(watched.drafts) == [("share", ADAPTER)]
    watched.look(load(660, tally(200, 0, 0, 0, refused=100)))
    assert watched.drafts == {}


def test_what_was_raised_before_a_restart_is_raised_until_it_is_known_to_be_over() -> None:
    watched = AlarmRules([DEEP], [ADAPTER], raised=[KEY, ("gone", ADAPTER)])
    assert watched.drafts == {KEY: None}
    watched.look(load(0, waiting=11))
    assert watched.drafts == {KEY: None}
    for at_s in (10, 40):
        watched.look(load(at_s, waiting=0))
    assert watched.drafts == {}


@pytest.mark.parametrize(
    ("department", "scopes"),
    [(None, [ADAPTER, "health"]), (ADAPTER, [ADAPTER]), ("*", ["*"]), ("gone", [])],
)
def test_a_rule_is_judged_for_each_department_for_one_or_for_the_site(
    department: str | None, scopes: list[str]
) -> None:
    rule = msgspec.structs.replace(DEEP, department=department)
    assert list(scopes_of(rule, [ADAPTER, "health"])) == scopes
