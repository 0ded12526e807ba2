# SPDX-License-Identifier: Apache-2.0
"""Divisions 行政区划: GB/T 2260 codes of 6 digits, and the 12 digits of towns and villages below.

========  =================  ==============
level     digits that count  example
========  =================  ==============
province  2                  `140000`
city      4                  `140300`
county    6                  `140302`
town      9                  `140302001000`
village   12                 `140302001002`
========  =================  ==============

Digits behind those that count are zeros; a code of 12 digits of a county or above is the same place
as its first six.
"""

from typing import Final

#: Digits that count, nearest level first.
_LEVELS: Final = (12, 9, 6, 4, 2)
_COUNTY: Final = 6
_LONG: Final = 12


def format_division(code: str) -> str:
    """The one spelling of a place: 6 digits for a county and above, else 12.

    Args:
        code: 6 or 12 digits.
    """
    return code[:_COUNTY] if code[_COUNTY:] == "0" * _COUNTY else code


def enclosing_divisions(code: str) -> tuple[str, ...]:
    """The place itself and all that it lies in, nearest first, each in its one spelling.

    Args:
        code: 6 or 12 digits.
    """
    whole = code.ljust(_LONG, "0")
    places = (format_division(whole[:digits].ljust(_LONG, "0")) for digits in _LEVELS)
    return tuple(dict.fromkeys(places))
