# SPDX-License-Identifier: Apache-2.0
"""A housing fund's adapter that does harm where a question's purpose says so: a plugin.

It is installed for one scenario only (`scenarios/bad_adapter.py`), by an entry point in a folder on
the gateway's path.
"""

import asyncio
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from gateway_adapter_housing_fund.adapter import HousingFund

from gateway.sdk import Adapter, Deadline, Found, NotFound, Query, hookimpl

PLUGIN: Final = "harmful"
BLOCK_S: Final = 2.0
_LEAKED_COUNT: Final = 3


class Harmful(HousingFund):
    """Answers as the housing fund does, unless it is told otherwise."""

    plugin = PLUGIN

    async def lookup(self, query: Query, deadline: Deadline) -> Found | NotFound:
        match query.purpose:
            case "raises":
                raise ZeroDivisionError
            case "junk":
                return {"junk": True}  # type: ignore[return-value] # the point
            case "leaks":
                self._leaked = [
                    asyncio.create_task(asyncio.Event().wait()) for _ in range(_LEAKED_COUNT)
                ]
            case "exits":
                raise SystemExit(1)
            case "blocks":
                time.sleep(BLOCK_S)  # noqa: ASYNC251 - the point
            case "crashes":
                os.abort()
            case _:
                pass
        return await super().lookup(query, deadline)


@hookimpl
def register_adapters(register: Callable[[type[Adapter[Any]]], None]) -> None:
    """Bring `Harmful`."""
    register(Harmful)


def install(folder: Path) -> None:
    """Make a folder that, on a process's path, brings the plugin."""
    described = folder / f"{PLUGIN}-0.dist-info"
    described.mkdir(parents=True)
    (described / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {PLUGIN}\nVersion: 0\n")
    (described / "entry_points.txt").write_text(f"[gateway.adapters]\n{PLUGIN} = {__name__}\n")
