# SPDX-License-Identifier: Apache-2.0
"""Prometheus metrics of one worker, shown summed over all workers.

The supervisor sets PROMETHEUS_MULTIPROC_DIR before this module is imported, so that each process
writes its numbers to a file of its own and any worker can answer for all. Labels hold codes and
adapter names only.
"""

from bisect import bisect_left
from collections import Counter as Counts
from collections.abc import Callable, Sequence
from typing import Final

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
    multiprocess,
)
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from gateway.errors import REFUSALS
from gateway.model.forget import CacheState
from gateway.model.order import Backlog as Waiting
from gateway.office.deliveries import Backlog
from gateway.registry.observer import STATES, AdapterObserver, Outcome, State
from gateway.registry.quarantine import Offence

_OUTCOMES: Final = ("found", "not_found", "match", "mismatch", *REFUSALS)
_BUCKETS_S: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


class _Tally(Histogram):
    """A histogram that takes many observations at once."""

    def add(self, counts: Sequence[int], total_s: float) -> None:
        """Add so many observations to each bucket, and their sum."""
        self._sum.inc(total_s)
        for bucket, count in zip(self._buckets, counts, strict=True):
            if count:
                bucket.inc(count)


class LookupMetrics:
    """Counts and times of lookups, with every label bound in advance.

    The library writes each number to a shared file, which costs more than counting; so numbers are
    counted here and handed over by `flush`, each second and when they are asked for.
    """

    def __init__(self) -> None:
        registry = CollectorRegistry()
        answers = Counter(
            "yizheng_replies",
            "Replies by outcome of a lookup or code of a refusal",
            ["outcome"],
            registry=registry,
        )
        self._answers: Final = {name: answers.labels(outcome=name).inc for name in _OUTCOMES}
        self._seconds: Final = _Tally(
            "yizheng_lookup_seconds",
            "Seconds from the whole request to the recorded reply",
            buckets=_BUCKETS_S,
            registry=registry,
        )
        self._outcomes: Final = Counts[str]()
        self._in_bucket: Final = [0] * (len(_BUCKETS_S) + 1)
        self._total_s = 0.0

    def count(self, outcome: str, seconds: float) -> None:
        """Count one finished lookup."""
        self._outcomes[outcome] += 1
        self._in_bucket[bisect_left(_BUCKETS_S, seconds)] += 1
        self._total_s += seconds

    def flush(self) -> None:
        """Hand over what was counted since the last time."""
        if not self._outcomes:
            return
        for outcome, count in self._outcomes.items():
            self._answers[outcome](count)
        self._seconds.add(self._in_bucket, self._total_s)
        self._outcomes.clear()
        self._in_bucket[:] = [0] * len(self._in_bucket)
        self._total_s = 0.0


class ConnectionMetrics:
    """Counts what never became a request."""

    def __init__(self) -> None:
        self.count_refused: Final = Counter(
            "yizheng_connections_refused",
            "Connections closed at once because the worker had max_connections already",
            registry=CollectorRegistry(),
        ).inc


class CacheMetrics:
    """Tells what one worker's cache has counted; shown each second, so that a hit pays nothing."""

    def __init__(self) -> None:
        registry = CollectorRegistry()
        self._last = CacheState(0)
        self._counts: Final = {
            name: Counter(f"yizheng_cache_{metric}", text, registry=registry).inc
            for name, metric, text in (
                ("hit_count", "hits", "Answers from a cache, stale ones included"),
                ("miss_count", "misses", "Questions that no cache could answer"),
                ("stale_count", "stale", "Answers given in place of a department that was away"),
                ("store_count", "stores", "Answers kept"),
                ("forget_count", "forgets", "Times that a worker was told to forget"),
                ("hit_age_s", "hit_age_seconds", "Ages of all answers given, summed"),
                ("shared_hit_count", "shared_hits", "Misses that the shared cache answered"),
                ("shared_miss_count", "shared_misses", "Misses that it could not answer"),
                ("shared_error_count", "shared_errors", "Times that it was away, late or refused"),
                ("shared_refused_count", "shared_refused", "Values in it that no node put there"),
            )
        }
        self._levels: Final = {
            name: Gauge(
                f"yizheng_cache_{metric}", text, multiprocess_mode="livesum", registry=registry
            ).set
            for name, metric, text in (
                ("entry_count", "entries", "Answers kept now"),
                ("weight_bytes", "bytes", "Memory of the answers kept now, about"),
            )
        }
        self._is_away: Final = Gauge(
            "yizheng_cache_shared_away",
            "Workers that do not reach the shared cache, and so serve nothing from memory",
            multiprocess_mode="livesum",
            registry=registry,
        ).set

    def show(self, state: CacheState) -> None:
        """Show the latest state."""
        for name, count in self._counts.items():
            count(getattr(state, name) - getattr(self._last, name))
        for name, show in self._levels.items():
            show(getattr(state, name))
        self._is_away(state.store == "away")
        self._last = state


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


class EventMetrics:
    """Tells how far deliveries of events are behind; set by the clerk."""

    def __init__(self) -> None:
        registry = CollectorRegistry()
        self._attempts: Final = Counter(
            "yizheng_event_attempts",
            "Attempts to deliver an event: taken, refused, away, or dead (given up)",
            ["result"],
            registry=registry,
        )
        self._pending, self._dead, self._oldest_s = (
            Gauge(name, text, multiprocess_mode="mostrecent", registry=registry).set
            for name, text in (
                ("yizheng_events_pending", "Events that are still to be delivered"),
                ("yizheng_events_dead", "Events that were given up and not delivered again"),
                ("yizheng_events_oldest_seconds", "Age of the oldest event to be delivered"),
            )
        )

    def count(self, result: str) -> None:
        """Count an attempt."""
        self._attempts.labels(result=result).inc()

    def show(self, backlog: Backlog) -> None:
        """Show the latest backlog."""
        self._pending(backlog.pending_count)
        self._dead(backlog.dead_count)
        self._oldest_s(backlog.oldest_s)


class DeferralMetrics:
    """Tells what applicants owe; set by whichever worker looked last."""

    def __init__(self) -> None:
        registry = CollectorRegistry()
        self._open, self._overdue, self._oldest_s = (
            Gauge(name, text, multiprocess_mode="mostrecent", registry=registry).set
            for name, text in (
                ("yizheng_deferrals_open", "Deferrals that are still in time"),
                ("yizheng_deferrals_overdue", "Deferrals whose day has passed, not yet closed"),
                ("yizheng_deferrals_oldest_seconds", "Age of the oldest deferral not closed"),
            )
        )
        self._tries: Final = Counter(
            "yizheng_order_tries",
            "Tries of standing orders: done, answered (not there), later, over (given up)",
            ["ending"],
            registry=registry,
        )

    def count(self, ending: str) -> None:
        """Count a try."""
        self._tries.labels(ending=ending).inc()

    def show(self, waiting: Waiting) -> None:
        """Show the latest count."""
        self._open(waiting.open_count)
        self._overdue(waiting.overdue_count)
        self._oldest_s(waiting.oldest_s)


class IndexMetrics:
    """Tells how far the search index is behind the log; set by the indexer."""

    def __init__(self) -> None:
        self.show: Final = Gauge(
            "yizheng_audit_index_behind",
            "Records of the log that are not in the search index yet",
            multiprocess_mode="mostrecent",
            registry=CollectorRegistry(),
        ).set


def mark_process_dead(pid: int) -> None:
    """Take a process that has ended out of what is shown as it is now; its counts stay."""
    multiprocess.mark_process_dead(pid)  # type: ignore[no-untyped-call] # the library has no type


def exposition() -> tuple[str, bytes]:
    """Content type and text of the metrics of all workers."""
    registry = CollectorRegistry()
    multiprocess.MultiProcessCollector(registry)  # type: ignore[no-untyped-call] # the library has no type here
    return CONTENT_TYPE_LATEST, generate_latest(registry)
