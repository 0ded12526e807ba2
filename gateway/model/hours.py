# SPDX-License-Identifier: Apache-2.0
"""Hours of use: spans of a day, in the site's time zone, as minutes.

A span is written `08:00-12:00`: from its first minute to the one before its last, so that
`00:00-24:00` is the whole day. What goes past midnight is two spans.
"""

import re
from typing import Final

_SPAN: Final = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])-([01][0-9]|2[0-4]):([0-5][0-9])")
_HOUR: Final = 60
_DAY: Final = 24 * _HOUR


def parse_span(text: str) -> range:
    """The minutes of a day, 0 to 1439, that a span holds.

    Raises:
        ValueError: not of this form, or it ends before it begins.
    """
    found = _SPAN.fullmatch(text)
    if found is None:
        raise ValueError(f"`{text}` is not of the form 08:00-12:00")
    hours = [int(part) for part in found.groups()]
    minutes = range(hours[0] * _HOUR + hours[1], hours[2] * _HOUR + hours[3])
    if not minutes or minutes.stop > _DAY:
        raise ValueError(f"`{text}` ends before it begins, or after 24:00")
    return minutes
