# SPDX-License-Identifier: Apache-2.0
"""A piece of randomness is dealt once: to one call, one thread, one process."""

import os
from concurrent.futures import ThreadPoolExecutor

from gateway.crypto.random import PIECE_BYTES, random_piece

COUNT = 2_000


def test_no_piece_comes_twice() -> None:
    pieces = [random_piece() for _ in range(COUNT)]
    assert len(set(pieces)) == COUNT
    assert {len(piece) for piece in pieces} == {PIECE_BYTES}


def test_threads_share_no_piece() -> None:
    with ThreadPoolExecutor(8) as pool:
        dealt = list(pool.map(lambda _: [random_piece() for _ in range(COUNT)], range(8)))
    assert len({piece for pieces in dealt for piece in pieces}) == 8 * COUNT


def test_a_child_has_a_supply_of_its_own() -> None:
    random_piece()  # so that there is one to inherit
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.write(writing, b"".join(random_piece() for _ in range(100)))
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        dealt = pipe.read()
    os.waitpid(pid, 0)
    theirs = {dealt[at : at + PIECE_BYTES] for at in range(0, len(dealt), PIECE_BYTES)}
    assert len(theirs) == 100
    assert theirs.isdisjoint(random_piece() for _ in range(300))
