# SPDX-License-Identifier: Apache-2.0
"""A simulator says when it is ready, and goes with whoever started it."""

import signal
import subprocess
import sys

import pytest

SIMULATOR = """
import asyncio
from gateway.sdk.kits.simulator import announce, stop_event

async def main():
    stop = stop_event()
    announce({"port": 1})
    await stop.wait()

asyncio.run(main())
"""
#: Starts a simulator that shares its standard output, waits until it is ready, and is gone.
STARTER = f"""
import os, subprocess, sys
reader, writer = os.pipe()
subprocess.Popen([sys.executable, "-c", {SIMULATOR!r}], stdout=writer)
os.read(reader, 100)
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_announces_itself_and_ends_at_a_signal(number: signal.Signals) -> None:
    with subprocess.Popen([sys.executable, "-c", SIMULATOR], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b'{"port":1}\n'
        process.send_signal(number)
        assert process.wait(10) == 0


def test_it_ends_when_its_starter_is_gone() -> None:
    with subprocess.Popen([sys.executable, "-c", STARTER], stderr=subprocess.PIPE) as starter:
        assert starter.stderr is not None
        assert starter.stderr.read() == b""  # the end of the file: the simulator has ended too
