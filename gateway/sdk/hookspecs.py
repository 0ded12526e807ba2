# SPDX-License-Identifier: Apache-2.0
"""The hooks: one, called once, at start-up. It is synchronous; a coroutine is refused at load."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pluggy

if TYPE_CHECKING:
    from gateway.sdk.adapter import Adapter

PROJECT = "yizheng"
hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec
def register_adapters(register: "Callable[[type[Adapter[Any]]], None]") -> None:
    """Call `register(AdapterClass)` for each adapter class of this distribution."""
