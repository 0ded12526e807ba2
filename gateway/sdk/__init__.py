# SPDX-License-Identifier: Apache-2.0
"""All that a department imports to share its data.

Nothing here imports an HTTP library or cryptography; the kits under `gateway.sdk.kits` do, and
are imported one by one. The contract is `API_VERSION`; docs/how-to/write-an-adapter.md shows how.
"""

from gateway.errors import (
    AdapterContractBroken,
    AdapterRefused,
    AdapterTimeout,
    AdapterUnavailable,
    DepartmentError,
    SetupError,
    Text,
)
from gateway.model.answer import Found, NotFound, Verified
from gateway.model.certificate import CertificateType, Field, Value
from gateway.model.holder import Holder
from gateway.model.lookup import ClaimResult
from gateway.sdk.adapter import (
    API_VERSION,
    API_VERSIONS,
    OLDEST_API_VERSION,
    Adapter,
    AdapterContext,
    Changed,
    Deadline,
    Query,
)
from gateway.sdk.budget import RetryBudget
from gateway.sdk.hookspecs import hookimpl

__all__ = [
    "API_VERSION",
    "API_VERSIONS",
    "OLDEST_API_VERSION",
    "Adapter",
    "AdapterContext",
    "AdapterContractBroken",
    "AdapterRefused",
    "AdapterTimeout",
    "AdapterUnavailable",
    "CertificateType",
    "Changed",
    "ClaimResult",
    "Deadline",
    "DepartmentError",
    "Field",
    "Found",
    "Holder",
    "NotFound",
    "Query",
    "RetryBudget",
    "SetupError",
    "Text",
    "Value",
    "Verified",
    "hookimpl",
]
