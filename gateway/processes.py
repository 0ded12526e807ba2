# SPDX-License-Identifier: Apache-2.0
"""`yizheng serve`: one supervisor over one sequencer and N workers.

1. The supervisor forks children from a process that has loaded everything and started nothing: no
   event loop, no thread. So a child is up in milliseconds, and a restart uses the very
   configuration that was checked.
2. A child that dies is started again at once; one that cannot start, ever later up to 5 s.
3. Without a sequencer workers stay up and refuse: no record, no answer.
4. A stop drains: workers first, then the sequencer. Children leave by themselves when the
   supervisor is killed, because the pipe that only it holds open ends.

State: `var/processes.json` names the running processes, for operators and tests.
"""

import asyncio
import fcntl
import gc
import os
import select
import shutil
import signal
import socket
import sys
import time
import traceback
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Final

import msgspec
import structlog

from gateway.config import Site
from gateway.errors import GatewayError, SetupError
from gateway.log import configure_logs

_log = structlog.get_logger()

#: sysexits.h: the configuration cannot be used.
EXIT_CONFIG: Final = 78
_EXIT_FAULT: Final = 70
_BACKOFF_S: Final = (0.1, 0.25, 0.5, 1.0, 2.0, 5.0)
_MIN_LIFE_S: Final = 0.25
_STOP_MARGIN_S: Final = 3.0
_START_LIMIT_S: Final = 30.0
_STOP_POLL_S: Final = 0.02

Run = Callable[[asyncio.Event, Callable[[], None]], Awaitable[None]]


class _Child:
    """One supervised process and its history."""

    def __init__(self, name: str, run: Run) -> None:
        self.name: Final = name
        self.run: Final = run
        self.pid = 0
        self.ready_fd = -1
        self.ready = False
        self.started_at_s = 0.0
        self.failures = 0
        self.start_at_s = 0.0

    @property
    def is_running(self) -> bool:
        return self.pid != 0


class Supervisor:
    """Starts, watches, restarts and stops the processes of one site.

    Args:
        site: checked by `gateway.app.check_site`.
        sock: bound, not listening; each worker listens on the same address.
        on_ready: called once, when all processes have answered.
    """

    def __init__(
        self, site: Site, sock: socket.socket, *, workers: int, on_ready: Callable[[], None]
    ) -> None:
        from gateway import app  # noqa: PLC0415 - after the metrics folder is named, see `serve`
        from gateway.web.server import bind  # noqa: PLC0415

        host, port = sock.getsockname()[:2]
        self._sequencer: Final = _Child(
            "sequencer",
            lambda stop, ready: app.run_sequencer(site, quit_event=stop, on_ready=ready),
        )
        self._workers: Final = [
            _Child(
                f"worker-{number}",
                lambda stop, ready: app.run_worker(
                    site, bind(host, port), quit_event=stop, on_ready=ready
                ),
            )
            for number in range(1, workers + 1)
        ]
        self._children: Final = [self._sequencer, *self._workers]
        self._state_file: Final = site.state / "processes.json"
        self._drain_s: Final = site.config.http.drain_s
        self._on_ready: Final = on_ready
        self._announced = False
        self._stopping = False
        self._life_read, self._life_write = os.pipe()
        self._wake_read, self._wake_write = os.pipe()
        os.set_blocking(self._wake_read, False)
        os.set_blocking(self._wake_write, False)

    def run(self) -> int:
        """Supervise until SIGTERM or SIGINT; returns the exit code."""
        signal.set_wakeup_fd(self._wake_write)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_stop_signal)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        began_s = time.monotonic()
        while not self._stopping:
            self._reap()
            if (code := self._failed_start(began_s)) is not None:
                self._stop()
                return code
            self._start_due()
            self._wait(self._next_wake_s())
        self._stop()
        return 0

    def _on_stop_signal(self, _number: int, _frame: object) -> None:
        self._stopping = True

    def _start_due(self) -> None:
        now_s = time.monotonic()
        for child in self._children:
            # Workers of a first start wait for the sequencer, so that the first answer is no 503.
            waits = child is not self._sequencer and not self._announced
            if waits and not self._sequencer.ready:
                continue
            if not child.is_running and now_s >= child.start_at_s:
                self._fork(child)
                self._write_state()

    def _fork(self, child: _Child) -> None:
        ready_read, ready_write = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.close(self._life_write)
            os.close(ready_read)
            _run_child(child, self._life_read, ready_write)
        os.close(ready_write)
        child.pid, child.ready_fd, child.ready = pid, ready_read, False
        child.started_at_s = time.monotonic()

    def _wait(self, timeout_s: float | None) -> None:
        fds = {child.ready_fd: child for child in self._children if child.ready_fd >= 0}
        readable, _, _ = select.select([self._wake_read, *fds], [], [], timeout_s)
        for fd in readable:
            if fd == self._wake_read:
                os.read(fd, 512)
                continue
            child = fds[fd]
            child.ready = os.read(fd, 1) == b"."
            os.close(fd)
            child.ready_fd = -1
        if not self._announced and all(child.ready for child in self._children):
            self._announced = True
            self._on_ready()

    def _next_wake_s(self) -> float | None:
        waiting = [c.start_at_s for c in self._children if not c.is_running and c.start_at_s]
        if not self._announced:
            return 0.5
        return max(0.0, min(waiting) - time.monotonic()) if waiting else None

    def _reap(self) -> None:
        for child in self._children:
            if not child.is_running:
                continue
            pid, status = os.waitpid(child.pid, os.WNOHANG)
            if pid == 0:
                continue
            lived_s = time.monotonic() - child.started_at_s
            child.failures = 0 if child.ready else child.failures + 1
            delay_s = _delay_s(child.failures, lived_s)
            child.pid, child.ready = 0, False
            child.start_at_s = time.monotonic() + delay_s
            _log.warning(
                "process ended",
                name=child.name,
                code=os.waitstatus_to_exitcode(status),
                lived_s=round(lived_s, 3),
                restart_in_s=round(delay_s, 3),
            )

    def _failed_start(self, began_s: float) -> int | None:
        """Before the first readiness a failure is the operator's to mend, not ours to repeat."""
        if self._announced:
            return None
        if any(child.failures for child in self._children):
            return EXIT_CONFIG
        if time.monotonic() - began_s > _START_LIMIT_S:
            _log.error("not ready in time", limit_s=_START_LIMIT_S)
            return _EXIT_FAULT
        return None

    def _stop(self) -> None:
        self._end(self._workers, self._drain_s + _STOP_MARGIN_S)
        self._end([self._sequencer], _STOP_MARGIN_S)
        self._state_file.unlink(missing_ok=True)

    def _end(self, children: list[_Child], limit_s: float) -> None:
        for child in _running(children):
            os.kill(child.pid, signal.SIGTERM)
        until_s = time.monotonic() + limit_s
        while any(_running(children)) and time.monotonic() < until_s:
            for child in _running(children):
                if os.waitpid(child.pid, os.WNOHANG)[0]:
                    child.pid = 0
            if any(_running(children)):
                time.sleep(_STOP_POLL_S)
        for child in _running(children):
            os.kill(child.pid, signal.SIGKILL)
            os.waitpid(child.pid, 0)
            child.pid = 0

    def _write_state(self) -> None:
        pids = {child.name: child.pid for child in self._children if child.is_running}
        draft = self._state_file.with_suffix(".new")
        draft.write_bytes(msgspec.json.encode({"supervisor": os.getpid(), **pids}))
        draft.replace(self._state_file)


def _delay_s(failures: int, lived_s: float) -> float:
    """Seconds to wait: ever longer after starts that fail, else at most four starts a second."""
    if failures:
        return _BACKOFF_S[min(failures, len(_BACKOFF_S)) - 1]
    return max(0.0, _MIN_LIFE_S - lived_s)


def _running(children: list[_Child]) -> Iterator[_Child]:
    return (child for child in children if child.is_running)


def _run_child(child: _Child, life_fd: int, ready_fd: int) -> None:
    """The whole life of a forked process; never returns."""
    code = _EXIT_FAULT
    try:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the supervisor's to hear
        configure_logs(child.name)
        import uvloop  # noqa: PLC0415 - the loop belongs to the child

        uvloop.run(_until_told(child, life_fd, ready_fd))
        code = 0
    except GatewayError as error:
        _log.error("cannot run", error=str(error))
        code = EXIT_CONFIG
    except BaseException as error:  # noqa: BLE001 - the last frame of a process
        frames = [
            f"{f.filename.rpartition('/')[2]}:{f.lineno}"
            for f in traceback.extract_tb(error.__traceback__)
        ]
        _log.error("process failed", kind=type(error).__name__, frames=frames[-8:])
    finally:
        sys.stderr.flush()
        os._exit(code)


async def _until_told(child: _Child, life_fd: int, ready_fd: int) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, stop.set)

    def on_life_end() -> None:
        loop.remove_reader(life_fd)
        stop.set()

    loop.add_reader(life_fd, on_life_end)

    def ready() -> None:
        os.write(ready_fd, b".")
        os.close(ready_fd)

    await child.run(stop, ready)


def serve(
    site: Site,
    *,
    workers: int,
    port: int,
    on_ready: Callable[[str], None],
) -> int:
    """Run the gateway of a site until it is told to stop.

    Args:
        on_ready: told the URL once all processes answer.

    Returns:
        The exit code: 0 after a stop, 78 for a configuration that cannot be used.

    Raises:
        SetupError: found before anything was started.
    """
    site.state.mkdir(mode=0o700, exist_ok=True)
    lock = _lock(site.state)
    _empty_metrics_folder(site.state / "metrics")
    from gateway.app import check_site  # noqa: PLC0415 - prometheus_client reads its folder at import
    from gateway.web.server import bind  # noqa: PLC0415

    check_site(site)
    sock = bind(site.config.http.host, port)
    host, bound_port = sock.getsockname()[:2]
    url = f"http://{f'[{host}]' if ':' in host else host}:{bound_port}"
    supervisor = Supervisor(site, sock, workers=workers, on_ready=lambda: on_ready(url))
    gc.collect()
    gc.freeze()
    try:
        return supervisor.run()
    finally:
        sock.close()
        os.close(lock)


def _lock(state: Path) -> int:
    """Take the site. Children hold the lock too, so it is free only when all have gone."""
    fd = os.open(state / "serve.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(fd)
        raise SetupError(
            "another gateway is serving this site",
            where=str(state),
            remedy="stop it first; processes.json in that folder names its processes.",
        ) from None
    return fd


def _empty_metrics_folder(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700)
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(folder)
