# SPDX-License-Identifier: Apache-2.0
"""Civil affairs 民政: marriages, from the marriage office's service."""

from collections.abc import Callable
from typing import Any

from gateway.sdk import Adapter, hookimpl
from gateway_adapter_civil_affairs.adapter import CivilAffairs


@hookimpl
def register_adapters(register: Callable[[type[Adapter[Any]]], None]) -> None:
    """Bring `CivilAffairs`."""
    register(CivilAffairs)
