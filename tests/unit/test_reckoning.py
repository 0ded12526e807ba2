# SPDX-License-Identifier: Apache-2.0
"""What is reckoned from the log is reckoned from all of it, or not at all."""

import shutil
from contextlib import closing
from pathlib import Path

import pytest

from fixtures.world import World
from gateway.audit.log import Log
from gateway.audit.store.sqlite import SqliteStore
from gateway.config import Site, load_site
from gateway.model.reckoning import FigureWanted, Reckoned, ReplayWanted
from gateway.model.record import format_record
from gateway.reckoning import reckon
from tests.unit.audit.samples import KEY, SIGNER
from tests.unit.audit.traffic import Traffic, november

CASE = "YQ20261109-000000001"
WANTED = ReplayWanted("yq-gjj", CASE, "yq-gjj-001", "居民身份证复印件", "2026-11-09T03:00:00Z")
NOT_THERE = "INDEX_UNAVAILABLE"


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """A site in whose log somebody asked, at ten, for what was demanded at eleven."""
    made = load_site(World(tmp_path).site)
    traffic = Traffic(1)
    traffic.access(
        november(9, 10), "yq-gjj-1", traffic.number(), case=CASE, item="yq-gjj-001",
        served_from="source", adapter="public_security", adapter_ms=12,
    )  # fmt: skip
    traffic.write(made.state)
    return made


def test_a_replay_is_of_the_whole_log(site: Site) -> None:
    replay = reckon(site, WANTED, patience_s=0).replay
    assert replay is not None
    assert (replay.available, replay.cause) == (True, "window_did_not_use_data")
    assert [access.index for access in replay.accesses] == [0]


def test_a_department_that_nobody_asked_has_no_figure(site: Site) -> None:
    wanted = FigureWanted("civil_affairs", "availability", 30)
    assert reckon(site, wanted, patience_s=0) == Reckoned()


def test_without_an_index_nothing_is_said_to_be_missing(site: Site) -> None:
    shutil.rmtree(site.state / "index")
    assert reckon(site, WANTED, patience_s=0).code == NOT_THERE


def test_an_index_that_lags_behind_is_waited_for_and_not_believed(site: Site) -> None:
    traffic = Traffic(2)
    traffic.access(november(9, 10, 30), "yq-gjj-1", traffic.number(), case=CASE)
    with closing(SqliteStore.open(site.state / "audit", KEY)) as store:
        Log(store, SIGNER).append([format_record(record) for record in traffic.records()])
    answer = reckon(site, WANTED, patience_s=0.01)
    assert (answer.code, answer.replay) == (NOT_THERE, None)


def test_an_unreadable_log_is_told_apart_from_an_empty_one(site: Site) -> None:
    shutil.rmtree(site.state / "audit")
    assert reckon(site, WANTED, patience_s=0).code == NOT_THERE
