# SPDX-License-Identifier: Apache-2.0
"""What was counted in a process is handed over whole, once, and summed over all processes.

The library decides at its import whether numbers go to files, so each worker here is a process of
its own, as in production.
"""

import os
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest
from prometheus_client.parser import text_string_to_metric_families

ROOT: Final = Path(__file__).parents[3]
#: Counts what its arguments say, as `outcome=seconds`; `flush` hands over, `show` shows.
WORKER: Final = """
import sys
from gateway.web.metrics import LookupMetrics, exposition

metrics = LookupMetrics()
for word in sys.argv[1:]:
    if word == "flush":
        metrics.flush()
    elif word == "show":
        sys.stdout.buffer.write(exposition()[1])
    else:
        outcome, _, seconds = word.partition("=")
        metrics.count(outcome, float(seconds))
"""


class Workers:
    """Workers that share a folder, one after the other."""

    def __init__(self, folder: Path) -> None:
        self._environment = os.environ | {"PROMETHEUS_MULTIPROC_DIR": str(folder)}

    def run(self, *words: str) -> dict[str, float]:
        """What one more worker shows, by name and label."""
        shown = subprocess.run(
            [sys.executable, "-c", WORKER, *words],
            env=self._environment,
            cwd=ROOT,
            capture_output=True,
            check=True,
            text=True,
            timeout=30,
        ).stdout
        return {
            "|".join((sample.name, *sample.labels.values())): sample.value
            for family in text_string_to_metric_families(shown)
            for sample in family.samples
        }


@pytest.fixture
def workers(tmp_path: Path) -> Workers:
    return Workers(tmp_path)


def buckets(shown: dict[str, float]) -> dict[str, float]:
    head = "yizheng_lookup_seconds_bucket|"
    return {name.removeprefix(head): value for name, value in shown.items() if head in name}


def test_counts_arrive_whole_by_outcome(workers: Workers) -> None:
    shown = workers.run("found=0", "found=0", "NONCE_REPLAYED=0", "found=0", "flush", "show")
    assert shown["yizheng_replies_total|found"] == 3
    assert shown["yizheng_replies_total|NONCE_REPLAYED"] == 1
    assert shown["yizheng_replies_total|not_found"] == 0


def test_what_was_not_handed_over_is_not_shown(workers: Workers) -> None:
    shown = workers.run("found=0", "flush", "found=0", "show")
    assert shown["yizheng_replies_total|found"] == 1


def test_nothing_is_handed_over_twice(workers: Workers) -> None:
    shown = workers.run("found=0.3", "flush", "flush", "found=0.3", "flush", "show")
    assert shown["yizheng_replies_total|found"] == 2
    assert shown["yizheng_lookup_seconds_count"] == 2
    assert shown["yizheng_lookup_seconds_sum"] == pytest.approx(0.6)


def test_each_time_is_in_the_bucket_that_it_is_not_above(workers: Workers) -> None:
    times = ("0.0001", "0.001", "0.0011", "10", "10.5")
    shown = workers.run(*(f"found={time}" for time in times), "flush", "show")
    found = buckets(shown)
    assert list(found) == [
        *("0.001", "0.0025", "0.005", "0.01", "0.025", "0.05", "0.1", "0.25", "0.5"),
        *("1.0", "2.5", "5.0", "10.0", "+Inf"),
    ]
    assert (found["0.001"], found["0.0025"], found["5.0"]) == (2, 3, 3)
    assert (found["10.0"], found["+Inf"]) == (4, 5)
    assert shown["yizheng_lookup_seconds_count"] == 5
    assert shown["yizheng_lookup_seconds_sum"] == pytest.approx(sum(map(float, times)))


def test_any_worker_answers_for_all_and_what_the_dead_counted_stays(workers: Workers) -> None:
    workers.run("found=0.3", "mismatch=2", "flush")
    shown = workers.run("found=0.3", "flush", "show")
    assert shown["yizheng_replies_total|found"] == 2
    assert shown["yizheng_replies_total|mismatch"] == 1
    assert buckets(shown)["0.5"] == 2
    assert shown["yizheng_lookup_seconds_count"] == 3


def test_an_outcome_that_nobody_knows_is_no_label(workers: Workers) -> None:
    with pytest.raises(subprocess.CalledProcessError):
        workers.run("a name 测试甲=0", "flush")
