# SPDX-License-Identifier: Apache-2.0
"""How often an agency may ask: `[limits]` of gateway.toml, and what a limit leaves to a caller."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

#: Per second; 0 is without a limit.
PerSecond = Annotated[float, Meta(ge=0, le=1_000_000)]
#: Requests at once; 0 is one second's worth.
Burst = Annotated[int, Meta(ge=0, le=1_000_000)]

LimitName = Literal["agency", "department"]


class LimitsSection(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`[limits]`: how often agencies may ask. Each worker enforces its share: 1/workers of each.

    Attributes:
        agency_per_s: requests per second of one agency; 0 is without a limit.
        agency_burst: of one agency at once; 0 is one second's worth.
        department_per_s: permitted requests per second of one agency to one department's adapter;
            0 is without a limit.
        department_burst: of one agency to one adapter at once; 0 is one second's worth.
    """

    agency_per_s: PerSecond = 0
    agency_burst: Burst = 0
    department_per_s: PerSecond = 0
    department_burst: Burst = 0


class Allowance(msgspec.Struct, frozen=True):
    """What one limit says to one request, in the words of the RateLimit header fields.

    Attributes:
        quota: requests that a rested caller may send at once.
        window_s: seconds in which a used-up quota is whole again.
        remaining: requests that may follow at once.
        reset_s: seconds until the quota is whole again.
        retry_after_s: seconds until one request may follow; None where this one is within.
    """

    name: LimitName
    quota: int
    window_s: int
    remaining: int
    reset_s: int
    retry_after_s: int | None = None
