# SPDX-License-Identifier: Apache-2.0
"""Tells whose code holds the event loop, while it does.

A loop that is held cannot tell so itself. A thread looks at the ledger ten times a second and
sleeps between: a step of adapter code that it meets again and again, without another one in
between, holds the loop. It counts its own looks and no clock, so a process that was stopped blames
nobody. Code that holds the interpreter's lock as well (a native library in an endless loop) stops
the thread, too; that is what `isolation = "process"` is for.
"""

import threading
from collections.abc import Callable
from typing import Final

from gateway.registry.scope import Ledger

LOOK_S: Final = 0.1
#: Looks at one and the same step that make a stall: between 0.5 and 0.6 s. Less would blame
#: adapters for a machine that has no time for them.
LOOKS: Final = 6


class Watchdog:
    """A thread beside one event loop.

    Args:
        ledger: of that loop.
        on_stall: told the adapter's name, once for each stall, in this thread; must not raise.
    """

    def __init__(self, ledger: Ledger, on_stall: Callable[[str], None]) -> None:
        self._ledger: Final = ledger
        self._on_stall: Final = on_stall
        self._end: Final = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to look."""
        self._thread = threading.Thread(target=self._watch, name="adapter-watchdog", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Look no more; also without `start`."""
        self._end.set()
        if self._thread is not None:
            self._thread.join()

    def _watch(self) -> None:
        seen, looks = -1, 0
        while not self._end.wait(LOOK_S):
            step, name = self._ledger.step_count, self._ledger.running
            if name is None or step != seen:
                seen, looks = step, 0
            looks += name is not None
            if looks == LOOKS and name is not None:
                self._on_stall(name)
