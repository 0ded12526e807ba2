# SPDX-License-Identifier: Apache-2.0
"""Housing fund 住房公积金: a person's account, from the fund centre's database."""

from collections.abc import Callable
from typing import Any

from gateway.sdk import Adapter, hookimpl
from gateway_adapter_housing_fund.adapter import HousingFund


@hookimpl
def register_adapters(register: Callable[[type[Adapter[Any]]], None]) -> None:
    """Bring `HousingFund`."""
    register(HousingFund)
