# SPDX-License-Identifier: Apache-2.0
"""What a run of all checks amounts to: counts, and a tier that is computed and cannot be claimed.

=======  ==========================================================================================
bronze   every required check of the groups A to E, J and M passes or is exempt; a README.md names
         every setting
silver   bronze; every required check of every group passes, at most two are exempt; the README is
         in English and Chinese; the distribution's own tests inherit `AdapterContract`
gold     silver; nothing is exempt; every advisory check passes; the package is typed (`py.typed`);
         two maintainers are named in `pyproject.toml`
=======  ==========================================================================================

A check that cannot be made of this department counts as passed. What no run can see, such as a
record of shadow traffic, is part of no tier.
"""

import re
import tomllib
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, Final, Literal

import msgspec

from gateway.conformance.check import CHECKS
from gateway.conformance.run import Outcome, Result
from gateway.conformance.subject import Subject
from gateway.errors import Text

Tier = Literal["none", "bronze", "silver", "gold"]
TIERS: Final[tuple[Tier, ...]] = ("none", "bronze", "silver", "gold")

_BRONZE_GROUPS: Final = frozenset("ABCDEJM")
_MAX_SILVER_EXEMPT: Final = 2
_MIN_MAINTAINERS: Final = 2
_CHINESE: Final = re.compile(r"[\u4e00-\u9fff]")
#: Characters of Chinese that make a part of a page, not a name in passing.
_MIN_CHINESE: Final = 80


class Report(msgspec.Struct, frozen=True):
    """A run.

    Attributes:
        plugin: of the adapter.
        api_version: contract that it was written for.
        certificates: what it answers.
        tier: computed.
        counts: checks by outcome.
        missing: for each tier that was not reached, what it lacks.
        results: one for each check.
    """

    plugin: str
    api_version: int
    certificates: tuple[str, ...]
    tier: Tier
    counts: dict[Outcome, int]
    missing: dict[Tier, list[str]]
    results: tuple[Result, ...]

    @property
    def conforms(self) -> bool:
        """Whether no required check failed."""
        return "failed" not in self.counts


def report_of(subject: Subject, results: Sequence[Result]) -> Report:
    """Sum up a run of all checks; a run of some of them reaches no tier."""
    adapter = subject.adapter
    missing = {tier: _missing(tier, subject, results) for tier in TIERS[1:]}
    reached: Tier = "none"
    for tier in TIERS[1:]:
        if missing[tier]:
            break
        reached = tier
    return Report(
        plugin=getattr(adapter, "plugin", "?"),
        api_version=getattr(adapter, "api_version", 0),
        certificates=tuple(certificate.name for certificate in adapter.certificates),
        tier=reached,
        counts=dict(Counter(result.outcome for result in results)),
        missing={tier: lacks for tier, lacks in missing.items() if lacks},
        results=tuple(results),
    )


class Need(msgspec.Struct, frozen=True):
    """One thing that a tier needs, besides those of the tiers below it.

    Attributes:
        tier: whose need it is.
        title: what is needed.
        lacking: what of it is not there, in a few words each.
    """

    tier: Tier
    title: Text
    lacking: Callable[[Subject, Sequence[Result]], list[str]]


def _missing(tier: Tier, subject: Subject, results: Sequence[Result]) -> list[str]:
    return [lack for need in NEEDS if need.tier == tier for lack in need.lacking(subject, results)]


def _failed(results: Iterable[Result], groups: Iterable[str]) -> list[str]:
    return [r.id for r in results if r.outcome == "failed" and CHECKS[r.id].group in groups]


def _bronze_checks(_subject: Subject, results: Sequence[Result]) -> list[str]:
    not_run = len(CHECKS.keys() - {result.id for result in results})
    unseen = [f"{not_run} checks were not run"] if not_run else []
    return unseen + _failed(results, _BRONZE_GROUPS)


def _silver_checks(_subject: Subject, results: Sequence[Result]) -> list[str]:
    return _failed(results, {check.group for check in CHECKS.values()} - _BRONZE_GROUPS)


def _few_exempt(_subject: Subject, results: Sequence[Result]) -> list[str]:
    exempt = [result.id for result in results if result.outcome == "exempt"]
    return [f"{len(exempt)} checks are exempt"] if len(exempt) > _MAX_SILVER_EXEMPT else []


def _none_exempt(_subject: Subject, results: Sequence[Result]) -> list[str]:
    return [f"{result.id} is exempt" for result in results if result.outcome == "exempt"]


def _advice_taken(_subject: Subject, results: Sequence[Result]) -> list[str]:
    return [result.id for result in results if result.outcome == "advised"]


def _readme_names_settings(subject: Subject, _results: Sequence[Result]) -> list[str]:
    text = _readme(subject)
    if not text:
        return ["README.md"]
    names = getattr(subject.adapter.settings_type, "__struct_encode_fields__", ())
    return [f"README.md: `{name}`" for name in names if not re.search(rf"\b{name}\b", text)]


def _readme_is_bilingual(subject: Subject, _results: Sequence[Result]) -> list[str]:
    enough = len(_CHINESE.findall(_readme(subject))) >= _MIN_CHINESE
    return [] if enough else ["README.md: 中文说明"]


def _tests_inherit(subject: Subject, _results: Sequence[Result]) -> list[str]:
    files = _files(subject, "test_*.py")
    inherit = any("(AdapterContract)" in file.read_text(encoding="utf-8") for file in files)
    return [] if inherit else ["a test class that inherits AdapterContract"]


def _typed(subject: Subject, _results: Sequence[Result]) -> list[str]:
    return [] if _files(subject, "py.typed") else ["py.typed"]


def _maintained(subject: Subject, _results: Sequence[Result]) -> list[str]:
    try:
        text = ((subject.folder or Path()) / "pyproject.toml").read_text(encoding="utf-8")
        project: dict[str, Any] = tomllib.loads(text).get("project", {})
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError):
        project = {}
    names = {person.get("name") for person in project.get("maintainers", ())} - {None}
    return [] if len(names) >= _MIN_MAINTAINERS else ["two maintainers in pyproject.toml"]


def _readme(subject: Subject) -> str:
    try:
        return ((subject.folder or Path()) / "README.md").read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return ""


def _files(subject: Subject, pattern: str) -> list[Path]:
    """Files of the distribution; nothing of an environment that happens to lie in its folder."""
    if subject.folder is None:
        return []
    found = (path.relative_to(subject.folder) for path in subject.folder.rglob(pattern))
    return [subject.folder / p for p in found if not any(part.startswith(".") for part in p.parts)]


#: What each tier needs, in the order in which it is told.
NEEDS: Final = (
    Need(
        "bronze",
        Text("required checks of the groups A to E, J and M", "A 至 E、J、M 组的必需检查全部通过"),
        _bronze_checks,
    ),
    Need(
        "bronze",
        Text("a README.md that names every setting", "README.md 列出全部配置项"),
        _readme_names_settings,
    ),
    Need("silver", Text("required checks of all groups", "全部必需检查通过"), _silver_checks),
    Need("silver", Text("at most two exemptions", "豁免不超过两项"), _few_exempt),
    Need("silver", Text("a README in English and Chinese", "中英文 README"), _readme_is_bilingual),
    Need(
        "silver",
        Text("tests that inherit AdapterContract", "自有测试继承 AdapterContract"),
        _tests_inherit,
    ),
    Need("gold", Text("no exemption", "无豁免"), _none_exempt),
    Need("gold", Text("advisory checks, too", "建议性检查也通过"), _advice_taken),
    Need("gold", Text("a typed package (py.typed)", "带类型的软件包（py.typed）"), _typed),
    Need(
        "gold",
        Text("two maintainers in pyproject.toml", "pyproject.toml 列出两名维护者"),
        _maintained,
    ),
)
