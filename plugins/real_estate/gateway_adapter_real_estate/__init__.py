# SPDX-License-Identifier: Apache-2.0
"""Real estate 不动产: titles, and whether somebody has no home, from the registry's database."""

from collections.abc import Callable
from typing import Any

from gateway.sdk import Adapter, hookimpl
from gateway_adapter_real_estate.adapter import RealEstate


@hookimpl
def register_adapters(register: Callable[[type[Adapter[Any]]], None]) -> None:
    """Bring `RealEstate`."""
    register(RealEstate)
