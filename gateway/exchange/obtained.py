# SPDX-License-Identifier: Apache-2.0
"""What a call for all materials of a case obtained, as the events that tell it."""

from collections.abc import Iterable
from typing import Final

import msgspec

from gateway.model.lookup import LookupAnswer
from gateway.model.office_event import MaterialObtained
from gateway.model.plan import SETTLED, MaterialAnswer

#: Characters that an event has room for.
_WORD_LENGTH: Final = 64
_parse: Final = msgspec.json.Decoder(LookupAnswer).decode


def obtained_of(
    case: str, item: str, answers: Iterable[MaterialAnswer]
) -> tuple[MaterialObtained, ...]:
    """One event for each material that nobody has to bring; none holds a field or a number."""
    found = []
    for each in answers:
        if each.outcome not in SETTLED or each.certificate is None or each.holder is None:
            continue
        said = _parse(each.answer or b"")
        found.append(
            MaterialObtained(
                case=case,
                item=item,
                material=each.material[:_WORD_LENGTH],
                certificate=each.certificate,
                holder=each.holder,
                served_from=said.served_from,
                as_of=said.as_of,
                request=said.request_id,
            )
        )
    return tuple(found)
