# SPDX-License-Identifier: Apache-2.0
"""The load is what all workers have counted, summed."""

import os
import subprocess
import sys
from pathlib import Path

from gateway.model.rung import WHOLE_SITE
from gateway.supervision.load import Load, figure_of
from gateway.web.load_figures import read_load

WORKER = """
import sys
from gateway.model.rung import Rungs
from gateway.web.emergency_metrics import LadderMetrics
from gateway.web.metrics import AdapterMetrics, LookupMetrics
metrics = AdapterMetrics()
for outcome, seconds in (
    ("answered", 0.2), ("answered", 0.2), ("PROVIDER_TIMEOUT", 4.0), ("turned_away", 0.0),
    ("left", 0.1),
):
    metrics.note_call("desk", outcome, seconds)
lookups = LookupMetrics()
for outcome in ("found", "NOT_GRANTED", "PROVIDER_TIMEOUT", "GATEWAY_BUSY"):
    lookups.count(outcome, 0.2)
lookups.flush()
ladder = LadderMetrics()
ladder.show(Rungs("cache"), {"desk": 3, "other": 0})
ladder.show(Rungs("ticket"), {"desk": 2, "other": 0})
print("ready", flush=True)
sys.stdin.read()
"""


def worker(folder: Path) -> "subprocess.Popen[str]":
    process = subprocess.Popen(
        [sys.executable, "-c", WORKER],
        env={**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(folder)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def test_clause_8_1_2_figures_of_all_workers_are_read_where_they_write_them_anyway(
    tmp_path: Path,
) -> None:
    with worker(tmp_path), worker(tmp_path):
        found = read_load(tmp_path, steady_s=lambda: 7.0)
    assert found.at_s == 7.0
    assert found.waiting == {"desk": 4, "other": 0}
    desk = found.tallies["desk"]
    assert (desk.total_count, desk.refused_count) == (8, 4)  # who left says nothing
    assert {end_s: count for end_s, count in desk.times if count} == {0.25: 4, 5.0: 2}
    site = found.tallies[WHOLE_SITE]
    assert (site.total_count, site.refused_count) == (8, 4)  # what agencies did wrong is no alarm
    nothing = Load(0, {})
    assert figure_of("refusal_share", "desk", nothing, found, min_count=1) == 0.5
    p95_ms = figure_of("p95_ms", "desk", nothing, found, min_count=1)
    assert p95_ms is not None
    assert 2500 < p95_ms <= 5000


def test_what_has_not_run_has_no_load(tmp_path: Path) -> None:
    assert read_load(tmp_path, steady_s=lambda: 7.0) == Load(7.0, {}, {})
