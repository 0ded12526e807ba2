# SPDX-License-Identifier: Apache-2.0
"""What code does beside computing: connections, processes, threads, files that it writes.

The interpreter tells by audit events (PEP 578). A hook cannot be taken away again, so there is one,
which listens only for the thread that asked. Of threads older interpreters do not tell.
"""

import importlib
import importlib.util
import inspect
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from typing import Any, Final

import msgspec

from gateway.errors import SetupError
from gateway.sdk import Adapter

_NAMED: Final = {
    "socket.connect": "a connection",
    "socket.bind": "a listening socket",
    "sqlite3.connect": "a database",
    "subprocess.Popen": "a process",
    "os.fork": "a process",
    "os.posix_spawn": "a process",
}
_IMPORT_LIMIT_S: Final = 60
_listening: Final[dict[int, set[str]]] = {}
_is_hooked = False


class ImportEffects(msgspec.Struct, frozen=True):
    """What an import did, and the seconds of the processor that it took."""

    effects: tuple[str, ...]
    processor_s: float


def effects_of(work: Callable[[], object]) -> set[str]:
    """Run something on this thread and return, in words, what it did beside computing."""
    _hook()
    mine: set[str] = set()
    _listening[threading.get_ident()] = mine
    start = threading.Thread.start

    def heard_start(thread: threading.Thread) -> None:
        _listening.get(threading.get_ident(), set()).add("a thread")
        start(thread)

    threading.Thread.start = heard_start  # type: ignore[assignment,method-assign]
    try:
        work()
    finally:
        threading.Thread.start = start  # type: ignore[method-assign]
        del _listening[threading.get_ident()]
    return mine


def effects_of_import(adapter: type[Adapter[Any]]) -> ImportEffects:
    """Import the adapter's module in a fresh interpreter, and return what that did.

    Raises:
        SetupError: it cannot be imported there.
    """
    package = adapter.__module__
    file = inspect.getsourcefile(adapter) or ""
    script = f"from {__name__} import tell_import; tell_import({package!r}, {file!r})"
    done = subprocess.run(  # noqa: S603 - this interpreter
        [sys.executable, "-B", "-c", script],
        capture_output=True,
        check=False,
        timeout=_IMPORT_LIMIT_S,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)},
    )
    if done.returncode:
        last = done.stderr.decode(errors="replace").strip().rpartition("\n")[2]
        raise SetupError(f"{package} cannot be imported: {last}")
    return msgspec.json.decode(done.stdout.rpartition(b"\n")[2], type=ImportEffects)


def tell_import(module: str, file: str) -> None:
    """Import a module by its name, or from its file, and print what that did as JSON."""

    def work() -> None:
        try:
            importlib.import_module(module)
        except ModuleNotFoundError as error:
            spec = importlib.util.spec_from_file_location(module, file)
            if error.name != module or spec is None or spec.loader is None:
                raise
            spec.loader.exec_module(importlib.util.module_from_spec(spec))

    before_s = time.process_time()
    effects = effects_of(work)
    spent_s = time.process_time() - before_s
    told = msgspec.json.encode(ImportEffects(tuple(sorted(effects)), spent_s))
    sys.stdout.write(f"\n{told.decode()}")


def _hook() -> None:
    global _is_hooked  # noqa: PLW0603 - one hook for the life of the process
    if not _is_hooked:
        _is_hooked = True
        sys.addaudithook(_heard)


def _heard(event: str, arguments: tuple[Any, ...]) -> None:
    if not _listening or (mine := _listening.get(threading.get_ident())) is None:
        return
    if event in _NAMED:
        mine.add(_NAMED[event])
    elif event == "open" and _is_written(arguments):
        mine.add("a file that it writes")


def _is_written(arguments: tuple[Any, ...]) -> bool:
    path, mode, flags = arguments
    if "__pycache__" in str(path) or str(path) == os.devnull:
        return False
    if isinstance(mode, str):
        return bool(set(mode) & set("wax+"))
    return isinstance(flags, int) and bool(flags & (os.O_WRONLY | os.O_RDWR))
