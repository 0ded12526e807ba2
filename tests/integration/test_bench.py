# SPDX-License-Identifier: Apache-2.0
"""The system benchmark, as small as it can be: every answer right, whatever it took."""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from bench.system.processor import Patience
from bench.system.requests import cold_bodies
from bench.system.run import QUICK, Run
from bench.system.scenarios import hit
from bench.system.shot import Gun, find_load
from bench.system.stage import Stage
from bench.system.target import WrongAnswer, gateway_target

SMALL = msgspec.structs.replace(QUICK, rounds=1, side_rounds=1, shot_s=0.1)
BROKEN = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n"


@pytest.fixture(scope="module")
def stage(short_folder: Path) -> Iterator[Stage]:
    folder = short_folder / "bench"
    folder.mkdir()
    with Stage(folder, with_peers=True) as running:  # which verifies an answer of each
        yield running


@pytest.fixture
def gun() -> Iterator[Gun]:
    found = Gun("asyncio", Patience(0))
    yield found
    found.close()


def test_hit_beside_floor_and_peers(stage: Stage, gun: Gun, tmp_path: Path) -> None:
    run = Run(SMALL, gun, tmp_path)
    hit.measure(run, stage)
    found = run.findings.spreads()
    assert {"throughput_vs_floor_p256", "cpu_vs_floor_p256"} <= found.keys()
    assert found["sequencer_us_per_entry"].median > 0
    for peer in stage.peers():
        assert found[f"throughput_vs_{peer.name}"].median > 0
    assert len(stage.peers()) + len(stage.absent) == 2
    stage.check()


@pytest.mark.skipif(find_load() != "wrk", reason="needs the tool wrk")
def test_wrk_gives_each_request_out_once(stage: Stage) -> None:
    gun = Gun("wrk", Patience(0))
    shot = gun.saturate(stage.gateway(), 1)  # one that was sent twice would be refused
    gun.close()
    assert shot.answer_count > 0
    assert shot.cpu_us > 0


def test_an_open_loop_keeps_its_rate(stage: Stage, gun: Gun) -> None:
    outcome = gun.paced(stage.gateway(), 0.5, 60)
    assert 10 <= outcome.answer_count <= 60
    assert outcome.statuses.keys() == {"200"}


def test_requests_that_are_kept_for_a_server_stay_its_own(stage: Stage, gun: Gun) -> None:
    floor = stage.floor()
    gun.paced(floor, 0.1, 60)
    gun.paced(floor, 0.5, 600)  # too few are kept: they are signed anew
    with pytest.raises(WrongAnswer):
        gun.paced(msgspec.structs.replace(stage.gateway(), write=lambda _, __: BROKEN), 0.1, 60)
    assert gun.paced(floor, 0.1, 60).statuses.keys() == {"200"}


def test_callers_at_once_are_answered_once_each(stage: Stage, gun: Gun) -> None:
    target = msgspec.structs.replace(
        gateway_target(stage.world), bodies=cold_bodies(stage.world, 1)
    )
    outcome, samples = gun.send(target, ["--at-once", "--connections=20"], 20, per_s=20)
    assert outcome.statuses == {"200": 20}
    assert [status for _, _, status in samples.rows()] == [200] * 20


def test_a_wrong_answer_ends_the_run(stage: Stage, gun: Gun) -> None:
    refused = msgspec.structs.replace(stage.gateway(), bodies=[b"{}"])
    with pytest.raises(WrongAnswer, match="BODY_MALFORMED"):
        gun.saturate(refused, 0.2)
