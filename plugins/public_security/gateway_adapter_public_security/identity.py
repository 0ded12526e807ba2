# SPDX-License-Identifier: Apache-2.0
"""The certificate `public_security.identity`, and the register's own codes for its fields.

Codes are those of the population register's service; the photo is left out on purpose. An answer
stays fresh within its case for ten minutes: anything may be corrected at any time.
"""

from collections.abc import Mapping
from typing import Final

from gateway.sdk import CertificateType, Field, Text, Value

IDENTITY: Final = CertificateType(
    name="public_security.identity",
    title=Text("Resident identity", "居民身份信息"),
    schemes=("cn-id",),
    fields=(
        Field("id_number", Text("Citizen ID number", "公民身份号码"), "string", "sensitive"),
        Field("name", Text("Name", "姓名"), "string", "personal"),
        Field("sex_code", Text("Sex (GB/T 2261.1)", "性别代码"), "code", "personal"),
        Field("ethnicity_code", Text("Ethnicity (GB/T 3304)", "民族代码"), "code", "personal"),
        Field("birth_date", Text("Date of birth", "出生日期"), "date", "personal"),
        Field("household_address", Text("Registered address", "户籍地址"), "string", "personal"),
        Field("issuing_authority", Text("Issuing authority", "签发机关"), "string", "normal"),
        Field("valid_from", Text("Valid from", "有效期起"), "date", "normal"),
        Field("valid_to", Text("Valid to", "有效期止"), "date", "normal"),
        Field("person_status", Text("Status of the person", "人员状态"), "code", "personal"),
    ),
    ttl_s=600,
    cache_scope="case",
    holder_field="id_number",
    name_field="name",
)

#: The register's code for each field, in the order of the certificate.
CODES: Final[Mapping[str, str]] = {
    "id_number": "GMSFHM",
    "name": "XM",
    "sex_code": "XB",
    "ethnicity_code": "MZ",
    "birth_date": "CSRQ",
    "household_address": "HJDZ",
    "issuing_authority": "QFJG",
    "valid_from": "YXQQSRQ",
    "valid_to": "YXQJZRQ",
    "person_status": "RYZT",
}
_FOREVER: Final = "长期"
_DATES: Final = frozenset(f.name for f in IDENTITY.fields if f.type == "date")


def parse_record(record: Mapping[str, str | None]) -> dict[str, Value]:
    """Turn one record of the register into fields; empty values become None."""
    fields: dict[str, Value] = {}
    for name, code in CODES.items():
        text = record.get(code) or None
        fields[name] = _parse_day(text) if text and name in _DATES else text
    if isinstance(number := fields["id_number"], str):
        fields["id_number"] = number.upper()  # older rows have a small x
    return fields


def format_record(fields: Mapping[str, Value]) -> dict[str, str | None]:
    """Inverse of `parse_record`, as the register writes it."""
    record: dict[str, str | None] = {}
    for name, code in CODES.items():
        value = fields.get(name)
        record[code] = None if value is None else str(value)
        if name in _DATES and value != _FOREVER and value is not None:
            record[code] = str(value).replace("-", "")
    return record


def _parse_day(text: str) -> str:
    """`YYYYMMDD` or 长期; other text comes out as no date, and the gateway refuses it."""
    return text if text == _FOREVER else f"{text[:4]}-{text[4:6]}-{text[6:]}"
