# SPDX-License-Identifier: Apache-2.0
"""Everything that an adapter says or leaves behind while it is checked.

Rules:

1. Log records are taken where they are made, so that neither a logger's handlers nor its
   `propagate` hide one; messages, arguments, extras and tracebacks all count.
2. What is counted is the process: descriptors, threads, and the tasks of the running loop.
"""

import asyncio
import io
import logging
import sys
import threading
import traceback
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any, Final

import msgspec

#: Threads of the loop's default executor, which come when they are needed and stay.
_LOOPS_OWN: Final = "asyncio_"
_REST_S: Final = 0.05
_DESCRIPTORS: Final = Path("/proc/self/fd")


class Watch:
    """What was said while it ran.

    Attributes:
        errors: exceptions that came out of the adapter, and those that nobody caught.
    """

    def __init__(self) -> None:
        self.errors: Final[list[BaseException]] = []
        self._records: Final[list[logging.LogRecord]] = []
        self._warnings: list[warnings.WarningMessage] = []
        self._printed: Final = io.StringIO()

    @contextmanager
    def running(self) -> Iterator[None]:
        """Take what is said; a log record that nothing would have printed is not printed now."""
        factory = logging.getLogRecordFactory()
        root = logging.getLogger()
        level, disabled = root.level, logging.root.manager.disable

        def record(*arguments: Any, **named: Any) -> logging.LogRecord:
            made = factory(*arguments, **named)
            self._records.append(made)
            return made

        logging.setLogRecordFactory(record)
        root.setLevel(logging.DEBUG)
        logging.disable(logging.NOTSET)
        silent = logging.NullHandler()
        root.addHandler(silent)
        try:
            with (
                warnings.catch_warnings(record=True) as caught,
                redirect_stdout(self._printed),
                redirect_stderr(self._printed),
            ):
                warnings.simplefilter("always")
                self._warnings = caught
                yield
        finally:
            root.removeHandler(silent)
            logging.setLogRecordFactory(factory)
            root.setLevel(level)
            logging.disable(disabled)

    def heed(self, loop: asyncio.AbstractEventLoop) -> None:
        """Take what nobody caught on this loop, too."""

        def nobody_caught(_loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
            error = context.get("exception")
            if isinstance(error, BaseException):
                self.errors.append(error)

        loop.set_exception_handler(nobody_caught)

    def logged(self) -> str:
        """All log records as text."""
        return "\n".join(_text_of(record) for record in self._records)

    def printed(self) -> str:
        """What went to standard output and error, and all warnings."""
        said = [str(warning.message) for warning in self._warnings]
        return "\n".join([self._printed.getvalue(), *said])

    def raised(self) -> str:
        """All exceptions as a traceback would show them, chained ones included."""
        return "\n".join("".join(traceback.format_exception(e)) for e in self.errors) + "\n".join(
            f"{vars(e)} {e!r}" for e in self.errors
        )


class Census(msgspec.Struct, frozen=True):
    """What a process holds at one moment."""

    descriptors: int
    threads: int
    tasks: int

    @classmethod
    def now(cls) -> "Census":
        """Count; descriptors are 0 where the system does not tell."""
        count = sum(1 for _ in _DESCRIPTORS.iterdir()) if sys.platform == "linux" else 0
        threads = [t for t in threading.enumerate() if not t.name.startswith(_LOOPS_OWN)]
        return cls(count, len(threads), len(asyncio.all_tasks()))

    @classmethod
    async def at_rest(cls) -> "Census":
        """Count once tasks that were cancelled and sockets that were closed have ended."""
        await asyncio.sleep(_REST_S)
        return cls.now()

    def more_than(self, before: "Census") -> str:
        """What has been added since, in words; empty when nothing has."""
        added = [
            f"{now - then} {name}"
            for name, now, then in (
                ("descriptors", self.descriptors, before.descriptors),
                ("threads", self.threads, before.threads),
                ("tasks", self.tasks, before.tasks),
            )
            if now > then
        ]
        return ", ".join(added)


async def settled(before: Census, within_s: float = 1.0) -> str:
    """What is left over once all that ends by itself has ended; empty when nothing is.

    Args:
        before: what was there.
        within_s: seconds given to sockets that are closing and tasks that are ending.
    """
    for _ in range(int(within_s / 0.02)):
        if not (left := Census.now().more_than(before)):
            return left
        await asyncio.sleep(0.02)
    return Census.now().more_than(before)


def _text_of(record: logging.LogRecord) -> str:
    try:
        message = record.getMessage()
    except (TypeError, ValueError):
        message = ""
    parts = [message, str(record.msg), str(record.args), str(vars(record))]
    if record.exc_info and record.exc_info[1] is not None:
        parts += traceback.format_exception(record.exc_info[1])
    return "\n".join(parts)
