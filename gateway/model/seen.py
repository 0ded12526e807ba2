# SPDX-License-Identifier: Apache-2.0
"""An access as supervision sees it: what became of a request, and nothing of whom it was about."""

import msgspec

from gateway.errors import REFUSALS


class SeenAccess(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One record of the log.

    Attributes:
        index: of the record in the log, by which an auditor finds and proves it.
        time_ms: milliseconds since 1970 UTC.
        result: `permit` or `deny`.
        outcome: as the agency was told: `found`, `not_found`, `match`, `mismatch`, `refused`,
            `unavailable`.
        code: of a refusal.
        served_from: `source`, `cache` or `stale`; None where nothing was served.
        as_of: as of when the data was.
        adapter: that answered, or would have.
        adapter_ms: milliseconds that the department took; None where it was not asked.
    """

    index: int
    time_ms: int
    agency: str
    item: str | None = None
    case: str | None = None
    certificate: str | None = None
    result: str
    outcome: str
    code: str | None = None
    served_from: str | None = None
    as_of: str | None = None
    adapter: str | None = None
    adapter_ms: int | None = None

    @property
    def is_answered(self) -> bool:
        """Whether the agency was told what the department's records say."""
        return self.served_from is not None

    @property
    def is_failed(self) -> bool:
        """Whether the department was to answer and did not."""
        refusal = REFUSALS.get(self.code or "")
        return self.outcome == "unavailable" and (
            refusal is not None and refusal.attribution == "provider"
        )
