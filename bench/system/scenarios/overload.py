# SPDX-License-Identifier: Apache-2.0
"""Three times as many requests as can be answered, for a while, and what comes after.

Open loop over many connections: half load first (the normal), then the overload, then half load
again. Refusals are expected in the second phase; what is asked is how those fare who are accepted.
"""

import math
import threading
from collections.abc import Iterable
from typing import Final, Self

import msgspec

from bench.system.processor import resident_bytes
from bench.system.ratios import percentile
from bench.system.run import Run
from bench.system.stage import Stage, pin_gateway

TIMES: Final = 3.0
_CONNECTIONS: Final = 1024
_NORMAL_S: Final = 1.0
_AFTER_S: Final = 2.25
_WINDOW_S: Final = 0.25
_SLOWER: Final = 5.0
_SAMPLE_S: Final = 0.2
_OK: Final = 200
_MIB: Final = 1 << 20


class Judged(msgspec.Struct, frozen=True):
    """How the accepted fared.

    Attributes:
        recovery_s: from the end of the overload until answers are as they were; infinite where that
            was not seen.
    """

    normal_p99_ms: float
    accepted_p99_ms: float
    accepted_per_s: float
    refused_share: float
    recovery_s: float


def judge(
    rows: Iterable[tuple[float, float, int]], normal_s: float, overload_s: float, after_s: float,
    per_s: float,
) -> Judged:  # fmt: skip
    """Part the requests by the phase in which they were sent.

    Recovered is the first window of a quarter of a second in which at least half of what was due
    was sent, nothing was refused, and p99 is at most five times the normal.

    Args:
        rows: start, duration in seconds, status.
        per_s: rate before and after.
    """
    normal: list[float] = []
    accepted: list[float] = []
    windows: list[list[float]] = [[] for _ in range(int(after_s / _WINDOW_S))]
    refused = 0
    for start_s, took_s, status in rows:
        since_s = start_s - normal_s - overload_s
        if start_s < normal_s:
            normal.append(took_s)
        elif since_s < 0:
            refused += status != _OK
            if status == _OK:
                accepted.append(took_s)
        elif (at := int(since_s / _WINDOW_S)) < len(windows):
            windows[at].append(took_s if status == _OK else math.inf)
    normal_p99 = percentile(sorted(normal), 0.99)
    least = per_s * _WINDOW_S / 2
    well = [
        at * _WINDOW_S
        for at, took in enumerate(windows)
        if len(took) >= least and percentile(sorted(took), 0.99) <= _SLOWER * normal_p99
    ]
    return Judged(
        normal_p99 * 1e3,
        percentile(sorted(accepted), 0.99) * 1e3,
        len(accepted) / overload_s,
        refused / max(1, refused + len(accepted)),
        well[0] if well else math.inf,
    )


class _Memory:
    """The largest resident memory of some processes together, looked at now and then."""

    def __init__(self, pids: tuple[int, ...]) -> None:
        self._pids: Final = pids
        self._over: Final = threading.Event()
        self._thread: Final = threading.Thread(target=self._look)
        self.first_bytes = self.most_bytes = self._now()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._over.wait(_SAMPLE_S):
            self.most_bytes = max(self.most_bytes, self._now())

    def _now(self) -> int:
        return sum(resident_bytes(pid) for pid in self._pids)


def measure(run: Run, stage: Stage) -> None:
    """Once for each run: it takes more than a minute."""
    capacity = run.findings.median("gateway_p256_per_s")
    if capacity is None:
        capacity = run.gun.saturate(stage.gateway(), run.sizes.shot_s).per_s
    stage.world.restart_with_usual_wait()  # what is asked is how that limit works
    pin_gateway(stage.world)
    target = stage.gateway()
    target.warm()
    half, over_s = capacity / 2, run.sizes.overload_s
    phases = [(_NORMAL_S, half), (over_s, TIMES * capacity), (_AFTER_S, half)]
    count = int(sum(seconds * per_s for seconds, per_s in phases) * 1.05)
    run.gun.patience.wait()
    with _Memory((*target.pids, *target.keepers)) as memory:
        outcome, samples = run.gun.send(
            target,
            [
                "--phases", *(f"{seconds}:{per_s:.1f}" for seconds, per_s in phases),
                f"--connections={_CONNECTIONS}",
            ],
            count,
            per_s=count / sum(seconds for seconds, _ in phases),
        )  # fmt: skip
    judged = judge(samples.rows(), _NORMAL_S, over_s, _AFTER_S, half)
    findings = run.findings
    findings.add("overload_p99_vs_normal", [judged.accepted_p99_ms / judged.normal_p99_ms])
    findings.add("overload_growth_mib", [(memory.most_bytes - memory.first_bytes) / _MIB])
    findings.add("overload_recovery_s", [judged.recovery_s])
    findings.add("overload_accepted_per_s", [judged.accepted_per_s])
    findings.add("overload_refused_share", [judged.refused_share])
    findings.add("overload_accepted_p99_ms", [judged.accepted_p99_ms])
    findings.add("overload_normal_p99_ms", [judged.normal_p99_ms])
    if math.isinf(judged.recovery_s):
        findings.note(f"overload: not recovered within {_AFTER_S:g} s")
    unsent = outcome.unsent_count / max(1, outcome.unsent_count + outcome.answer_count)
    findings.note(
        f"overload: {unsent:.0%} of the requests were due while all {_CONNECTIONS} connections "
        f"waited for an answer, and were not sent; answers were {outcome.statuses}"
    )
