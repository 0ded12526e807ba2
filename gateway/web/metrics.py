# SPDX-License-Identifier: Apache-2.0
"""Prometheus metrics of one worker, shown summed over all workers.

The supervisor sets PROMETHEUS_MULTIPROC_DIR before this module is imported, so that each process
writes its numbers to a file of its own and any worker can answer for all. Labels hold codes and
adapter names only.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.multiprocess import MultiProcessCollector

from gateway.errors import REFUSALS
from gateway.registry.observer import STATES, AdapterObserver, Outcome, State
from gateway.registry.quarantine import Offence

_OUTCOMES: Final = ("found", "not_found", "match", "mismatch", *REFUSALS)
_BUCKETS_S: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


class LookupMetrics:
    """Counts and times of lookups, with every label bound in advance."""

    def __init__(self) -> None:
        registry = CollectorRegistry()
        answers = Counter(
            "yizheng_replies",
            "Replies by outcome of a lookup or code of a refusal",
            ["outcome"],
            registry=registry,
        )
        self._answers: Final = {name: answers.labels(outcome=name).inc for name in _OUTCOMES}
        self._seconds: Final = Histogram(
            "yizheng_lookup_seconds",
            "Seconds from the request's head to the recorded reply",
            buckets=_BUCKETS_S,
            registry=registry,
        ).observe

    def count(self, outcome: str, seconds: float) -> None:
        """Count one finished lookup."""
        self._answers[outcome]()
        self._seconds(seconds)


class ConnectionMetrics:
    """Counts what never became a request."""

    def __init__(self) -> None:
        self.count_refused: Final = Counter(
            "yizheng_connections_refused",
            "Connections closed at once because the worker had max_connections already",
            registry=CollectorRegistry(),
        ).inc


class AdapterMetrics(AdapterObserver):
    """Counts and times of what departments are asked, and the states of their guards."""

    def __init__(self) -> None:
        registry = CollectorRegistry()
        self._calls: Final = Histogram(
            "yizheng_adapter_seconds",
            "Seconds of questions to a department, by what became of them",
            ["adapter", "outcome"],
            buckets=_BUCKETS_S,
            registry=registry,
        )
        self._states: Final = Gauge(
            "yizheng_adapter_workers",
            "Workers by the state in which they have an adapter",
            ["adapter", "state"],
            multiprocess_mode="livesum",
            registry=registry,
        )
        self._offences: Final = Counter(
            "yizheng_adapter_offences",
            "What adapter code did to its worker: blocked its loop, leaked tasks, exited",
            ["adapter", "offence"],
            registry=registry,
        )
        self._observe: Final[dict[tuple[str, Outcome], Callable[[float], None]]] = {}

    def note_call(self, adapter: str, outcome: Outcome, seconds: float) -> None:
        """A lookup or a verification is over."""
        observe = self._observe.get((adapter, outcome))
        if observe is None:  # bound once: binding takes longer than counting
            observe = self._calls.labels(adapter=adapter, outcome=outcome).observe
            self._observe[adapter, outcome] = observe
        observe(seconds)

    def note_state(self, adapter: str, state: State) -> None:
        """The adapter is in another state, or was loaded."""
        for each in STATES:
            self._states.labels(adapter=adapter, state=each).set(each == state)

    def note_offence(self, adapter: str, offence: Offence, count: int = 1) -> None:
        """Adapter code did harm; called from any thread."""
        self._offences.labels(adapter=adapter, offence=offence).inc(count)


class RoomMetrics:
    """Tells the room on the disk of the audit log; set by the one process that writes there."""

    def __init__(self) -> None:
        registry = CollectorRegistry()
        self._free_bytes: Final = Gauge(
            "yizheng_audit_free_bytes",
            "Bytes that may still be written where the audit log is",
            multiprocess_mode="mostrecent",
            registry=registry,
        ).set
        self._used_percent: Final = Gauge(
            "yizheng_audit_used_percent",
            "Used part of the file system of the audit log",
            multiprocess_mode="mostrecent",
            registry=registry,
        ).set
        self._is_alarm: Final = Gauge(
            "yizheng_audit_space_alarm",
            "1 from audit.alarm_used_percent on, and below audit.min_free_bytes",
            multiprocess_mode="mostrecent",
            registry=registry,
        ).set

    def show(self, free_bytes: int, used_percent: int, *, is_alarm: bool) -> None:
        """Show the latest measurement."""
        self._free_bytes(free_bytes)
        self._used_percent(used_percent)
        self._is_alarm(is_alarm)


class NotaryMetrics:
    """Tells for how long records wait for outsiders; set by the notary."""

    def __init__(self) -> None:
        registry = CollectorRegistry()
        self._unwitnessed_s: Final = Gauge(
            "yizheng_audit_unwitnessed_seconds",
            "Age of the oldest record without a quorum of cosignatures",
            multiprocess_mode="mostrecent",
            registry=registry,
        ).set
        self._unstamped_s: Final = Gauge(
            "yizheng_audit_unstamped_seconds",
            "Age of the oldest record without a timestamp",
            multiprocess_mode="mostrecent",
            registry=registry,
        ).set

    def show(self, unwitnessed_s: float, unstamped_s: float) -> None:
        """Show the latest measurement."""
        self._unwitnessed_s(unwitnessed_s)
        self._unstamped_s(unstamped_s)


class IndexMetrics:
    """Tells how far the search index is behind the log; set by the indexer."""

    def __init__(self) -> None:
        self.show: Final = Gauge(
            "yizheng_audit_index_behind",
            "Records of the log that are not in the search index yet",
            multiprocess_mode="mostrecent",
            registry=CollectorRegistry(),
        ).set


def exposition() -> tuple[str, bytes]:
    """Content type and text of the metrics of all workers."""
    forget_the_dead(Path(os.environ["PROMETHEUS_MULTIPROC_DIR"]))
    registry = CollectorRegistry()
    MultiProcessCollector(registry)  # type: ignore[no-untyped-call] # the library has no type here
    return CONTENT_TYPE_LATEST, generate_latest(registry)


def forget_the_dead(folder: Path) -> None:
    """Drop what counts the living of processes that are no more."""
    for file in folder.glob("gauge_live*_*.db"):
        try:
            os.kill(int(file.stem.rpartition("_")[2]), 0)
        except ProcessLookupError:
            file.unlink(missing_ok=True)
        except PermissionError:
            continue  # another user's, and alive
