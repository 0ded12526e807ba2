# SPDX-License-Identifier: Apache-2.0
"""The supervisor: forks, watches, restarts and stops. No event loop, no thread."""

import asyncio
import os
import select
import signal
import socket
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from functools import partial
from typing import Final

import msgspec
import structlog

from gateway.config import Site
from gateway.errors import SetupError
from gateway.processes.child import EXIT_CONFIG, EXIT_FAULT, Child, run_child
from gateway.processes.indexer import indexer_of
from gateway.web.listener import Listener

_log = structlog.get_logger()
_BACKOFF_S: Final = (0.1, 0.25, 0.5, 1.0, 2.0, 5.0)
_MIN_LIFE_S: Final = 0.25
_STOP_MARGIN_S: Final = 3.0
_START_LIMIT_S: Final = 30.0
_STOP_POLL_S: Final = 0.02
_LOOK_S: Final = 1.0
_MAX_SILENT_COUNT: Final = 15


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
        # After the metrics folder is named, see `serve`.
        from gateway import app  # noqa: PLC0415
        from gateway.followers import followers  # noqa: PLC0415

        host, port = sock.getsockname()[:2]
        names = [f"worker-{number}" for number in range(1, workers + 1)]
        self._listeners: Final = {name: Listener(host, port) for name in names}
        self._site = site
        self._tls: Final = app.open_tls(site)
        self._reread_site: Final = app.reread_site
        self._sequencer: Final = Child(
            "sequencer",
            lambda stop, ready: app.run_sequencer(self._site, quit_event=stop, on_ready=ready),
        )
        self._workers: Final = [
            Child(name, partial(self._run_worker, app.run_worker, name)) for name in names
        ]
        self._followers: Final = [
            Child(name, partial(self._run_follower, run))
            for name, run in {**followers(site), **indexer_of(site)}.items()
        ]
        self._children: Final = [self._sequencer, *self._followers, *self._workers]
        self._state_file: Final = site.state / "processes.json"
        self._drain_s: Final = site.config.http.drain_s
        self._on_ready: Final = on_ready
        self._announced = False
        self._stopping = self._reloading = self._state_is_due = False
        self._look_at_s = 0.0
        self._life_read, self._life_write = os.pipe()
        self._wake_read, self._wake_write = os.pipe()
        os.set_blocking(self._wake_read, False)
        os.set_blocking(self._wake_write, False)

    def run(self) -> int:
        """Supervise until SIGTERM or SIGINT, reloading at SIGHUP; returns the exit code."""
        signal.set_wakeup_fd(self._wake_write)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_stop_signal)
        signal.signal(signal.SIGHUP, self._on_reload_signal)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        began_s = time.monotonic()
        while not self._stopping:
            self._reap()
            if (code := self._failed_start(began_s)) is not None:
                self._stop()
                return code
            if self._reloading:
                self._reload()
            self._start_due()
            self._watch()
            self._wait(self._next_wake_s())
        self._stop()
        return 0

    def _on_stop_signal(self, _number: int, _frame: object) -> None:
        self._stopping = True

    def _on_reload_signal(self, _number: int, _frame: object) -> None:
        self._reloading = True

    def _reload(self) -> None:
        """Have workers take agencies, grants, items, TLS; later ones are born with them."""
        self._reloading = False
        if self._tls is not None:
            self._tls.reload()
        try:
            self._site = self._reread_site(self._site)
        except SetupError as error:
            _log.error("reload refused, the last good site stays", error=error.detail)
        for worker in _running(self._workers):
            if worker.ready:
                os.kill(worker.pid, signal.SIGHUP)
            else:
                worker.reload_due = True

    def _run_worker(
        self,
        run: Callable[..., Awaitable[None]],
        name: str,
        stop: asyncio.Event,
        ready: Callable[[], None],
    ) -> Awaitable[None]:
        sock = self._listeners[name].open()
        return run(self._site, sock, tls=self._tls, quit_event=stop, on_ready=ready, name=name)

    def _run_follower(
        self, run: Callable[..., Awaitable[None]], stop: asyncio.Event, ready: Callable[[], None]
    ) -> Awaitable[None]:
        return run(self._site, quit_event=stop, on_ready=ready)

    def _start_due(self) -> None:
        now_s = time.monotonic()
        for child in self._children:
            # All others wait for the sequencer at a first start: no first answer is a 503.
            waits = child is not self._sequencer and not self._announced
            if waits and not self._sequencer.ready:
                continue
            if not child.is_running and now_s >= child.start_at_s:
                self._start(child)

    def _start(self, child: Child) -> None:
        """Fork a child; one that cannot be forked now is put off like one that ended at once."""
        try:
            if child.name in self._listeners:
                self._listeners[child.name].open()
            pid, ready_read, ready_write = _fork()
        except (OSError, SetupError) as error:
            child.failures += 1
            child.last_code = EXIT_CONFIG if isinstance(error, SetupError) else EXIT_FAULT
            delay_s = self._put_off(child, lived_s=0.0)
            _log.error(
                "process cannot be started",
                name=child.name,
                error=str(error),
                restart_in_s=round(delay_s, 3),
            )
            return
        if pid == 0:
            self._close_listeners(but=child.name)
            os.close(self._life_write)
            os.close(ready_read)
            run_child(child, self._life_read, ready_write)
        os.close(ready_write)
        child.pid, child.ready_fd = pid, ready_read
        child.ready = child.reload_due = False
        child.silent_count = 0
        child.started_at_s = time.monotonic()
        self._write_state()

    def _watch(self) -> None:
        """Kill a sequencer that hangs: all that it has acknowledged is durable.

        Looks are counted and not seconds, so that a machine that slept finds nobody silent.
        """
        child, now_s = self._sequencer, time.monotonic()
        if now_s < self._look_at_s:
            return
        self._look_at_s = now_s + _LOOK_S
        if self._state_is_due:
            self._write_state()
        child.silent_count += child.ready
        if child.silent_count > _MAX_SILENT_COUNT:
            _log.error("process hangs and is killed", name=child.name, looks=child.silent_count)
            os.kill(child.pid, signal.SIGKILL)
            child.silent_count = 0

    def _close_listeners(self, *, but: str = "") -> None:
        for name in self._listeners.keys() - {but}:
            self._listeners[name].close()

    def _wait(self, timeout_s: float) -> None:
        fds = {child.ready_fd: child for child in self._children if child.ready_fd >= 0}
        readable, _, _ = select.select([self._wake_read, *fds], [], [], timeout_s)
        for fd in readable:
            if fd == self._wake_read:
                os.read(fd, 512)
                continue
            self._hear(fds[fd])
        if not self._announced and all(child.ready for child in self._children):
            self._announced = True
            self._on_ready()

    def _hear(self, child: Child) -> None:
        """Take a sign of life; the first one says that it serves."""
        if not os.read(child.ready_fd, 512):
            _hang_up(child)
            return
        child.silent_count = 0
        if not child.ready and child.reload_due:
            os.kill(child.pid, signal.SIGHUP)
        child.ready = True

    def _next_wake_s(self) -> float:
        waiting = [c.start_at_s for c in self._children if not c.is_running and c.start_at_s]
        if not self._announced:
            return 0.5
        return max(0.0, min([*waiting, self._look_at_s]) - time.monotonic())

    def _put_off(self, child: Child, lived_s: float) -> float:
        """Have a child that is not there started later; returns in how many seconds."""
        if child.failures and child.name in self._listeners:
            self._listeners[child.name].close()  # nobody shall wait for who cannot start
        delay_s = _delay_s(child.failures, lived_s)
        child.start_at_s = time.monotonic() + delay_s
        return delay_s

    def _reap(self) -> None:
        for child in self._children:
            if not child.is_running:
                continue
            pid, status = os.waitpid(child.pid, os.WNOHANG)
            if pid == 0:
                continue
            lived_s = time.monotonic() - child.started_at_s
            child.failures = 0 if child.ready else child.failures + 1
            child.last_code = os.waitstatus_to_exitcode(status)
            _forget_metrics(pid)
            child.pid, child.ready = 0, False
            _hang_up(child)
            delay_s = self._put_off(child, lived_s)
            _log.warning(
                "process ended",
                name=child.name,
                code=child.last_code,
                lived_s=round(lived_s, 3),
                restart_in_s=round(delay_s, 3),
            )
            self._write_state()  # until it is back: its pid may be anybody's by then

    def _failed_start(self, began_s: float) -> int | None:
        """Before the first readiness a failure is the operator's to mend, not ours to repeat."""
        if self._announced:
            return None
        if failed := [child for child in self._children if child.failures]:
            is_setup = any(child.last_code == EXIT_CONFIG for child in failed)
            return EXIT_CONFIG if is_setup else EXIT_FAULT
        if time.monotonic() - began_s > _START_LIMIT_S:
            _log.error("not ready in time", limit_s=_START_LIMIT_S)
            return EXIT_FAULT
        return None

    def _stop(self) -> None:
        self._close_listeners()
        self._end(self._workers, self._drain_s + _STOP_MARGIN_S)
        self._end([*self._followers, self._sequencer], _STOP_MARGIN_S)
        with suppress(OSError):  # on a disk that takes nothing any more
            self._state_file.unlink(missing_ok=True)

    def _end(self, children: list[Child], limit_s: float) -> None:
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
        """Name the running processes; what cannot be written now is tried again at each look."""
        pids = {child.name: child.pid for child in self._children if child.is_running}
        draft = self._state_file.with_suffix(".new")
        was_due, self._state_is_due = self._state_is_due, False
        try:
            draft.write_bytes(msgspec.json.encode({"supervisor": os.getpid(), **pids}))
            draft.replace(self._state_file)
        except OSError as error:
            self._state_is_due = True
            if not was_due:
                _log.error("processes.json cannot be written", error=error.strerror)


def _fork() -> tuple[int, int, int]:
    """Fork; returns the pid, 0 in the child, and both ends of a pipe from it.

    Raises:
        OSError: no process or descriptor is to be had; nothing is left open.
    """
    ready_read, ready_write = os.pipe()
    try:
        return os.fork(), ready_read, ready_write
    except OSError:
        os.close(ready_read)
        os.close(ready_write)
        raise


def _forget_metrics(pid: int) -> None:
    from gateway.web.metrics import (  # noqa: PLC0415 - prometheus_client reads its folder at import
        mark_process_dead,
    )

    with suppress(OSError):  # what it showed last may be shown on; it decides nothing
        mark_process_dead(pid)


def _delay_s(failures: int, lived_s: float) -> float:
    """Seconds to wait: ever longer after starts that fail, else at most four starts a second."""
    if failures:
        return _BACKOFF_S[min(failures, len(_BACKOFF_S)) - 1]
    return max(0.0, _MIN_LIFE_S - lived_s)


def _hang_up(child: Child) -> None:
    if child.ready_fd >= 0:
        os.close(child.ready_fd)
        child.ready_fd = -1


def _running(children: list[Child]) -> Iterator[Child]:
    return (child for child in children if child.is_running)
