# SPDX-License-Identifier: Apache-2.0
"""The load of a running site, from what its workers have counted in its metrics folder.

Nothing is counted for it: workers write these numbers anyway. Reading them all takes tens of
milliseconds, so it is not done on a worker's loop.
"""

import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Final

from prometheus_client import CollectorRegistry
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.samples import Sample

from gateway.errors import REFUSALS
from gateway.model.rung import WHOLE_SITE
from gateway.supervision.load import Load, Tally

#: Outcomes of a question that say nothing about the department: the caller left.
_LEFT: Final = "left"
#: Refused before the department was asked; takes no time of it.
_TURNED_AWAY: Final = "turned_away"
_ANSWERED: Final = "answered"


class _Counts:
    """What one scope's samples come to; the buckets of a histogram hold those below them, too."""

    def __init__(self) -> None:
        self.total = self.refused = 0
        self.below: Final = Counter[float]()

    def tally(self) -> Tally:
        times, before = [], 0
        for end_s in sorted(self.below):
            times.append((end_s, self.below[end_s] - before))
            before = self.below[end_s]
        return Tally(self.total, self.refused, tuple(times))


def read_load(folder: Path, *, steady_s: Callable[[], float] = time.monotonic) -> Load:
    """All figures of all workers together, as of now.

    Args:
        folder: of the metrics.
        steady_s: monotonic seconds.
    """
    counts: dict[str, _Counts] = {}
    waiting: dict[str, int] = {}
    registry = CollectorRegistry()
    MultiProcessCollector(registry, path=str(folder))  # type: ignore[no-untyped-call] # no type here
    for metric in registry.collect():
        for sample in metric.samples:
            if sample.name == "yizheng_adapter_waiting":
                waiting[sample.labels["adapter"]] = int(sample.value)
            else:
                scope = sample.labels.get("adapter", WHOLE_SITE)
                _count(counts.setdefault(scope, _Counts()), sample)
    return Load(steady_s(), {scope: each.tally() for scope, each in counts.items()}, waiting)


def _count(counts: _Counts, sample: Sample) -> None:
    count, outcome = int(sample.value), sample.labels.get("outcome", "")
    match sample.name:
        case "yizheng_adapter_seconds_count" if outcome != _LEFT:
            counts.total += count
            counts.refused += count * (outcome != _ANSWERED)
        case "yizheng_adapter_seconds_bucket" if outcome not in {_LEFT, _TURNED_AWAY}:
            counts.below[float(sample.labels["le"])] += count
        case "yizheng_replies_total":
            counts.total += count
            refusal = REFUSALS.get(outcome)
            counts.refused += count * (refusal is not None and refusal.attribution != "consumer")
        case "yizheng_lookup_seconds_bucket":
            counts.below[float(sample.labels["le"])] += count
        case _:
            pass  # of something else
