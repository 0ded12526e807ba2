# SPDX-License-Identifier: Apache-2.0
"""Findings of electronic monitoring 电子监察 (clause 8.1.1): what is wrong, since when, how badly.

=====================  ================  ====================================================
rule                   word              what it says
=====================  ================  ====================================================
`opened_unregistered`  开件未登记         a lookup opened the case, and nobody registered it
`step_overdue`         环节超期           the case is open, and nothing was asked for it
`limit_overdue`        超时限未办结       the case is open beyond the item's time limit
`accepted_incomplete`  材料不齐仍办结     it was closed though a required material was asked for and
                                         neither had nor promised
`refusal_unreasoned`   无理由不予办理     it was refused, and no reason was stated
`demand_outside_list`  清单外索要材料     somebody complained of a demand that no list names
`check_overdue`        承诺核查逾期       a commitment was not checked in time
`deferral_overdue`     容缺补交逾期       a material that was to come later has not come
`matter_overdue`       督办逾期           a complaint, ticket, measure or request is not answered
=====================  ================  ====================================================

No text of a finding holds personal data: an agency, a case, an item, a material or a matter's id.
"""

from datetime import date
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

from gateway.errors import Text

#: 预警, 黄牌, 红牌; each is worse than the one before.
Level = Literal["notice", "yellow", "red"]
LEVELS: Final[tuple[Level, ...]] = ("notice", "yellow", "red")
LEVEL_NAMES: Final[dict[Level, str]] = {"notice": "预警", "yellow": "黄牌", "red": "红牌"}

RuleName = Literal[
    "opened_unregistered",
    "step_overdue",
    "limit_overdue",
    "accepted_incomplete",
    "refusal_unreasoned",
    "demand_outside_list",
    "check_overdue",
    "deferral_overdue",
    "matter_overdue",
]
FindingState = Literal["open", "settled"]


class Suspicion(msgspec.Struct, frozen=True, kw_only=True):
    """What a rule says of one thing, today. What it is about tells it from every other.

    Attributes:
        case: number of the case; empty where the matter is about none.
        subject: the material or the matter, where a case can have several; else empty.
        since: the day on which it should have been done, or on which it happened.
    """

    rule: RuleName
    agency: str
    case: str = ""
    item: str = ""
    subject: str = ""
    since: date
    level: Level


class FindingStep(msgspec.Struct, frozen=True, omit_defaults=True):
    """A line of the change log.

    Attributes:
        at: RFC 3339 UTC.
        level: that it had from then on.
        by: who settled it; empty where monitoring found or raised it.
        words: the reason of settling it.
    """

    at: str
    step: Literal["found", "raised", "settled"]
    level: Level
    by: str = ""
    words: str = ""


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """A finding as it stands.

    Attributes:
        id: `F-2026-000001`.
        level: as it is now.
        about: as it was found.
        steps: the change log, oldest first.
    """

    id: str
    level: Level
    state: FindingState
    about: Suspicion
    steps: tuple[FindingStep, ...]


class MonitorRun(msgspec.Struct, frozen=True, kw_only=True):
    """What one run of monitoring came to.

    Attributes:
        case_count: cases that were looked at.
        found: ids of new findings.
        raised: ids of those whose level rose.
        uncounted_count: things that could not be judged: the calendar has no table of a year.
        not_indexed: records of the log that the search index did not have yet.
    """

    case_count: int
    found: tuple[str, ...]
    raised: tuple[str, ...]
    uncounted_count: int
    not_indexed: int = 0


RULE_TITLES: Final[dict[RuleName, Text]] = {
    "opened_unregistered": Text("opened by a lookup, never registered", "开件未登记"),
    "step_overdue": Text("open, and nothing was asked for it", "环节超期"),
    "limit_overdue": Text("open beyond the item's time limit", "超时限未办结"),
    "accepted_incomplete": Text("closed though a material was missing", "材料不齐仍办结"),
    "refusal_unreasoned": Text("refused without a reason", "无理由不予办理"),
    "demand_outside_list": Text("a demand that no list names", "清单外索要材料"),
    "check_overdue": Text("a commitment was not checked in time", "承诺核查逾期"),
    "deferral_overdue": Text("a material that was to come later has not come", "容缺补交逾期"),
    "matter_overdue": Text("a matter was not answered in time", "督办逾期"),
}

_DayCount = Annotated[int, Meta(ge=0, le=250)]


class RuleLevels(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`[monitor.rules.<name>]`: how one rule is watched.

    Attributes:
        watched: whether it is at all.
        first: the level at which it is found.
        yellow_working_days: working days behind `since` from which it is 黄牌.
        red_working_days: working days behind `since` from which it is 红牌.
    """

    watched: bool = True
    first: Level = "notice"
    yellow_working_days: _DayCount = 3
    red_working_days: _DayCount = 10


#: Where gateway.toml says nothing of a rule.
DEFAULT_LEVELS: Final[dict[RuleName, RuleLevels]] = {
    "opened_unregistered": RuleLevels(),
    "step_overdue": RuleLevels(),
    "limit_overdue": RuleLevels(yellow_working_days=2, red_working_days=5),
    "accepted_incomplete": RuleLevels(yellow_working_days=5, red_working_days=20),
    "refusal_unreasoned": RuleLevels(first="yellow", red_working_days=5),
    "demand_outside_list": RuleLevels(first="yellow"),
    "check_overdue": RuleLevels(yellow_working_days=5, red_working_days=20),
    "deferral_overdue": RuleLevels(yellow_working_days=5, red_working_days=20),
    "matter_overdue": RuleLevels(),
}


class MonitorSection(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`[monitor]`: electronic monitoring of cases 电子监察."""

    every_minutes: Annotated[
        int,
        Meta(
            ge=0,
            le=1440,
            description="Minutes between two runs of the clerk; 0: only by `yizheng monitor run`. "
            "Needs `[audit] index`.",
        ),
    ] = 0
    look_back_days: Annotated[
        int, Meta(ge=1, le=3660, description="Days for which a closed case is still looked at.")
    ] = 90
    register_working_days: Annotated[
        _DayCount,
        Meta(description="Working days in which a case that a lookup opened is registered."),
    ] = 1
    first_step_working_days: Annotated[
        _DayCount, Meta(description="Working days in which something is asked for an open case.")
    ] = 2
    repeated_answer_days: Annotated[
        int,
        Meta(
            ge=1,
            le=366,
            description="A material counts as shareable where its department answered anybody so "
            "many days before.",
        ),
    ] = 7
    rules: Annotated[
        dict[RuleName, RuleLevels],
        Meta(description="Levels of single rules; what is not named stays as it is shipped."),
    ] = {}

    def levels_of(self, rule: RuleName) -> RuleLevels:
        """How a rule is watched."""
        return self.rules.get(rule, DEFAULT_LEVELS[rule])
