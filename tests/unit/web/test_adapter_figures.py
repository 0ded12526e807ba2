# SPDX-License-Identifier: Apache-2.0
"""What workers count about adapters can be read beside them, of the living only."""

import os
import subprocess
import sys
from pathlib import Path

from gateway.web.adapter_figures import AdapterFigures, read_adapter_figures

WORKER = """
import sys
from gateway.web.metrics import AdapterMetrics
metrics = AdapterMetrics()
metrics.note_state("desk", "closed")
metrics.note_state("other", "closed")
for outcome in ("answered", "answered", "PROVIDER_TIMEOUT", "turned_away"):
    metrics.note_call("desk", outcome, 0.01)
metrics.note_state("desk", "open")
metrics.note_offence("desk", "leaked", 3)
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


def test_figures_of_all_workers_are_summed_and_states_of_the_dead_forgotten(
    tmp_path: Path,
) -> None:
    first, second = worker(tmp_path), worker(tmp_path)
    with second:
        with first:
            found = read_adapter_figures(tmp_path)
            assert found["desk"] == AdapterFigures(
                states={"open": 2},
                calls={"answered": 4, "PROVIDER_TIMEOUT": 2, "turned_away": 2},
                offences={"leaked": 6},
            )
            assert found["other"] == AdapterFigures(states={"closed": 2})
        found = read_adapter_figures(tmp_path)
        assert found["desk"].states == {"open": 1}
        assert found["desk"].calls["answered"] == 4


def test_a_site_that_never_ran_has_none(tmp_path: Path) -> None:
    assert read_adapter_figures(tmp_path / "metrics") == {}
