# SPDX-License-Identifier: Apache-2.0
"""What a check is, and the table of all checks.

Rules:

1. An id is `YZ-`, the letter of its group and two digits. It is stable: reports, exemptions and
   badges name it, so an id that is no longer used is not given again.
2. A check says what it saw (`gateway.conformance.breach`), how to mend it, and of which kinds of
   departments it can be made.
"""

from collections.abc import Awaitable, Callable
from typing import Final, Literal

import msgspec

from gateway.conformance.lab import Lab
from gateway.conformance.subject import Protocol
from gateway.errors import Text

#: The groups by letter.
GROUPS: Final = {
    "A": Text("Declaration", "声明"),
    "B": Text("Schema", "字段与缓存"),
    "C": Text("Identifiers", "标识"),
    "D": Text("Answers", "答复"),
    "E": Text("Not found and not available", "查无与不可用"),
    "F": Text("Error mapping", "错误映射"),
    "G": Text("Deadline", "时限"),
    "H": Text("Cancellation", "取消"),
    "I": Text("Concurrency", "并发"),
    "J": Text("Repeatability", "可重复"),
    "K": Text("Privacy", "隐私"),
    "L": Text("Blocking", "阻塞"),
    "M": Text("Life cycle", "生命周期"),
    "N": Text("Overhead", "开销"),
}

#: A failed `advisory` check is reported and fails nothing: it depends on the machine, or is taste.
Level = Literal["required", "advisory"]

#: Departments that are reached by a connection, those that speak HTTP, and those that are files.
WIRE: Final[frozenset[Protocol]] = frozenset({"http", "soap", "postgres"})
HTTP: Final[frozenset[Protocol]] = frozenset({"http", "soap"})
FILES: Final[frozenset[Protocol]] = frozenset({"file", "sqlite"})
ANY: Final[frozenset[Protocol]] = WIRE | FILES


class Check(msgspec.Struct, frozen=True):
    """One check.

    Attributes:
        id: `YZ-A01`.
        title: what holds when it passes.
        mend: what to do when it fails.
        run: raises `Breach` or `NotApplicable`; returns otherwise.
        protocols: kinds of departments that it can be made of.
        level: whether a failure counts.
    """

    id: str
    title: Text
    mend: Text
    run: Callable[[Lab], Awaitable[None]]
    protocols: frozenset[Protocol] = ANY
    level: Level = "required"

    @property
    def group(self) -> str:
        """The letter of its group."""
        return self.id[3]


#: All checks by id; `gateway.conformance.checks` fills it.
CHECKS: Final[dict[str, Check]] = {}


def check(
    check_id: str,
    title: Text,
    mend: Text,
    *,
    protocols: frozenset[Protocol] = ANY,
    level: Level = "required",
) -> Callable[[Callable[[Lab], Awaitable[None]]], Callable[[Lab], Awaitable[None]]]:
    """Enter a function into the table under this id."""

    def enter(run: Callable[[Lab], Awaitable[None]]) -> Callable[[Lab], Awaitable[None]]:
        assert check_id not in CHECKS, f"{check_id} is given twice"
        assert check_id[3] in GROUPS, f"{check_id} is of no group"
        CHECKS[check_id] = Check(check_id, title, mend, run, protocols, level)
        return run

    return enter
