# SPDX-License-Identifier: Apache-2.0
"""F-18: the same signed bytes, many times at once, over connections to both workers.

Accepted exactly once; every other copy is refused and recorded. What was accepted is remembered by
the log itself, so a sequencer that was killed knows it, too.

Each node keeps a log, and nonces, of its own. A request is signed for one host name, so between
nodes of different names it is accepted once in all. Nodes that share a name accept it once each:
docs/reference/wire.md says what operators do about it.

The worlds are patient: what is counted is who was accepted, and on a busy machine a copy that is
refused for want of time would be counted, too.
"""

import contextlib
import itertools
import os
import shutil
import signal
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec
import pytest

from fixtures.world import World
from tests.integration.wire import Draft, log_entries, lookup_body, send, sign

COPIES = int(os.environ.get("YIZHENG_COPIES", "200"))
AT_ONCE = 32
RETURN_LIMIT_S = 60.0
#: Longer than any department or log takes, shorter than `send` waits.
PATIENCE_S = 15


def patient(world: World) -> World:
    """A site that gives each request as long as it takes, and refuses none for its work."""
    config = world.site / "gateway.toml"
    text = config.read_text().replace("deadline_s = 5", f"deadline_s = {PATIENCE_S}")
    config.write_text(text.replace("[http]\n", "[http]\nmax_wait_ms = 1000\n"))
    return world


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with (
        tempfile.TemporaryDirectory(prefix="yz-") as folder,
        patient(World(Path(folder), workers=2)) as running,
    ):
        yield running


SHARED_NAME = "gateway.example"
OWN_NAMES = ("node-1.gateway.example", "node-2.gateway.example")


@pytest.fixture(scope="module")
def nodes(world: World) -> Iterator[tuple[World, World]]:
    """Two gateways with the same agency and key; each has a name of its own and a shared one."""
    with tempfile.TemporaryDirectory(prefix="yz-") as folder, contextlib.ExitStack() as running:
        made = []
        for name in OWN_NAMES:
            (Path(folder) / name[:6]).mkdir()
            node = patient(World(Path(folder) / name[:6]))
            config = node.site / "gateway.toml"
            names = f'[http]\nauthorities = ["{name}", "{SHARED_NAME}"]\n'
            config.write_text(config.read_text().replace("[http]\n", names))
            agencies = world.site / "agencies"
            shutil.copytree(agencies, node.site / "agencies", dirs_exist_ok=True)
            made.append(running.enter_context(node))
        yield made[0], made[1]


def signed(world: World, **fields: str) -> Draft:
    number = world.citizen_with_account().id_number
    return sign(world, msgspec.json.encode(lookup_body(world, number)), fields=fields)


def send_copies(world: World, draft: Draft, *others: World) -> Counter[tuple[int, str]]:
    """Send all copies, to each world in turn; counts what was answered."""
    content = draft.encode()
    peers = itertools.islice(itertools.cycle((world, *others)), COPIES)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        answers = pool.map(lambda peer: send(peer, content), peers)
        return Counter((a.status, a.document.get("code", "")) for a in answers)


def kill_sequencer(world: World) -> None:
    """Kill it and return when lookups are answered again."""
    os.kill(world.pids()["sequencer"], signal.SIGKILL)
    until_s = time.monotonic() + RETURN_LIMIT_S
    while send(world, signed(world)).status != 200:
        assert time.monotonic() < until_s, "the sequencer did not come back"


def test_of_many_copies_one_is_accepted_and_all_are_recorded(
    world: World, record_property: Callable[[str, object], None]
) -> None:
    draft = signed(world)
    start = len(log_entries(world))
    replayed = (401, "NONCE_REPLAYED")
    assert send_copies(world, draft) == {(200, ""): 1, replayed: COPIES - 1}
    codes = Counter(entry.code for entry in log_entries(world, start))
    assert codes == {None: 1, "NONCE_REPLAYED": COPIES - 1}

    kill_sequencer(world)
    start = len(log_entries(world))
    assert send_copies(world, draft) == {replayed: COPIES}
    codes = Counter(entry.code for entry in log_entries(world, start))
    assert codes == {"NONCE_REPLAYED": COPIES}
    record_property("copies", 2 * COPIES)
    record_property("accepted", 1)


def test_a_kill_amid_the_copies_lets_none_of_them_twice(world: World) -> None:
    draft = signed(world)
    with ThreadPoolExecutor(1) as pool:
        copies = pool.submit(send_copies, world, draft)
        kill_sequencer(world)
        answered = copies.result() + send_copies(world, draft)
    assert set(answered) <= {(200, ""), (401, "NONCE_REPLAYED"), (503, "AUDIT_UNAVAILABLE")}
    assert answered[200, ""] <= 1


def test_of_copies_to_nodes_of_different_names_one_is_accepted_in_all(
    world: World, nodes: tuple[World, World], record_property: Callable[[str, object], None]
) -> None:
    for name in OWN_NAMES:
        answered = send_copies(nodes[0], signed(world, Host=name), nodes[1])
        assert answered == {
            (200, ""): 1,
            (401, "NONCE_REPLAYED"): COPIES // 2 - 1,
            (421, "AUTHORITY_UNKNOWN"): COPIES // 2,
        }
    record_property("copies_of_each", COPIES)
    record_property("accepted_of_each", 1)


def test_nodes_that_share_a_name_accept_a_request_once_each(
    world: World, nodes: tuple[World, World]
) -> None:
    answered = send_copies(nodes[0], signed(world, Host=SHARED_NAME), nodes[1])
    assert answered == {(200, ""): 2, (401, "NONCE_REPLAYED"): COPIES - 2}
