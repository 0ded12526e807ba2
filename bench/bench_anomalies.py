# SPDX-License-Identifier: Apache-2.0
"""Each anomaly rule over the last 30 days of a synthetic log, and the search of a citizen report.

YIZHENG_ROWS is the size of the log (20,000 unless told).
"""

import os
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from bench.synthetic_log import END, SyntheticLog, citizen_number
from gateway.audit.anomaly.rules import RULES
from gateway.audit.anomaly.run import reveal_from, review
from gateway.audit.anomaly.view import Period, View
from gateway.audit.index.follow import catch_up
from gateway.audit.report import find_records
from gateway.audit.store.reader import LogReader
from gateway.model.anomaly import AnomalySection
from gateway.model.holder import Holder

ROWS = int(os.environ.get("YIZHENG_ROWS", "20000"))


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[SyntheticLog, Path]:
    folder = tmp_path_factory.mktemp("anomalies")
    synthetic = SyntheticLog()
    synthetic.write(folder / "audit", ROWS)
    catch_up(folder / "audit", folder / "index", synthetic.key)
    return synthetic, folder


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("rule", RULES)
def test_rule(benchmark: BenchmarkFixture, written: tuple[SyntheticLog, Path], rule: str) -> None:
    synthetic, folder = written
    with closing(LogReader.open(folder / "audit")) as reader:
        view = View.open(
            folder / "index", Period(END - timedelta(days=30), END), AnomalySection(),
            utc_offset_h=8, reveal=reveal_from(reader, synthetic.ciphers.get),
        )  # fmt: skip
        with closing(view):
            assert view.size() == ROWS
            benchmark.extra_info["records"] = ROWS
            benchmark(review, view, (rule,))


def test_citizen_report(benchmark: BenchmarkFixture, written: tuple[SyntheticLog, Path]) -> None:
    synthetic, folder = written
    holder = Holder("cn-id", citizen_number(5))
    with closing(LogReader.open(folder / "audit")) as reader:
        benchmark.extra_info["records"] = ROWS
        found = benchmark(lambda: find_records(reader.entries(), holder, synthetic.ciphers.get))
    assert found.size == ROWS
