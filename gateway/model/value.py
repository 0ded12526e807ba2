# SPDX-License-Identifier: Apache-2.0
"""Whether a value has the form of its field's type; the forms are those of `model.certificate`."""

import re
from collections.abc import Callable, Mapping
from datetime import date
from typing import Final

from gateway.model.certificate import FieldType

#: A validity without an end, as identity documents print it (GA 490).
LONG_TERM: Final = "长期"

_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_MONTH: Final = re.compile(r"[0-9]{4}-(0[1-9]|1[0-2])")
_DECIMAL: Final = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?")


def is_of_type(value: object, kind: FieldType) -> bool:
    """Whether a value that is not None may stand in a field of that type."""
    return _IS_A[kind](value)


def _is_string(value: object) -> bool:
    return isinstance(value, str) and (value.isascii() or _is_unicode(value))


def _is_code(value: object) -> bool:
    return _is_string(value) and value != ""


def _is_unicode(value: str) -> bool:
    """A lone surrogate is none: nothing that we write could hold it."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _is_boolean(value: object) -> bool:
    return isinstance(value, bool)


def _is_integer(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_decimal(value: object) -> bool:
    return isinstance(value, str) and _DECIMAL.fullmatch(value) is not None


def _is_month(value: object) -> bool:
    return isinstance(value, str) and _MONTH.fullmatch(value) is not None


def _is_date(value: object) -> bool:
    if not isinstance(value, str):
        return False
    if value == LONG_TERM:
        return True
    if _DATE.fullmatch(value) is None:
        return False
    try:
        date.fromisoformat(value)
    except ValueError:
        return False
    return True


_IS_A: Final[Mapping[FieldType, Callable[[object], bool]]] = {
    "string": _is_string,
    "code": _is_code,
    "boolean": _is_boolean,
    "integer": _is_integer,
    "decimal": _is_decimal,
    "month": _is_month,
    "date": _is_date,
}
