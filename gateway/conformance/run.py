# SPDX-License-Identifier: Apache-2.0
"""Run checks, with or without pytest, and say what came out.

Each check has an event loop of its own, so that nothing of one reaches the next. What a check finds
is said in words that hold no value of a record.
"""

import asyncio
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final, Literal

import msgspec

import gateway.conformance.checks  # noqa: F401 - fills the table
from gateway.conformance.breach import Breach, NotApplicable
from gateway.conformance.check import CHECKS, Check, Level
from gateway.conformance.lab import Lab, described
from gateway.conformance.subject import Subject
from gateway.conformance.watch import Watch
from gateway.errors import SetupError, first_of

#: Seconds after which a check is given up.
CHECK_LIMIT_S: Final = 90.0

Outcome = Literal["passed", "failed", "advised", "exempt", "not_applicable"]


class Result(msgspec.Struct, frozen=True):
    """What came of one check.

    Attributes:
        id: of the check.
        outcome: `advised` is a failed check that is advisory.
        detail: what was seen, why it is exempt, or why it cannot be made; no value of a record.
        seconds: how long it took.
    """

    id: str
    outcome: Outcome
    detail: str = ""
    seconds: float = 0.0

    @property
    def level(self) -> Level:
        """Whether a failure counts."""
        return CHECKS[self.id].level


def run_all(subject: Subject, only: Iterable[str] = ()) -> Iterator[Result]:
    """Run all checks, or those that are named, in the order of their ids.

    Raises:
        SetupError: an id, also one that is exempt, that no check has.
    """
    wanted = sorted(set(only)) or sorted(CHECKS)
    for check_id in (*wanted, *subject.exempt):
        if check_id not in CHECKS:
            raise SetupError(
                f"there is no check {check_id}", remedy="see docs/reference/conformance.md."
            )
    for check_id in wanted:
        yield run_check(subject, check_id)


def run_check(subject: Subject, check_id: str) -> Result:
    """Run one check; whatever the adapter does, this returns."""
    check = CHECKS[check_id]
    if check_id in subject.exempt:
        return Result(check_id, "exempt", subject.exempt[check_id])
    protocol = subject.department.protocol
    if protocol not in check.protocols:
        return Result(check_id, "not_applicable", f"not for departments of the kind {protocol}")
    watch = Watch()
    began_s = time.monotonic()
    outcome, detail = _outcome(check, Lab(subject, watch), watch)
    return Result(check_id, outcome, detail, round(time.monotonic() - began_s, 3))


def _outcome(check: Check, lab: Lab, watch: Watch) -> tuple[Outcome, str]:
    failed: Outcome = "failed" if check.level == "required" else "advised"
    try:
        with watch.running():
            asyncio.run(_bounded(check, lab, watch))
    except (Exception, SystemExit, asyncio.CancelledError) as raised:  # noqa: BLE001 - foreign code
        error = first_of(raised) if isinstance(raised, BaseExceptionGroup) else raised
        match error:
            case Breach():
                return failed, str(error)
            case NotApplicable():
                return "not_applicable", str(error)
            case SetupError():
                return failed, f"SetupError: {error.detail}"
            case _:
                return failed, f"it ended in {described(error)}{_place(error)}"
    return "passed", ""


async def _bounded(check: Check, lab: Lab, watch: Watch) -> None:
    watch.heed(asyncio.get_running_loop())
    async with asyncio.timeout(CHECK_LIMIT_S):
        await check.run(lab)


def _place(error: BaseException) -> str:
    """File and line where it was raised; a message could quote a record, a place cannot."""
    trace = error.__traceback__
    if trace is None:
        return ""
    while trace.tb_next is not None:
        trace = trace.tb_next
    return f" at {Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}"
