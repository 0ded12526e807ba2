# SPDX-License-Identifier: Apache-2.0
"""What an adapter answered, against what it promised. Pure; no I/O.

Rules:

1. Only declared fields, each with a value of its `FieldType`, or None where the source has none; a
   code stands in the field's code list, where it has one.
2. The holder field repeats the number that was asked about: an answer about somebody else is the
   worst mistake that an adapter can make.
3. A name that differs from the caller's is no breach: that is for the exchange to decide.
4. A verification has one result for each claim that was asked about, and none that was not.
5. A cause names declared fields and counts others; it holds no value, and no name that an adapter
   made up, since that may be personal data too.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Final, get_args

from gateway.errors import AdapterContractBroken
from gateway.model.answer import Found, NotFound, Verified
from gateway.model.certificate import CertificateType, Value
from gateway.model.holder import Holder
from gateway.model.lookup import ClaimResult
from gateway.model.value import is_of_type

_RESULTS: Final = get_args(ClaimResult)


def check_answer(answer: object, certificate: CertificateType, holder: Holder) -> Found | NotFound:
    """Return the answer if it is what the adapter promised.

    Raises:
        AdapterContractBroken: it is not; the cause names the first breach.
    """
    if not isinstance(answer, Found | NotFound):
        raise AdapterContractBroken("the answer is neither Found nor NotFound")
    _check_as_of(answer.as_of)
    if isinstance(answer, Found):
        _check_fields(answer.fields, certificate)
        _check_holder(answer.fields, certificate, holder)
    return answer


def check_verified(answer: object, claims: Mapping[str, Value]) -> Verified | NotFound | None:
    """Return what an adapter's own `verify` answered if it fits the claims; None is no answer.

    Raises:
        AdapterContractBroken: it does not fit; the cause names the first breach.
    """
    if answer is None:
        return None
    if not isinstance(answer, Verified | NotFound):
        raise AdapterContractBroken("the verification is neither Verified, NotFound nor None")
    _check_as_of(answer.as_of)
    if isinstance(answer, Verified):
        results = answer.results
        if not isinstance(results, Mapping):
            raise AdapterContractBroken("results is not a mapping")
        if results.keys() != claims.keys():
            raise AdapterContractBroken("the results are not those of the claims")
        if not all(result in _RESULTS for result in results.values()):
            raise AdapterContractBroken("a result is neither match nor mismatch")
    return answer


def _check_as_of(as_of: object) -> None:
    if as_of is not None and not (isinstance(as_of, datetime) and as_of.utcoffset() is not None):
        raise AdapterContractBroken("as_of is not an aware datetime")


def _check_fields(fields: object, certificate: CertificateType) -> None:
    if not isinstance(fields, Mapping):
        raise AdapterContractBroken("fields is not a mapping")
    if undeclared := len(fields.keys() - certificate.field_names):
        raise AdapterContractBroken(f"{undeclared} undeclared fields")
    for field in certificate.fields:
        value = fields.get(field.name)
        if value is None:
            continue
        if not is_of_type(value, field.type):
            raise AdapterContractBroken(f"field {field.name} is not a {field.type}")
        if field.codes and value not in field.codes:
            raise AdapterContractBroken(f"field {field.name} has a code that is not in its list")


def _check_holder(
    fields: Mapping[str, object], certificate: CertificateType, holder: Holder
) -> None:
    role = certificate.holder_field
    if role is not None and fields.get(role) != holder.number:
        raise AdapterContractBroken(f"field {role} is not the holder that was asked about")
