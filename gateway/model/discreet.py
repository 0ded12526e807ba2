# SPDX-License-Identifier: Apache-2.0
"""Structs that hold personal data do not show it: not in logs, tracebacks or `rich`."""

from typing import Any


class Discreet:
    """Base of such structs: both representations show the type's name and nothing else."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"{type(self).__name__}(…)"

    def __rich_repr__(self, /) -> list[tuple[str, Any]]:
        return []
