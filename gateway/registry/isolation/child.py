# SPDX-License-Identifier: Apache-2.0
"""The adapter's process: `python -m gateway.registry.isolation.child <descriptor>`.

It resolves the references of its own settings, as the worker would: no secret stands in arguments,
environment or frames on its behalf. It ends when its worker closes the socket or dies.
"""

import asyncio
import ctypes
import importlib
import os
import signal
import socket
import sys
from collections.abc import Coroutine, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec
import uvloop

import gateway.log  # before all others: see there
from gateway.errors import DepartmentError, SetupError
from gateway.model.answer import Found, NotFound, Verified
from gateway.registry.foreign import AdapterCodeBroken, ask_foreign, checked
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
    parse_order,
    read_frame,
)
from gateway.registry.scope import Ledger, Scope, watch_tasks
from gateway.sdk import Adapter, AdapterContext, Deadline, Query
from gateway.sdk.contract import check_answer, check_verified
from gateway.secret_source import secret_source

_PR_SET_PDEATHSIG: Final = 1
#: sysexits.h: a fault of ours.
_EXIT_FAULT: Final = 70


class _Server:
    """One adapter behind one socket."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self._writer: Final = writer
        self._ledger: Final = Ledger()
        self._calls: Final[dict[int, asyncio.Task[None]]] = {}
        self._untold: Final[dict[int, asyncio.Future[str | None]]] = {}
        self._tell_count = 0
        self._adapter: Adapter[Any] | None = None
        self._life: Scope | None = None

    async def start(self, start: Start) -> None:
        """Make and open the adapter, and say how that went."""
        gateway.log.configure_logs(f"adapter-{start.name}")
        where = f"adapters/{start.name}.toml"
        self._life = Scope(start.name, self._ledger, self, is_life=True)
        try:
            adapter = self._adapter = _make(start)
            secret = secret_source(Path(start.folder), where)
            context = AdapterContext(start.name, secret, self._changed)
            await self._life.run(lambda: adapter.open(context))
        except SetupError as error:
            self._send(0, Unready(error.detail, error.where))
        except Exception as error:  # noqa: BLE001 - adapters are foreign code
            self._send(0, Unready(f"the adapter cannot be opened: {type(error).__name__}", ""))
        else:
            self._send(0, Ready())

    async def serve(self, reader: asyncio.StreamReader) -> None:
        """Take orders until the socket ends; then close the adapter."""
        try:
            while True:
                number, body = await read_frame(reader)
                order: Start | Ask | Cancel | Beat | Told = parse_order(body)
                match order:
                    case Beat():
                        self._send(0, Alive())
                    case Cancel():
                        if call := self._calls.get(number):
                            call.cancel()
                    case Told(mistake):
                        self._note_told(number, mistake)
                    case Ask() as ask:
                        self._begin(number, self._answer(number, ask))
                    case Start() as start:
                        self._begin(number, self.start(start))
        except (EOFError, OSError):
            pass
        finally:
            if self._adapter is not None and self._life is not None:
                await self._life.run(self._adapter.aclose)

    def note_leak(self, names: list[str]) -> None:
        """A call left tasks behind; they were cancelled."""
        self._send(0, Left(names))

    def note_exit(self) -> None:
        """SystemExit of a call or a task: what would have ended a worker ends this process."""
        os._exit(1)

    async def _changed(self, scheme: str, number: str, certificates: Sequence[str] = ()) -> None:
        """The adapter's `Changed`: the worker has it done."""
        self._tell_count += 1
        count = self._tell_count
        told = self._untold[count] = asyncio.get_running_loop().create_future()
        try:
            self._send(count, Tell(scheme, number, list(certificates)))
            mistake = await told
        finally:
            del self._untold[count]
        if mistake is not None:
            raise ValueError(mistake)

    def _note_told(self, count: int, mistake: str | None) -> None:
        told = self._untold.get(count)
        if told is not None and not told.done():  # the adapter may have stopped waiting
            told.set_result(mistake)

    def _begin(self, number: int, call: Coroutine[Any, Any, None]) -> None:
        task = self._calls[number] = asyncio.create_task(call)
        task.add_done_callback(lambda _: self._calls.pop(number, None))

    async def _answer(self, number: int, ask: Ask) -> None:
        try:
            answer = await self._call(ask)
            frame = format_frame(number, _answered(answer))
        except DepartmentError as error:
            frame = format_frame(number, _failed(error))
        except (ValueError, OverflowError) as error:  # what it answered cannot be passed on
            frame = format_frame(number, _failed(AdapterCodeBroken(type(error).__name__)))
        self._writer.write(frame)

    async def _call(self, ask: Ask) -> Found | NotFound | Verified | None:
        adapter, life, deadline = self._adapter, self._life, Deadline(ask.at_s)
        assert adapter is not None, "Start comes first"
        assert life is not None, "Start comes first"
        scope = Scope(life.adapter, self._ledger, self)
        if ask.method == "ping":
            await ask_foreign(scope, adapter.ping, deadline)
            return None
        query = _query(ask, adapter)
        if ask.method == "verify":
            compared = await ask_foreign(
                scope, lambda: adapter.verify(query, query.claims, deadline), deadline
            )
            return checked(lambda answer: check_verified(answer, query.claims), compared)
        found = await ask_foreign(scope, lambda: adapter.lookup(query, deadline), deadline)
        return checked(lambda answer: check_answer(answer, query.certificate, query.holder), found)

    def _send(self, number: int, message: Any) -> None:
        self._writer.write(format_frame(number, message))


def _failed(error: DepartmentError) -> Failed:
    is_code = isinstance(error, AdapterCodeBroken)
    return Failed(error.code, error.cause, error.retry_after_s, is_code)


def _make(start: Start) -> Adapter[Any]:
    sys.path[:] = start.path
    found: Any = importlib.import_module(start.module)
    if start.declaration is not None:
        found = found.remade(start.declaration)
    else:
        for name in start.qualname.split("."):
            found = getattr(found, name)
    adapter: Adapter[Any] = found(msgspec.convert(start.settings, found.settings_type))
    return adapter


def _query(ask: Ask, adapter: Adapter[Any]) -> Query:
    assert ask.holder is not None, "a question is about somebody"
    return Query(
        holder=ask.holder,
        certificate=next(c for c in adapter.certificates if c.name == ask.certificate),
        request_id=ask.request_id,
        agency=ask.agency,
        operator=ask.operator,
        item=ask.item,
        case=ask.case,
        purpose=ask.purpose,
        claims=ask.claims,
        division=ask.division,
    )


def _answered(answer: Found | NotFound | Verified | None) -> Answered:
    match answer:
        case None:
            return Answered("None")
        case Found(fields, as_of):
            return Answered("Found", dict(fields), as_of)
        case Verified(results, as_of):
            return Answered("Verified", dict(results), as_of)
        case NotFound(as_of):
            return Answered("NotFound", as_of=as_of)


async def _main(sock: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    gateway.log.watch_loop(loop)
    watch_tasks(loop)
    reader, writer = await asyncio.open_connection(sock=sock)
    await _Server(writer).serve(reader)


def main() -> None:
    """Serve the adapter that the worker names."""
    if sys.platform == "linux":  # a child in an endless loop would outlive its worker
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the supervisor's to hear
    try:
        uvloop.run(_main(socket.socket(fileno=int(sys.argv[1]))))
    except Exception as error:  # noqa: BLE001 - what foreign code says at its end stands in no log
        gateway.log.report_fault(error)
        sys.exit(_EXIT_FAULT)


if __name__ == "__main__":
    main()
