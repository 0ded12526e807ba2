# SPDX-License-Identifier: Apache-2.0
"""What the supervisor itself cannot do costs one start of one process, and nothing else."""

import errno
import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from fixtures.world import World
from gateway.config import load_site
from gateway.processes.child import EXIT_CONFIG, EXIT_FAULT
from gateway.processes.supervisor import Supervisor
from gateway.web.listener import bind


def descriptors() -> set[str]:
    return {path.name for path in Path("/proc/self/fd").iterdir()}


@pytest.fixture
def sock() -> Iterator[socket.socket]:
    with bind("127.0.0.1", 0) as bound:
        yield bound


@pytest.fixture
def supervisor(tmp_path: Path, sock: socket.socket) -> Supervisor:
    """Of a site in which nothing runs: what it would fork is not called."""
    return Supervisor(
        load_site(World(tmp_path).site), sock, workers=1, on_ready=lambda: pytest.fail("ready")
    )


def no_process() -> int:
    raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))


def test_without_a_process_to_be_had_a_start_is_put_off_and_nothing_is_left_open(
    supervisor: Supervisor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "fork", no_process)
    before, (worker,) = descriptors(), supervisor._workers
    for failures in (1, 2):
        supervisor._start(worker)
        assert (worker.is_running, worker.failures) == (False, failures)
        assert worker.start_at_s > time.monotonic()
        assert descriptors() == before


@pytest.mark.parametrize("is_config", [False, True])
def test_before_the_first_readiness_it_fails_the_whole_start(
    supervisor: Supervisor, sock: socket.socket, monkeypatch: pytest.MonkeyPatch, is_config: bool
) -> None:
    monkeypatch.setattr(os, "fork", no_process)
    if is_config:  # somebody has the port for himself
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, False)
        sock.listen()
    supervisor._start(supervisor._workers[0])
    code = EXIT_CONFIG if is_config else EXIT_FAULT
    assert supervisor._failed_start(time.monotonic()) == code
