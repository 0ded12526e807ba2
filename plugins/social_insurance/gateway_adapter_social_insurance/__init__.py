# SPDX-License-Identifier: Apache-2.0
"""Social insurance 社会保险: a person's enrolment, from the insurance centre's SOAP service."""

from collections.abc import Callable
from typing import Any

from gateway.sdk import Adapter, hookimpl
from gateway_adapter_social_insurance.adapter import SocialInsurance


@hookimpl
def register_adapters(register: Callable[[type[Adapter[Any]]], None]) -> None:
    """Bring `SocialInsurance`."""
    register(SocialInsurance)
