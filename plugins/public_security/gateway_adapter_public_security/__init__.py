# SPDX-License-Identifier: Apache-2.0
"""Public security 公安: the resident's identity, from the population register."""

from collections.abc import Callable
from typing import Any

from gateway.sdk import Adapter, hookimpl
from gateway_adapter_public_security.adapter import PublicSecurity


@hookimpl
def register_adapters(register: Callable[[type[Adapter[Any]]], None]) -> None:
    """Bring `PublicSecurity`."""
    register(PublicSecurity)
