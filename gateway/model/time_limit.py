# SPDX-License-Identifier: Apache-2.0
"""Time limits 办理时限 of items, as departments write them and as clocks need them.

=============  =================================  ================================
unit           written, for example               due
=============  =================================  ================================
`working_day`  `3 工作日`, `5个工作日内`, `三个工作日`  that many working days later
`day`          `20 日`, `20天`, `30个自然日`         that many days later; if nobody works
                                                  then, the next working day (民法典
                                                  第二百零三条)
`immediate`    `即办`, `当场办结`                     the same day, or the next working day
`schedule`     `按招生日程`                          by a plan that is published elsewhere
=============  =================================  ================================

The text stays as published; only its number and unit are read.
"""

import re
import unicodedata
from datetime import date, timedelta
from typing import Final, Literal

import msgspec

from gateway.model.working_day import WorkingDays

Unit = Literal["working_day", "day", "immediate", "schedule"]

FORMS: Final = "3 工作日, 5个工作日, 20 日, 即办, 当场办结, 按…日程"
_IMMEDIATE: Final = frozenset(
    ("即办", "即办件", "即时办结", "即时办理", "当场办结", "当场办理", "立等可取")
)
_SCHEDULE: Final = re.compile(r"(按|按照|依|根据).+(日程|安排|计划|时间|通知|公告)(办理|执行)?")
_COUNTED: Final = re.compile(
    r"(?:自?受理之?日起|受理后|自受理后)?"
    r"(?P<number>[0-9]{1,4}|[一二两三四五六七八九十]{1,3})个?"
    r"(?P<unit>工作日|自然日|日历日|日|天)(?:之?内|以内)?(?:办结|办理)?"
)
_DIGITS: Final = {c: n for n, c in enumerate("一二三四五六七八九", 1)} | {"两": 2}
_LONGEST: Final = 3650


class TimeLimit(msgspec.Struct, frozen=True):
    """What a text says.

    Attributes:
        unit: of `number`; `immediate` and `schedule` have none.
        number: of units; None where there is none to count.
        text: as published.
    """

    unit: Unit
    number: int | None
    text: str

    def due(self, received: date, days: WorkingDays) -> date | None:
        """The last day on which the promise is kept, or None where a plan says it.

        Args:
            received: the day on which the case was accepted, in the site's time zone.
            days: the calendar.

        Raises:
            SetupError: the calendar has no table of a year on the way.
        """
        match self.unit:
            case "working_day":
                return days.add_working_days(received, self.number or 0)
            case "day":
                return days.add_working_days(received + timedelta(days=self.number or 0), 0)
            case "immediate":
                return days.add_working_days(received, 0)
            case "schedule":
                return None


def parse_time_limit(text: str) -> TimeLimit:
    """Read a time limit.

    Raises:
        ValueError: it is not of a known form.
    """
    plain = "".join(unicodedata.normalize("NFKC", text).split())
    if plain in _IMMEDIATE:
        return TimeLimit("immediate", None, text)
    if found := _COUNTED.fullmatch(plain):
        unit: Unit = "working_day" if found["unit"] == "工作日" else "day"
        if 0 < (number := _number(found["number"])) <= _LONGEST:
            return TimeLimit(unit, number, text)
    elif _SCHEDULE.fullmatch(plain):
        return TimeLimit("schedule", None, text)
    raise ValueError(f"is no time limit; write one as: {FORMS}")


def format_time_limit(limit: TimeLimit) -> str:
    """The one spelling of what it says; a schedule is as published."""
    match limit.unit:
        case "working_day":
            return f"{limit.number}个工作日"
        case "day":
            return f"{limit.number}日"
        case "immediate":
            return "即办"
        case "schedule":
            return limit.text


def _number(digits: str) -> int:
    """A number of at most 99 in Chinese digits, or of any size in others; 0 if it is none."""
    if digits.isascii():
        return int(digits)
    tens, ten, ones = digits.partition("十")
    if not ten:
        return _DIGITS[digits] if len(digits) == 1 else 0
    if len(tens) > 1 or len(ones) > 1 or "十" in ones:
        return 0
    return 10 * _DIGITS.get(tens, 1) + _DIGITS.get(ones, 0)
