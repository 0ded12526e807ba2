# SPDX-License-Identifier: Apache-2.0
"""F-18: the same signed bytes, many times at once, over connections to both workers.

Accepted exactly once; every other copy is refused and recorded. What was accepted is remembered by
the log itself, so a sequencer that was killed knows it, too.
"""

import os
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
RETURN_LIMIT_S = 10.0


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with tempfile.TemporaryDirectory(prefix="yz-") as folder, World(Path(folder), workers=2) as w:
        yield w


def signed(world: World) -> Draft:
    number = world.citizen_with_account().id_number
    return sign(world, msgspec.json.encode(lookup_body(world, number)))


def send_copies(world: World, draft: Draft) -> Counter[tuple[int, str]]:
    """Send all copies; counts what was answered."""
    content = draft.encode()
    with ThreadPoolExecutor(AT_ONCE) as pool:
        answers = pool.map(lambda _: send(world, content), range(COPIES))
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
