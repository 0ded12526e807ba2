# SPDX-License-Identifier: Apache-2.0
"""What an adapter answered, against what it promised. Pure; no I/O.

Rules:

1. Only declared fields, each with a value of its `FieldType`, or None where the source has none.
2. The holder field repeats the number that was asked about: an answer about somebody else is the
   worst mistake that an adapter can make.
3. A name that differs from the caller's is no breach: that is for the exchange to decide.
4. A cause names declared fields and counts others; it holds no value, and no name that an adapter
   made up, since that may be personal data too.
"""

import re
from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import Final

from gateway.errors import AdapterContractBroken
from gateway.model.answer import Found, NotFound
from gateway.model.certificate import CertificateType, FieldType
from gateway.model.holder import Holder

#: A validity without an end, as identity documents print it (GA 490).
LONG_TERM: Final = "长期"

_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_MONTH: Final = re.compile(r"[0-9]{4}-(0[1-9]|1[0-2])")
_DECIMAL: Final = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?")


def check_answer(answer: object, certificate: CertificateType, holder: Holder) -> Found | NotFound:
    """Return the answer if it is what the adapter promised.

    Raises:
        AdapterContractBroken: it is not; the cause names the first breach.
    """
    if not isinstance(answer, Found | NotFound):
        raise AdapterContractBroken("the answer is neither Found nor NotFound")
    if answer.as_of is not None and not _is_aware(answer.as_of):
        raise AdapterContractBroken("as_of is not an aware datetime")
    if isinstance(answer, Found):
        _check_fields(answer.fields, certificate)
        _check_holder(answer.fields, certificate, holder)
    return answer


def _check_fields(fields: object, certificate: CertificateType) -> None:
    if not isinstance(fields, Mapping):
        raise AdapterContractBroken("fields is not a mapping")
    if undeclared := len(fields.keys() - certificate.field_names):
        raise AdapterContractBroken(f"{undeclared} undeclared fields")
    for field in certificate.fields:
        value = fields.get(field.name)
        if value is not None and not _IS_A[field.type](value):
            raise AdapterContractBroken(f"field {field.name} is not a {field.type}")


def _check_holder(
    fields: Mapping[str, object], certificate: CertificateType, holder: Holder
) -> None:
    role = certificate.holder_field
    if role is not None and fields.get(role) != holder.number:
        raise AdapterContractBroken(f"field {role} is not the holder that was asked about")


def _is_aware(value: object) -> bool:
    return isinstance(value, datetime) and value.utcoffset() is not None


def _is_string(value: object) -> bool:
    return isinstance(value, str)


def _is_code(value: object) -> bool:
    return isinstance(value, str) and value != ""


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
