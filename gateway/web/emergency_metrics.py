# SPDX-License-Identifier: Apache-2.0
"""Metrics of emergencies; `gateway.web.metrics` says how they become one page."""

from collections.abc import Mapping
from typing import Final

from prometheus_client import CollectorRegistry, Gauge

from gateway.model.rung import Rungs, height


class LadderMetrics:
    """Tells the rung of each department, and how many wait for it; shown by each worker."""

    def __init__(self) -> None:
        registry = CollectorRegistry()
        self._rung: Final = Gauge(
            "yizheng_ladder_rung",
            "Rung of the degrade ladder: 0 normal, 1 cache, 2 verify_only, 3 ticket, 4 substitute",
            ["adapter"],
            multiprocess_mode="livemax",
            registry=registry,
        )
        self._waiting: Final = Gauge(
            "yizheng_adapter_waiting",
            "Lookups that wait for a place at a department",
            ["adapter"],
            multiprocess_mode="livesum",
            registry=registry,
        )
        self._shown: Final[dict[str, tuple[int, int]]] = {}

    def show(self, rungs: Rungs, waiting: Mapping[str, int]) -> None:
        """Show what is so now; what has not changed costs nothing.

        Args:
            waiting: by adapter, every one of the site.
        """
        for adapter, count in waiting.items():
            figures = height(rungs.of(adapter)), count
            if self._shown.get(adapter) == figures:
                continue
            self._shown[adapter] = figures
            self._rung.labels(adapter=adapter).set(figures[0])
            self._waiting.labels(adapter=adapter).set(count)


class AlarmMetrics:
    """Tells how many alarms are raised; set by the clerk."""

    def __init__(self) -> None:
        self.show: Final = Gauge(
            "yizheng_alarms_raised",
            "Alarms that are raised and not cleared",
            multiprocess_mode="mostrecent",
            registry=CollectorRegistry(),
        ).set
