# SPDX-License-Identifier: Apache-2.0
"""What a rule says: who, what is normal, what was seen, where in the log, and a sentence."""

from typing import Literal

import msgspec

from gateway.errors import Text

Severity = Literal["low", "medium", "high"]
Figure = int | float | str


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is out of the ordinary.

    Attributes:
        rule: a key of `gateway.audit.anomaly.rules.RULES`.
        agency: whose access it was; None where several agencies have part in it.
        operator: id of the operator; None where it is about no single one.
        baseline: what is normal, and from how much it was computed.
        observed: what was seen.
        rows: indices in the log, ascending.
        sentence: all of it in words.
    """

    rule: str
    severity: Severity
    agency: str | None = None
    operator: str | None = None
    baseline: dict[str, Figure]
    observed: dict[str, Figure]
    rows: tuple[int, ...]
    sentence: Text


def parse_rows(joined: str) -> tuple[int, ...]:
    """Indices as `group_concat` joins them, ascending."""
    return tuple(sorted(map(int, joined.split(","))))
