# SPDX-License-Identifier: Apache-2.0
"""What a running site's workers have counted about adapters, read from its metrics folder.

It needs no port and no key, so it works beside any TLS and while all workers are busy.
"""

import os
from pathlib import Path

import msgspec
from prometheus_client import CollectorRegistry
from prometheus_client.multiprocess import MultiProcessCollector


class AdapterFigures(msgspec.Struct):
    """Figures of one adapter, of all workers together.

    Attributes:
        states: workers by the state in which they have it; empty while nothing runs.
        calls: questions since the start, by what became of them.
        offences: what its code did to its workers since the start.
    """

    states: dict[str, int] = {}
    calls: dict[str, int] = {}
    offences: dict[str, int] = {}


def read_adapter_figures(folder: Path) -> dict[str, AdapterFigures]:
    """Figures by adapter; empty where nothing has run."""
    found: dict[str, AdapterFigures] = {}
    if not folder.is_dir():
        return found
    _forget_the_dead(folder)
    registry = CollectorRegistry()
    MultiProcessCollector(registry, path=str(folder))  # type: ignore[no-untyped-call] # no type here
    for metric in registry.collect():
        for sample in metric.samples:
            labels, count = sample.labels, int(sample.value)
            if count == 0 or "adapter" not in labels:
                continue
            figures = found.setdefault(labels["adapter"], AdapterFigures())
            match sample.name:
                case "yizheng_adapter_workers":
                    figures.states[labels["state"]] = count
                case "yizheng_adapter_seconds_count":
                    figures.calls[labels["outcome"]] = count
                case "yizheng_adapter_offences_total":
                    figures.offences[labels["offence"]] = count
                case _:
                    pass  # a bucket or a sum
    return found


def _forget_the_dead(folder: Path) -> None:
    """Drop what counts the living of processes that are no more.

    A supervisor does so when one of its workers ends; nobody does when the supervisor was killed.
    """
    for file in folder.glob("gauge_live*_*.db"):
        try:
            os.kill(int(file.stem.rpartition("_")[2]), 0)
        except ProcessLookupError:
            file.unlink(missing_ok=True)
        except PermissionError:
            continue  # another user's, and alive
