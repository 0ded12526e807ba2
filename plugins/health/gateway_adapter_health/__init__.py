# SPDX-License-Identifier: Apache-2.0
"""Health 卫生健康: birth certificates, from a database; declared in adapter.toml."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from gateway.sdk import Adapter, hookimpl
from gateway.sdk.kits.declarative.adapter import declared_adapter


@hookimpl
def register_adapters(register: Callable[[type[Adapter[Any]]], None]) -> None:
    """Bring what adapter.toml declares."""
    register(declared_adapter("health", Path(__file__).with_name("adapter.toml")))
