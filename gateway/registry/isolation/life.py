# SPDX-License-Identifier: Apache-2.0
"""One life of an adapter's process, from the worker's side: started, watched, ended, never reused.

It is asked every `BEAT_S` whether its loop runs. `STALL_BEATS` without a word is a stall, which is
told; `HANG_BEATS` is a hang, which is ended by SIGKILL. Beats are counted, not timed: a worker that
was stopped itself blames nobody.
"""

import asyncio
import os
import signal
import socket
import sys
from contextlib import suppress
from typing import Any, Final, Protocol

from msgspec import MsgspecError

from gateway.errors import AdapterUnavailable, SetupError
from gateway.registry.isolation.frames import (
    Alive,
    Answered,
    Ask,
    Beat,
    Cancel,
    Failed,
    Left,
    Ready,
    Start,
    Tell,
    Told,
    Unready,
    format_frame,
    parse_reply,
    read_frame,
)
from gateway.sdk import Changed

BEAT_S: Final = 0.25
STALL_BEATS: Final = 3
HANG_BEATS: Final = 20
#: Seconds in which a child that is told to end has closed its adapter.
_END_S: Final = 5.0


class Offences(Protocol):
    """Who is told what the child does; must not raise."""

    def note_stall(self) -> None:
        """Its loop does not run."""

    def note_leak(self, names: list[str]) -> None:
        """It left tasks behind."""

    def note_exit(self) -> None:
        """It ended without being told to."""


class Life:
    """A child that runs."""

    def __init__(
        self,
        process: asyncio.subprocess.Process,
        streams: tuple[asyncio.StreamReader, asyncio.StreamWriter],
        offences: Offences,
        changed: Changed,
    ) -> None:
        self._process: Final = process
        self._reader, self._writer = streams
        self._offences: Final = offences
        self._changed: Final = changed
        self._tellings: Final[set[asyncio.Task[None]]] = set()
        self._waiting: Final[dict[int, asyncio.Future[Answered | Failed]]] = {}
        self._opened: Final[asyncio.Future[Ready | Unready]] = (
            asyncio.get_running_loop().create_future()
        )
        self._count = 0
        self._missed = 0
        self._is_told_to_end = False
        self._is_over = False
        self._running: Final = asyncio.create_task(self._run())

    @classmethod
    async def begin(cls, start: Start, offences: Offences, changed: Changed) -> "Life":
        """Start a child and open its adapter.

        Args:
            start: what the child is told first.
            offences: told what it does.
            changed: told what its adapter learns of holders.

        Raises:
            SetupError: the adapter cannot be opened.
        """
        ours, theirs = socket.socketpair()
        with theirs:
            try:  # first: between the child's start and its life nobody can cancel
                streams = await asyncio.open_connection(sock=ours)
            except BaseException:
                ours.close()
                raise
            try:
                process = await asyncio.create_subprocess_exec(
                    *(sys.executable, "-P", "-m", "gateway.registry.isolation.child"),
                    str(theirs.fileno()),
                    pass_fds=(theirs.fileno(),),
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=asyncio.subprocess.DEVNULL,
                )
            except BaseException:
                streams[1].close()
                raise
        life = cls(process, streams, offences, changed)
        try:
            life._writer.write(format_frame(0, start))
            opened = await life._opened
        except BaseException:
            await life.end()
            raise
        if isinstance(opened, Unready):
            await life.end()
            error = SetupError(opened.detail)
            error.where = opened.where
            raise error
        return life

    async def ask(self, ask: Ask) -> Answered | Failed:
        """Make one call; a caller that leaves has it cancelled there, too.

        Raises:
            AdapterUnavailable: the child ended before it answered.
        """
        if self._is_over:
            raise AdapterUnavailable("its process has ended", retry_after_s=1)
        self._count += 1
        number = self._count
        frame = format_frame(number, ask)  # what cannot be written leaves nobody waiting
        answer: asyncio.Future[Answered | Failed] = asyncio.get_running_loop().create_future()
        self._waiting[number] = answer
        self._writer.write(frame)
        try:
            return await answer
        except asyncio.CancelledError:
            if self._waiting.pop(number, None) is not None and not self._is_over:
                self._writer.write(format_frame(number, Cancel()))
            raise

    async def over(self) -> None:
        """Wait until the child has ended and everybody has been told."""
        await asyncio.wait((self._running,))

    async def end(self) -> None:
        """Have the child close its adapter and end; kill it if it does not, or if nobody waits."""
        self._is_told_to_end = True
        self._writer.close()
        try:
            # Not `asyncio.timeout`: who ends a life has often been cancelled, and before Python
            # 3.11.4 no timeout that begins in a cancelled task ends in a `TimeoutError`.
            await asyncio.wait((self._running,), timeout=_END_S)
        finally:
            self._kill()
            await self.over()

    async def _run(self) -> None:
        beats = asyncio.create_task(self._beat())
        try:
            while True:
                number, body = await read_frame(self._reader)
                self._take(number, parse_reply(body))
        except (EOFError, OSError, MsgspecError):
            pass  # it died, or speaks in tongues
        finally:
            for task in (beats, *self._tellings):
                task.cancel()
            if not self._is_told_to_end:
                self._kill()
            self._is_over = True
            code = await self._process.wait()
            self._fail_all(_words(code))
            if not self._is_told_to_end:
                self._offences.note_exit()
            self._writer.close()

    def _take(self, number: int, reply: Any) -> None:
        match reply:
            case Alive():
                self._missed = 0
            case Left(names):
                self._offences.note_leak(names)
            case Tell() as tell:
                telling = asyncio.create_task(self._tell(number, tell))
                self._tellings.add(telling)
                telling.add_done_callback(self._tellings.discard)
            case Ready() | Unready():
                if not self._opened.done():
                    self._opened.set_result(reply)
            case answer:
                waiting = self._waiting.pop(number, None)
                if waiting is not None and not waiting.done():
                    waiting.set_result(answer)

    async def _tell(self, number: int, tell: Tell) -> None:
        mistake = None
        try:
            await self._changed(tell.scheme, tell.number, tell.certificates)
        except ValueError as error:
            mistake = str(error)
        self._writer.write(format_frame(number, Told(mistake)))

    async def _beat(self) -> None:
        await asyncio.wait((self._opened,))  # importing a large library is no stall
        while True:
            self._writer.write(format_frame(0, Beat()))
            self._missed += 1
            await asyncio.sleep(BEAT_S)
            if self._missed == STALL_BEATS:
                self._offences.note_stall()
            if self._missed >= HANG_BEATS:
                self._kill()

    def _kill(self) -> None:
        if self._process.returncode is None:
            # Not `Process.kill`: it may reap a child that has just died, and the code is lost then.
            with suppress(ProcessLookupError):
                os.kill(self._process.pid, signal.SIGKILL)

    def _fail_all(self, cause: str) -> None:
        if not self._opened.done():
            self._opened.set_result(Unready(cause, ""))
        for waiting in self._waiting.values():
            if not waiting.done():
                waiting.set_exception(AdapterUnavailable(cause, retry_after_s=1))
        self._waiting.clear()


def _words(code: int) -> str:
    if code >= 0:
        return f"its process ended with {code}"
    return f"its process was ended by {signal.Signals(-code).name}"
