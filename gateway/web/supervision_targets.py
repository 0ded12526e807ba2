# SPDX-License-Identifier: Apache-2.0
"""Targets below `/v1/supervision/`: one shape for every kind of matter and for findings.

A target is recorded as it was signed, so each is of a narrow form that no identity number has.
"""

import re
from typing import Final, get_args

import msgspec

from gateway.errors import RequestError
from gateway.model.finding import FindingState
from gateway.model.matter import LETTERS, MatterKind, MatterState
from gateway.model.supervised import FINDINGS, FOLDER, SEGMENTS
from gateway.model.supervised_incident import ALARMS, INCIDENTS
from gateway.web.emergency_pages import EmergencyTarget, parse_emergency

#: What agencies, departments and auditors open; a ticket is opened by a bad rating.
OPENED: Final = frozenset({"complaints", "measures", "corrections", INCIDENTS})
EVALUATIONS: Final = "evaluations"
_STEPS_TAIL: Final = "/steps"

_ID: Final = r"([CRMD])-(2[0-9]{3})-([0-9]{6,9})"
_STATES: Final[dict[str, MatterState]] = {name: name for name in get_args(MatterState)}
_STATE: Final = "|".join(_STATES)
_KPI: Final = re.compile(r"kpi/(2[0-9]{3}-(?:0[1-9]|1[0-2]))")
_ONE: Final = re.compile(rf"([a-z]+)/({_ID})(/steps)?")
_ALL: Final = re.compile(rf"([a-z]+)(?:\?after={_ID}(?:&state=({_STATE}))?|\?state=({_STATE}))?")
_FINDING_ID: Final = r"F-(2[0-9]{3})-([0-9]{6,9})"
_FINDING_STATES: Final[dict[str, FindingState]] = {name: name for name in get_args(FindingState)}
_FINDING_STATE: Final = "|".join(_FINDING_STATES)
_ONE_FINDING: Final = re.compile(rf"{FINDINGS}/({_FINDING_ID})(/steps)?")
_ALL_FINDINGS: Final = re.compile(
    rf"{FINDINGS}(?:\?after={_FINDING_ID}(?:&state=({_FINDING_STATE}))?|\?state=({_FINDING_STATE}))?"
)


class MatterTarget(msgspec.Struct, frozen=True):
    """One matter, or the steps of it."""

    kind: MatterKind
    id: str
    is_steps: bool


class MattersTarget(msgspec.Struct, frozen=True):
    """The matters of a kind, behind `after` (a year and a number), in a state or in any."""

    kind: MatterKind
    after: tuple[int, int] = (0, 0)
    state: MatterState | None = None


class FindingTarget(msgspec.Struct, frozen=True):
    """One finding of monitoring, or the steps of it."""

    id: str
    is_steps: bool


class FindingsTarget(msgspec.Struct, frozen=True):
    """The findings behind `after` (a year and a number), in a state or in any."""

    after: tuple[int, int] = (0, 0)
    state: FindingState | None = None


class EvaluationsTarget(msgspec.Struct, frozen=True):
    """The evaluations."""


class ReportTarget(msgspec.Struct, frozen=True):
    """The report of a month, `YYYY-MM`."""

    month: str


Target = (
    MatterTarget
    | MattersTarget
    | FindingTarget
    | FindingsTarget
    | EvaluationsTarget
    | ReportTarget
    | EmergencyTarget
)


def parse_target(target: str) -> Target:
    """What a target names.

    Raises:
        RequestError: PATH_UNKNOWN.
    """
    rest = target.removeprefix(FOLDER)
    if rest == EVALUATIONS:
        return EvaluationsTarget()
    if (month := _KPI.fullmatch(rest)) is not None:
        return ReportTarget(month[1])
    if (other := _findings_at(rest) or parse_emergency(rest)) is not None:
        return other
    if (one := _ONE.fullmatch(rest)) is not None:
        segment, matter_id, letter, _, _, tail = one.groups()
        if LETTERS.get(kind := _kind_of(segment)) == letter:
            return MatterTarget(kind, matter_id, tail is not None)
    elif (many := _ALL.fullmatch(rest)) is not None:
        segment, letter, year, number, *states = many.groups()
        kind, state = _kind_of(segment), _STATES.get(states[0] or states[1] or "")
        if letter is None:
            return MattersTarget(kind, state=state)
        if LETTERS[kind] == letter:
            return MattersTarget(kind, (int(year), int(number)), state)
    raise RequestError("PATH_UNKNOWN", "docs/reference/supervision-http.md lists what there is")


def format_target(kind: MatterKind, matter_id: str = "", *, is_steps: bool = False) -> str:
    """The path of a kind's matters, of one of them, or of its steps."""
    segment = next(name for name, each in SEGMENTS.items() if each == kind)
    tail = f"/{matter_id}" if matter_id else ""
    return f"{FOLDER}{segment}{tail}{_STEPS_TAIL if is_steps else ''}"


def methods_at(path: str) -> tuple[str, ...]:
    """What may be done at a path, whether or not there is anything."""
    rest = path.removeprefix(FOLDER)
    if rest.endswith(_STEPS_TAIL):
        return ("POST",)
    return ("GET", "POST") if rest in OPENED or rest == EVALUATIONS else ("GET",)


def _findings_at(rest: str) -> FindingTarget | FindingsTarget | None:
    if (one := _ONE_FINDING.fullmatch(rest)) is not None:
        return FindingTarget(one[1], one[4] is not None)
    if (many := _ALL_FINDINGS.fullmatch(rest)) is not None:
        year, number, *states = many.groups()
        after = (int(year or 0), int(number or 0))
        return FindingsTarget(after, _FINDING_STATES.get(states[0] or states[1] or ""))
    return None


def _kind_of(segment: str) -> MatterKind:
    kind = SEGMENTS.get(segment)
    if kind is None:
        raise RequestError(
            "PATH_UNKNOWN", f"there are {', '.join((*SEGMENTS, FINDINGS, INCIDENTS, ALARMS))}"
        )
    return kind
