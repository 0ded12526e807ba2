# SPDX-License-Identifier: Apache-2.0
"""From a department's own forms to the values of a certificate. Pure.

Departments write a day as `20260131`, `2026/01/31` or `2026年01月31日`, a month as `202601`, a yes
as `1`, `Y` or `是`, and have codes of their own. An `Origin` says where a field comes from and in
which form it is written; `convert` makes the value, and refuses what is in no such form.

Rules:

1. Empty is None: absent, null, and text of blanks, or what `empty` lists (`无`, `/`, `9999-12-31`).
2. Codes are mapped whole (`map`); a code that the map does not have is refused, not passed on.
3. What a value was is in no error: only the field, and the form that was expected.
4. A number with an exponent, of JSON or of a database, is written out; one beyond `_MAX_EXPONENT`
   is refused: a dozen bytes of it would take gigabytes.
"""

import re
from collections.abc import Callable, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta

from gateway.errors import AdapterContractBroken
from gateway.model.certificate import CertificateType, Field, FieldType, Value
from gateway.model.value import LONG_TERM

#: Where the parts of a day stand, e.g. `YYYYMMDD`, `YYYY/MM/DD`, `YYYY年MM月DD日`.
Form = Annotated[str, Meta(pattern="^YYYY[^A-Z0-9]{0,2}MM([^A-Z0-9]{0,2}DD[^A-Z0-9]{0,2})?$")]

#: Of a number, either way: more than any sum, area or share has.
_MAX_EXPONENT: Final = 64
_DECIMAL: Final = re.compile(r"-?[0-9]+(\.[0-9]+)?")
_INTEGER: Final = re.compile(r"-?[0-9]{1,18}")
_YES: Final = ("1", "Y", "y", "true", "是")
_NO: Final = ("0", "N", "n", "false", "否")


class Origin(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Where a field comes from, and how it is written there.

    Attributes:
        source: the department's name of it: a column, or a path of members with dots between.
        form: of a day or a month that is written as text; without it, ISO 8601 is expected.
        map: our value for each of the department's, for codes and texts.
        true: what a boolean field's yes is written as.
        false: and its no.
        empty: texts that mean that there is no value.
        upper: put into capitals, for numbers with an x.
    """

    source: Annotated[str, Meta(min_length=1, max_length=200)]
    form: Form | None = None
    map: Mapping[str, str] = {}
    true: tuple[str, ...] = _YES
    false: tuple[str, ...] = _NO
    empty: tuple[str, ...] = ()
    upper: bool = False


def convert(raw: object, field: Field, origin: Origin) -> Value:
    """Turn what the department wrote into the field's value.

    Args:
        raw: text, or what a driver makes of a column: a number, a truth value, a day.
        field: of the certificate.
        origin: how it is written.

    Raises:
        AdapterContractBroken: it is in another form; names the field and no value.
    """
    if raw is None or (isinstance(raw, str) and (not raw.strip() or raw.strip() in origin.empty)):
        return None
    try:
        return _CONVERTERS[field.type](raw, origin)
    except (ValueError, TypeError, KeyError):
        raise AdapterContractBroken(
            f"field {field.name} is not written as the {field.type} that was declared"
        ) from None


def fields_of(
    record: Mapping[str, Any], certificate: CertificateType, origins: Mapping[str, Origin]
) -> dict[str, Value]:
    """The fields of one record, by the origin of each.

    Raises:
        AdapterContractBroken: a value in another form than was declared.
    """
    return {
        field.name: convert(member(record, origins[field.name].source), field, origins[field.name])
        for field in certificate.fields
    }


def member(record: object, path: str) -> object:
    """What stands at a path of members; None where a member is missing or nothing can have any."""
    for name in path.split("."):
        if not isinstance(record, Mapping):
            return None
        record = record.get(name)
    return record


def _text(raw: object, origin: Origin) -> str:
    if isinstance(raw, bool) or not isinstance(raw, str | int | Decimal | date):
        raise TypeError
    text = _plain(raw)
    if origin.map:
        text = origin.map[text]
    return text.upper() if origin.upper else text


def _plain(raw: str | int | Decimal | date) -> str:
    match raw:
        case Decimal():
            if not raw.is_finite() or abs(raw.adjusted()) > _MAX_EXPONENT:
                raise ValueError
            return format(raw, "f")
        case datetime():
            return raw.isoformat(timespec="seconds")
        case date():
            return raw.isoformat()
        case _:
            return str(raw).strip()


def _day(raw: object, origin: Origin) -> str:
    if isinstance(raw, date):
        return raw.isoformat()[:10]
    text = _text(raw, origin)
    if text == LONG_TERM:
        return text
    year, month, day = _parts(text, origin.form or "YYYY-MM-DD")
    return date(int(year), int(month), int(day)).isoformat()


def _month(raw: object, origin: Origin) -> str:
    if isinstance(raw, date):
        return raw.isoformat()[:7]
    year, month, *_ = _parts(_text(raw, origin), origin.form or "YYYY-MM")
    return date(int(year), int(month), 1).isoformat()[:7]


def _parts(text: str, form: str) -> list[str]:
    """Year, month and, where the form has it, day; the rest of the form stands as it is."""
    pattern = re.escape(form)
    for name, digits in (("YYYY", 4), ("MM", 2), ("DD", 2)):
        pattern = pattern.replace(name, f"([0-9]{{{digits}}})")
    found = re.fullmatch(pattern, text)
    if found is None:
        raise ValueError
    return list(found.groups())


def _boolean(raw: object, origin: Origin) -> bool:
    if isinstance(raw, bool):
        return raw
    text = _text(raw, origin)
    if text in origin.true:
        return True
    if text in origin.false:
        return False
    raise ValueError


def _integer(raw: object, origin: Origin) -> int:
    text = _text(raw, origin)
    if not _INTEGER.fullmatch(text):
        raise ValueError
    return int(text)


def _decimal(raw: object, origin: Origin) -> str:
    text = _text(raw, origin)
    if not _DECIMAL.fullmatch(text):
        raise ValueError
    return format(Decimal(text), "f")  # without leading zeros, and with the scale that was written


_CONVERTERS: Final[Mapping[FieldType, Callable[[Any, Origin], Value]]] = {
    "string": _text,
    "code": _text,
    "date": _day,
    "month": _month,
    "boolean": _boolean,
    "integer": _integer,
    "decimal": _decimal,
}
