# SPDX-License-Identifier: Apache-2.0
"""From the register's records to fields, and back for its simulator.

The register writes everything as text: days as `YYYYMMDD` (or 长期), empty for what it does not
know, and in older rows an ID number's check character as a small x.
"""

from collections.abc import Mapping
from typing import Final

from gateway.sdk import AdapterContractBroken, CertificateType, Value
from gateway_adapter_public_security import household, identity
from gateway_adapter_public_security.household import HOUSEHOLD
from gateway_adapter_public_security.identity import IDENTITY

#: The register's code for each field, by certificate.
CODES: Final[Mapping[str, Mapping[str, str]]] = {
    IDENTITY.name: identity.CODES,
    HOUSEHOLD.name: household.CODES,
}
_FOREVER: Final = "长期"


def parse_record(
    record: Mapping[str, str | None], certificate: CertificateType = IDENTITY
) -> dict[str, Value]:
    """Turn one record into fields; empty values become None.

    Raises:
        AdapterContractBroken: a number that is none.
    """
    fields: dict[str, Value] = {}
    for field in certificate.fields:
        text = record.get(CODES[certificate.name][field.name]) or None
        match field.type:
            case "date" if text:
                fields[field.name] = _parse_day(text)
            case "integer" if text:
                fields[field.name] = _parse_integer(text, field.name)
            case _:
                fields[field.name] = text
    if isinstance(number := fields["id_number"], str):
        fields["id_number"] = number.upper()
    return fields


def format_record(
    fields: Mapping[str, Value], certificate: CertificateType = IDENTITY
) -> dict[str, str | None]:
    """Inverse of `parse_record`, as the register writes it."""
    record: dict[str, str | None] = {}
    for field in certificate.fields:
        value = fields.get(field.name)
        text = None if value is None else str(value)
        if field.type == "date" and text is not None and text != _FOREVER:
            text = text.replace("-", "")
        record[CODES[certificate.name][field.name]] = text
    return record


def _parse_day(text: str) -> str:
    """`YYYYMMDD` or 长期; other text comes out as no date, and the gateway refuses it."""
    return text if text == _FOREVER else f"{text[:4]}-{text[4:6]}-{text[6:]}"


def _parse_integer(text: str, name: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 10):  # noqa: PLR2004 - no measure has more
        raise AdapterContractBroken(f"field {name} is no whole number")
    return int(text)
