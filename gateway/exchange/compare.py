# SPDX-License-Identifier: Apache-2.0
"""核验: does what the caller claims equal what the department holds?

Both sides are brought to one form, by the type of the field, and compared:

=================  ==============================================================================
string             NFKC, one middle dot, no white space: 阿依古丽·买买提 is 阿依古丽•买买提
decimal            by number: `5000` is `5000.00`; no exponents, no separators
integer, boolean   by value and type: `1` is not `true`
date, month, code  exactly
=================  ==============================================================================

What a side leaves out, or writes as no value of the type can be written, matches nothing.
"""

import re
import unicodedata
from collections.abc import Mapping
from decimal import Decimal
from typing import Final

from gateway.model.certificate import CertificateType, FieldType, Value
from gateway.model.lookup import ClaimResult

# Names of minorities hold U+00B7 by GB 18030 practice; systems write what their keyboards have.
# NFKC has already folded U+0387 and U+FF65 into U+00B7 and U+30FB.
_MIDDLE_DOTS: Final = dict.fromkeys(map(ord, "•‧∙⋅・⸱"), "·")
_DECIMAL: Final = re.compile(r"[+-]?[0-9]+(?:\.[0-9]+)?")


def compare_claims(
    claims: Mapping[str, Value], values: Mapping[str, Value], certificate: CertificateType
) -> dict[str, ClaimResult]:
    """Compare each claim with the value of its field.

    Args:
        claims: by field name; every name is a field of the certificate type.
        values: what the department answered, by field name.
        certificate: tells the type of each field.

    Raises:
        KeyError: a claim is no field of the certificate type; a programming error.
    """
    types = {field.name: field.type for field in certificate.fields}
    return {
        name: "match" if name in values and _equal(types[name], claim, values[name]) else "mismatch"
        for name, claim in claims.items()
    }


def _equal(kind: FieldType, claim: Value, value: Value) -> bool:
    if claim is None or value is None:
        return claim is value
    match kind:
        case "string":
            return (
                isinstance(claim, str) and isinstance(value, str) and _fold(claim) == _fold(value)
            )
        case "decimal":
            number = _number(claim)
            return number is not None and number == _number(value)
        case "integer" | "boolean" | "date" | "month" | "code":
            return type(claim) is type(value) and claim == value


def _fold(text: str) -> str:
    return "".join(unicodedata.normalize("NFKC", text).translate(_MIDDLE_DOTS).split())


def _number(value: Value) -> Decimal | None:
    if isinstance(value, str) and _DECIMAL.fullmatch(value):
        return Decimal(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return Decimal(value)
    return None
