# SPDX-License-Identifier: Apache-2.0
"""The rules by name. A name stands in acts and in findings: it may be added, never renamed."""

from collections.abc import Callable, Iterator, Mapping
from typing import Final

from gateway.audit.anomaly.finding import Finding
from gateway.audit.anomaly.holders import (
    case_many_holders,
    holder_many_operators,
    repeat_holder,
    scanning,
)
from gateway.audit.anomaly.pace import key_burst, off_hours, volume
from gateway.audit.anomaly.places import first_department, shared_operator, shared_terminal
from gateway.audit.anomaly.view import View
from gateway.audit.anomaly.words import constant_text, placeholder_text

Rule = Callable[[View], Iterator[Finding]]

RULES: Final[Mapping[str, Rule]] = {
    rule.__name__: rule
    for rule in (
        volume,
        off_hours,
        key_burst,
        scanning,
        case_many_holders,
        repeat_holder,
        holder_many_operators,
        shared_operator,
        shared_terminal,
        first_department,
        placeholder_text,
        constant_text,
    )
}
