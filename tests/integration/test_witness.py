# SPDX-License-Identifier: Apache-2.0
"""Witnesses and the notary: who rewrites history finds nobody to vouch for it."""

import asyncio
import os
import shutil
import signal
import socket
import sqlite3
import threading
import time
from contextlib import closing, suppress
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from urllib.request import urlopen

import aiohttp
import msgspec
import pytest

from fixtures.ports import take_port
from fixtures.world import Process, World
from gateway.audit import witnessing
from gateway.audit.lateness import witness_state
from gateway.audit.notary_plan import load_plan
from gateway.audit.store.notary import NOTARY_DATABASE, newest_note
from gateway.audit.store.reader import DATABASE, LogReader
from gateway.config import load_site
from gateway.errors import SetupError
from gateway.keyring import log_verifier
from gateway.model.audit_site import AuditSection
from gateway.tlog.checkpoint import Checkpoint, parse_checkpoint, verify_checkpoint
from gateway.tlog.note import parse_note, parse_vkey
from gateway.tlog.policy import parse_policy, verify_witnessed
from gateway.witness import server
from gateway.witness.folder import make_witness
from gateway.witness.server import MAX_BODY_BYTES
from gateway.witness.state import State
from tests.integration.notaries import (
    Witnesses,
    grow,
    notary,
    state_of,
    until,
    witnessed_size,
    witnesses,
)
from tests.integration.tsa import told
from tests.integration.wire import Draft, lookup_body, send, sign
from tests.unit.audit.samples import KEY
from tests.unit.witness.logs import SIGNER as MEMORY_SIGNER
from tests.unit.witness.logs import MemoryLog

KILLS = min(int(os.environ.get("YIZHENG_KILLS", "2")), 50)
LIMIT_S = 60.0
REWRITES = ("rolled back", "forked", "forked and longer", "made anew", "made anew and longer")


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """The folder of a log of 300 entries: more than one tile."""
    folder = tmp_path / "audit"
    grow(folder, range(300))
    return folder


async def test_a_quorum_is_collected_and_its_note_published(log: Path, tmp_path: Path) -> None:
    async with witnesses(tmp_path, "w1", "w2", "w3") as found:
        policy = found.policy("2")
        async with notary(log, policy=policy):
            await until(lambda: witnessed_size(log) == 300)
            grow(log, range(300, 307))
            await until(lambda: witnessed_size(log) == 307)
        assert witness_state(log, time.time()) == "ok"
    note = newest_note(log)
    assert note is not None
    assert verify_checkpoint(note, KEY).size == 307
    times_s = verify_witnessed(note, parse_policy(policy.encode()))
    assert len(times_s) >= 2
    assert all(abs(at_s - time.time()) < 60 for at_s in times_s.values())


async def test_a_witness_that_is_away_hurts_nobody_and_is_taken_back(
    log: Path, tmp_path: Path
) -> None:
    async with witnesses(tmp_path, "w1", "w2") as found:
        await found.stop("w2")
        async with notary(log, policy=found.policy("any")):
            await until(lambda: witnessed_size(log) == 300)
            await until(lambda: state_of(log, "witness:w2") == "away")
            assert witness_state(log, time.time()) == "ok"
            await found.start("w2")
            await until(lambda: state_of(log, "witness:w2") == "ok")


async def test_a_missing_quorum_is_told_with_what_is_behind(log: Path, tmp_path: Path) -> None:
    async with witnesses(tmp_path, "w1", "w2") as found:
        await found.stop("w2")
        async with notary(log, policy=found.policy("all")):
            await until(lambda: state_of(log, "witness:w2") == "away")
            assert witness_state(log, time.time()) == "quorum missing"
            await found.start("w2")
            await until(lambda: witnessed_size(log) == 300)
            await found.stop("w2")
            grow(log, range(300, 310))
            await until(lambda: state_of(log, "witness:w2") == "away")
            assert witness_state(log, time.time() + 60) == "behind 10"
        plain, late = newest_note(log, now_s=time.time() + 60), newest_note(log)
    assert plain is not None
    assert len(parse_note(plain).signatures) == 1
    assert verify_checkpoint(plain, KEY).size == 310
    assert late is not None
    assert verify_checkpoint(late, KEY).size == 300  # cosigned a moment ago


async def test_a_witness_that_hangs_keeps_nobody_waiting(
    log: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(witnessing, "LIMIT_S", 10 * LIMIT_S)  # so that nobody waits so long here
    async with witnesses(tmp_path, "w1", "w2") as found:
        with socket.create_server(("127.0.0.1", 0)) as silent:
            policy = found.policy("any").replace(
                found.url("w2"), f"http://127.0.0.1:{silent.getsockname()[1]}"
            )
            async with notary(log, policy=policy):
                for size in (300, 305, 310):
                    await until(lambda size=size: witnessed_size(log) == size, LIMIT_S)  # type: ignore[misc] # mypy infers no default of a lambda
                    grow(log, range(size, size + 5))


def rewrite(log: Path, how: str) -> None:
    """What somebody with the log's key and the host can do: it verifies in itself."""
    if how.startswith("made anew"):
        shutil.rmtree(log)
        grow(log, range(1000, 1300 if how == "made anew" else 1340))
        return
    with closing(sqlite3.connect(log / DATABASE)) as connection, connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        for table, column in (("entries", "idx >="), ("checkpoints", "size >")):
            connection.execute(f"DELETE FROM {table} WHERE {column} 200")
        connection.execute("UPDATE tiles SET hashes = substr(hashes, 1, 200 * 32) WHERE level = 0")
        connection.execute("DELETE FROM tiles WHERE level = 1 OR n = 1")
    if how != "rolled back":
        grow(log, range(2000, 2100 if how == "forked" else 2180))


def write_in_two_groups(log: Path) -> None:
    grow(log, range(200))
    grow(log, range(200, 300))


@pytest.mark.parametrize("how", REWRITES)
@pytest.mark.parametrize("keeps_notes", [True, False], ids=["notary kept", "notary new"])
async def test_a_log_rewritten_with_its_own_key_finds_no_witness(
    tmp_path: Path, how: str, *, keeps_notes: bool
) -> None:
    log = tmp_path / "audit"
    write_in_two_groups(log)
    async with witnesses(tmp_path, "w1") as found:
        async with notary(log, policy=found.policy("all")):
            await until(lambda: witnessed_size(log) == 300)
        kept = {name: (log / name).read_bytes() for name in (NOTARY_DATABASE, "policy")}
        rewrite(log, how)
        for name, content in kept.items():
            (log / name).unlink(missing_ok=True)
            if keeps_notes:
                (log / name).write_bytes(content)
        with closing(LogReader.open(log)) as reader:
            last = reader.last_checkpoint()
        assert last is not None
        verify_checkpoint(last[1], KEY)  # the log's word for it is good
        async with notary(log, policy=found.policy("all")):
            await until(lambda: state_of(log, "witness:w1") == "refused")
            assert witness_state(log, time.time()) == "refused by w1"
        assert witnessed_size(log) == (300 if keeps_notes else 0)
        (seen,) = State(tmp_path / "w1").watched()
        assert seen.size == 300


async def test_of_two_gateways_with_one_key_only_one_finds_a_witness(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    grow(one, range(20))
    shutil.copytree(one, two)
    async with witnesses(tmp_path, "w1", "w2", "w3") as found:
        policy = found.policy("2")
        async with notary(one, policy=policy), notary(two, policy=policy):
            await until(lambda: witnessed_size(one) == witnessed_size(two) == 20)
            async with asyncio.TaskGroup() as tasks:  # both write, each its own history
                tasks.create_task(asyncio.to_thread(grow, one, range(20, 25)))
                tasks.create_task(asyncio.to_thread(grow, two, range(30, 35)))
            states = [f"witness:{name}" for name in found.vkeys]
            await until(
                lambda: (
                    {"refused", "ok"}
                    <= {state_of(log, name) for log in (one, two) for name in states}
                    and max(witnessed_size(one), witnessed_size(two)) == 25
                )
            )
            for _ in range(10):
                assert sorted([witnessed_size(one), witnessed_size(two)]) == [20, 25]
                await asyncio.sleep(0.05)


def test_a_policy_must_fit_the_log_and_be_reachable(tmp_path: Path) -> None:
    found = Witnesses(tmp_path)
    found.vkeys["w1"] = make_witness(tmp_path / "w1", "witness.example/w1")
    line = f"witness w1 {found.vkeys['w1']}"
    section = AuditSection(witness_policy="policy")
    for policy, why in (
        (f"{line}\nquorum w1\n", "no quorum"),
        (f"log {MEMORY_SIGNER.public.vkey}\n{line} http://w\nquorum w1\n", "not one of its logs"),
        ("nonsense\n", "line 1"),
    ):
        (tmp_path / "policy").write_text(policy)
        with pytest.raises(SetupError, match=why):
            load_plan(section, tmp_path, KEY)
    (tmp_path / "policy").unlink()
    with pytest.raises(SetupError, match="cannot be read"):
        load_plan(section, tmp_path, KEY)


async def test_the_server_speaks_the_protocol_and_nothing_else(tmp_path: Path) -> None:
    own = MemoryLog(9)
    async with witnesses(tmp_path, "w1") as found, aiohttp.ClientSession(found.url("w1")) as http:
        State(tmp_path / "w1").add_log(MEMORY_SIGNER.public)

        async def ask(path: str, body: bytes | None, method: str = "POST") -> tuple[int, str]:
            async with http.request(method, path, data=body) as answer:
                return answer.status, answer.content_type

        plain = "text/plain"
        assert await ask("/healthz", None, "GET") == (200, plain)
        assert await ask("/add-checkpoint", own.body(0, 5)) == (200, plain)
        assert await ask("/add-checkpoint", own.body(0, 7)) == (409, "text/x.tlog.size")
        assert await ask("/add-checkpoint", MemoryLog(9, fork_at=3).body(5, 9)) == (422, plain)
        assert await ask("/add-checkpoint", b"junk") == (400, plain)
        assert await ask("/add-checkpoint", None, "GET") == (405, plain)
        assert await ask("/add-checkpoint/", own.body(0, 5)) == (404, plain)
        assert await ask("/", None, "GET") == (404, plain)
        assert await ask("/add-checkpoint", bytes(MAX_BODY_BYTES + 1)) == (413, plain)


def test_a_gateway_serves_the_checkpoint_that_its_witness_cosigned(short_folder: Path) -> None:
    folder = short_folder / "witnessed"
    folder.mkdir()
    world = World(folder)
    key = log_verifier(load_site(world.site))
    vkey = make_witness(folder / "w1", "witness.example/w1")
    State(folder / "w1").add_log(key)
    witness = Process(
        "witness",
        ["gateway", "witness", "serve", str(folder / "w1"), "--json"],
        folder / "witness.log",
    )
    url = witness.start()["url"]
    policy = f"log {key.vkey}\nwitness w1 {vkey} {url}\nquorum w1\n".encode()
    (world.site / "witnesses.policy").write_bytes(policy)
    with (world.site / "gateway.toml").open("a") as file:
        file.write('\n[audit]\nwitness_policy = "witnesses.policy"\nwitness_interval_s = 0.5\n')
    log = world.site / "var/audit"
    try:
        with world:
            body = msgspec.json.encode(lookup_body(world, world.citizens[0].id_number))
            assert send(world, sign(world, body)).status in {200, 503}
            until_s = time.monotonic() + LIMIT_S
            while witnessed_size(log) == 0 or told(world.url)["witness"] != "ok":
                assert time.monotonic() < until_s
                time.sleep(0.05)
            note = send(world, Draft("/log/checkpoint", {"Host": "a"}, method="GET")).body
            assert verify_checkpoint(note, key).size >= 1
            assert verify_witnessed(note, parse_policy(policy)).keys() == {"w1"}
            metrics = send(world, Draft("/metrics", {"Host": "a"}, method="GET")).body
            assert b"yizheng_audit_unwitnessed_seconds" in metrics
            witness.stop(signal.SIGKILL)
            for _ in range(3):  # nobody waits for it
                assert send(world, sign(world, body)).status == 200
    finally:
        witness.stop()


async def test_who_does_not_ask_loses_his_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "PATIENCE_S", 2)
    monkeypatch.setattr(server, "MAX_CONNECTION_COUNT", 2)
    async with witnesses(tmp_path, "w1") as found:
        port = int(found.url("w1").rpartition(":")[2])
        silent = [await asyncio.open_connection("127.0.0.1", port) for _ in range(3)]
        slow = silent[0][1]
        slow.write(b"POST /add-checkpoint HTTP/1.1\r\nHost: w\r\nContent-Length: 9\r\n\r\nold")
        async with asyncio.timeout(LIMIT_S):
            for reader, writer in silent:
                with suppress(ConnectionError):
                    assert await reader.read() == b""
                writer.close()
        async with aiohttp.ClientSession(found.url("w1")) as http, http.get("/healthz") as answer:
            assert answer.status == 200


class Killed:
    """A witness in a process of its own that is killed and started again."""

    def __init__(self, folder: Path) -> None:
        self.vkey = make_witness(folder / "w1", "witness.example/w1")
        State(folder / "w1").add_log(MEMORY_SIGNER.public)
        self.port = take_port()
        self.process = Process(
            "witness",
            ["gateway", "witness", "serve", str(folder / "w1"), f"--port={self.port}", "--json"],
            folder / "witness.log",
        )
        self.cosigned: list[Checkpoint] = []
        self.is_over = False

    def wait_for_the_first(self) -> None:
        """Return when it has cosigned anything; however long that takes a busy machine."""
        until_s = time.monotonic() + LIMIT_S
        while not self.cosigned:
            assert time.monotonic() < until_s, "it cosigned nothing"
            time.sleep(0.02)

    def ask_on(self, log: MemoryLog, start: int) -> None:
        """Take one history further and further, from whatever size the witness tells."""
        known = start
        while not self.is_over:
            new = min(known + 1 + start % 3, 400)
            try:
                connection = HTTPConnection("127.0.0.1", self.port, timeout=5)
                connection.request("POST", "/add-checkpoint", log.body(known, new))
                answer = connection.getresponse()
                body = answer.read()
                connection.close()
            except (OSError, HTTPException):  # it is dead, or was cut off
                time.sleep(0.02)
                continue
            if answer.status == 409:
                known = min(int(body), 399)
            elif answer.status == 200:
                self.cosigned.append(parse_checkpoint(parse_note(log.note(new)).text))
                known = new


def test_a_killed_witness_never_vouches_for_two_histories(tmp_path: Path) -> None:
    """`YIZHENG_KILLS` times, 50 at most."""
    logs = [MemoryLog(400), MemoryLog(400, fork_at=1, branch="c")]
    killed = Killed(tmp_path)
    askers = [threading.Thread(target=killed.ask_on, args=(logs[n % 2], n)) for n in range(4)]
    for asker in askers:
        asker.start()
    try:
        for number in range(KILLS):
            killed.process.start()
            killed.wait_for_the_first()  # without one there is nothing to contradict
            time.sleep(0.02 + 0.03 * (number % 5))  # the moment of the blow
            killed.process.stop(signal.SIGKILL)
        assert killed.process.start()["vkey"] == killed.vkey
        before = len(killed.cosigned)
        with urlopen(f"http://127.0.0.1:{killed.port}/healthz", timeout=LIMIT_S) as answer:
            assert answer.status == 200
    finally:
        killed.is_over = True
        for asker in askers:
            asker.join()
        assert killed.process.stop() == 0
    assert len(killed.cosigned) >= before > 0
    roots = {(checkpoint.size, checkpoint.root) for checkpoint in killed.cosigned}
    assert any(all(log.root(size) == root for size, root in roots) for log in logs)
    assert parse_vkey(killed.vkey, 4).name == "witness.example/w1"
