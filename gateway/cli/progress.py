# SPDX-License-Identifier: Apache-2.0
"""A progress bar on stderr for long work; silent where nobody watches."""

from types import TracebackType
from typing import Final, Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar


class Progress:
    """`update(done, total)` while inside the `with` block."""

    def __init__(self, title: str, *, shown: bool) -> None:
        self._bar: Final = Bar(
            TextColumn(title),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            console=Console(stderr=True),
            disable=not shown,
            transient=True,
        )
        self._task: Final = self._bar.add_task(title)

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bar.stop()

    def update(self, done: int, total: int) -> None:
        """Show that so many of so many are done."""
        self._bar.update(self._task, completed=done, total=total)
