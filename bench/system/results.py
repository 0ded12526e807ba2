# SPDX-License-Identifier: Apache-2.0
"""What a run found, as `bench/results/latest.json` keeps it, and what it should have found.

Names of `ratios` are a contract: others compare runs by them. A goal that a run did not measure is
absent from `ratios`, and `notes` says why.
"""

import math
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Final, Literal

import msgspec

from bench.system.ratios import Spread, spread

Sign = Literal["≥", "≤", "="]


class Goal(msgspec.Struct, frozen=True):
    """A figure that was promised.

    Attributes:
        name: in `ratios`.
        title: for people.
        unit: empty for a ratio.
    """

    name: str
    title: str
    sign: Sign
    value: float
    unit: str = ""

    def is_reached(self, figure: float) -> bool:
        """Whether a figure is as good as promised."""
        match self.sign:
            case "≥":
                return figure >= self.value
            case "≤":
                return figure <= self.value
            case "=":
                return figure == self.value


GOALS: Final = (
    Goal("throughput_vs_floor_p256", "Cached query, P-256: throughput ÷ floor", "≥", 1.0),
    Goal("cpu_vs_floor_p256", "Cached query, P-256: worker CPU per request ÷ floor", "≤", 1.0),
    Goal("throughput_vs_fastapi", "Cached query: throughput ÷ FastAPI peer", "≥", 3.0),
    Goal("throughput_vs_node", "Cached query: throughput ÷ Node peer", "≥", 1.2),
    Goal("p50_half_load_vs_floor", "Half load: p50 ÷ floor", "≤", 2.0),
    Goal("p99_half_load_vs_floor", "Half load: p99 ÷ floor", "≤", 2.0),
    Goal("miss_added_ms", "Cache miss: median added to the department's own", "≤", 1.2, "ms"),
    Goal("miss_cpu_vs_hit", "Cache miss: worker CPU ÷ hit", "≤", 1.5),
    Goal("sequencer_us_per_entry", "Audit: sequencer CPU per entry at saturation", "≤", 25, "µs"),
    Goal("entries_per_s", "Audit: durable entries a second, fed by several", "≥", 20_000, "/s"),
    Goal("two_workers", "2 workers on 2 cores ÷ one worker", "≥", 1.5),
    Goal("cache_million_gib", "Memory of 1 M cached certificates", "≤", 2.0, "GiB"),
    Goal("cache_get_p99_us", "p99 of a get among 1 M", "≤", 5, "µs"),
    Goal("stampede_upstream_calls", "5,000 callers, one cold key: calls upstream", "=", 1),
    Goal("stampede_entries", "5,000 callers, one cold key: audit entries", "=", 5_000),
    Goal("invalidation_p99_ms", "Invalidation to no stale answer, p99", "≤", 50, "ms"),
    Goal(
        "hung_p99_vs_well", "One of eight departments hangs: p99 of the others ÷ before", "≤", 1.1
    ),
    Goal("hung_breaker_open_s", "One of eight departments hangs: left alone after", "≤", 5, "s"),
    Goal(
        "hung_probes_per_s", "One of eight departments hangs: requests that reach it", "≤", 1, "/s"
    ),
    Goal(
        "slow_body_deadline_overrun_p99_ms",
        "A department dribbles its answer: p99 of the refusal after its deadline",
        "≤",
        100,
        "ms",
    ),
    Goal(
        "bad_adapter_p99_vs_well",
        "One of eight adapters raises, lies, leaks or exits: p99 of the others ÷ before",
        "≤",
        1.1,
    ),
    Goal(
        "bad_adapter_process_p99_vs_well",
        "One of eight, in its own process, blocks or crashes: p99 of the others ÷ before",
        "≤",
        1.1,
    ),
    Goal(
        "materials_p50_vs_slowest",
        "Six materials in one call, one department of 50 ms: p50 ÷ slowest single lookup",
        "≤",
        1.3,
    ),
    Goal("overload_p99_vs_normal", "Overload at 3 ×: p99 of accepted ÷ normal", "≤", 5),
    Goal("overload_growth_mib", "Overload at 3 ×: growth of memory", "≤", 64, "MiB"),
    Goal("overload_recovery_s", "Overload at 3 ×: recovery", "≤", 2, "s"),
)

#: Ratios without a goal, told all the same.
TITLES: Final = {
    **{goal.name: goal.title for goal in GOALS},
    "throughput_vs_floor_ed25519": "Cached query, Ed25519: throughput ÷ floor",
    "cpu_vs_floor_ed25519": "Cached query, Ed25519: worker CPU per request ÷ floor",
    "materials_at_once_p50_vs_slowest": "Six materials in one call, departments that answer at "
    "once: p50 ÷ slowest single lookup",
    "verify_vs_query": "Cached verify: throughput ÷ cached query",
}


class Results(msgspec.Struct, kw_only=True):
    """One run.

    Attributes:
        mode: `full`, or `quick` with few and short rounds.
        machine: what it ran on, in words.
        load_generator: who sent the requests at saturation.
        ratios: medians by name.
        figures: absolute medians by name; only to be read beside each other.
        spread: the quartiles behind each name, of ratios and figures alike.
        notes: what was left out, and what was disturbed.
    """

    date: str
    commit: str
    mode: Literal["full", "quick"]
    machine: dict[str, str]
    load_generator: str
    ratios: dict[str, float]
    figures: dict[str, float]
    spread: dict[str, Spread]
    notes: list[str]


class Findings:
    """Values as they come, by name."""

    def __init__(self) -> None:
        self.notes: Final[list[str]] = []
        self._values: Final[defaultdict[str, list[float]]] = defaultdict(list)

    def add(self, name: str, values: Iterable[float]) -> None:
        """Add what one start of the servers showed; what could not be computed is left out."""
        self._values[name] += [value for value in values if math.isfinite(value)]

    def note(self, text: str) -> None:
        """Say something once."""
        if text not in self.notes:
            self.notes.append(text)

    def median(self, name: str) -> float | None:
        """The median so far."""
        values = self._values[name]
        return spread(values).median if values else None

    def spreads(self) -> dict[str, Spread]:
        """All that has values."""
        return {name: spread(values) for name, values in self._values.items() if values}


def split(spreads: dict[str, Spread]) -> tuple[dict[str, float], dict[str, float]]:
    """Medians of ratios, and of figures."""
    medians = {name: _rounded(found.median) for name, found in spreads.items()}
    ratios = {name: medians[name] for name in TITLES if name in medians}
    return ratios, {name: value for name, value in medians.items() if name not in TITLES}


def write_results(path: Path, results: Results) -> None:
    """Write the file, readable by people as well."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(msgspec.json.format(msgspec.json.encode(results), indent=2) + b"\n")


def read_results(path: Path) -> Results:
    """Read it back.

    Raises:
        OSError: there is none.
        msgspec.DecodeError: not such a file.
    """
    return msgspec.json.decode(path.read_bytes(), type=Results)


def _rounded(value: float) -> float:
    """Four significant digits: more is noise."""
    return float(f"{value:.4g}") if abs(value) < 10_000 else float(round(value))
