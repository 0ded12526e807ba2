# SPDX-License-Identifier: Apache-2.0
"""Feeds a sequencer as a worker would: `python -m bench.system.feeder`, a process of its own.

It makes its entries, says `ready`, waits for a line on stdin, and appends them with a claim each.
"""

import argparse
import asyncio
import secrets
import sys
import time
from pathlib import Path
from typing import Final

import msgspec
import uvloop

from gateway.audit.client import SequencerClient
from gateway.errors import AuditError
from gateway.ports import Appended, Claim, Quota
from gateway.sdk import Deadline
from tests.unit.audit.samples import KEYID, entry_bytes

#: Entries on their way at once, as behind a saturated worker.
CALLERS: Final = 256
_PER_S: Final = 20_000
_WINDOW_S: Final = 65
_CAP: Final = 1_000_000_000
#: Before what was not even sent is tried again; at once, nobody would let the loop send anything.
_PAUSE_S: Final = 0.01


class Fed(msgspec.Struct, frozen=True):
    """What a feeder was told."""

    count: int
    refused_count: int
    seconds: float


async def _feed(client: SequencerClient, entries: list[tuple[bytes, Claim]], until_s: float) -> Fed:
    began_s = time.monotonic()
    count = refused = 0

    async def call() -> None:
        nonlocal count, refused
        while entries and time.monotonic() < until_s:
            entry, claim = entries.pop()
            try:
                said = await client.append(entry, Deadline.after(5), claim=claim)
            except AuditError as error:
                if (
                    error.code == "OVERLOADED"
                ):  # not sent: the socket is full, and is read meanwhile
                    entries.append((entry, claim))
                    await asyncio.sleep(_PAUSE_S)
                else:
                    refused += 1
                continue
            count += isinstance(said, Appended)
            refused += not isinstance(said, Appended)

    async with asyncio.TaskGroup() as tasks:
        for _ in range(CALLERS):
            tasks.create_task(call())
    return Fed(count, refused, time.monotonic() - began_s)


def _make(count: int) -> list[tuple[bytes, Claim]]:
    now_s = int(time.time())
    day = time.strftime("%Y-%m-%d", time.gmtime(now_s + 8 * 3600))
    made = []
    for number in range(count):
        nonce = secrets.token_urlsafe(16)
        entry = entry_bytes(number, at_s=now_s, created=now_s, signed_nonce=nonce)
        claim = Claim(KEYID, nonce, now_s + _WINDOW_S, Quota("yq-gjj", day, _CAP))
        made.append((entry, claim))
    return made


async def _run(path: Path, seconds: float) -> Fed:
    client = SequencerClient(path)
    await client.open()
    try:
        entries = _make(int(_PER_S * seconds))
        print("ready", flush=True)
        sys.stdin.readline()
        return await _feed(client, entries, time.monotonic() + seconds)
    finally:
        await client.aclose()


def main() -> None:
    """`python -m bench.system.feeder --socket FILE --seconds N`."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--socket", type=Path, required=True)
    parser.add_argument("--seconds", type=float, required=True)
    options = parser.parse_args()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        fed = runner.run(_run(options.socket, options.seconds))
    sys.stdout.buffer.write(msgspec.json.encode(fed) + b"\n")


if __name__ == "__main__":
    main()
