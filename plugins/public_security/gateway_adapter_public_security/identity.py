# SPDX-License-Identifier: Apache-2.0
"""The certificate `public_security.identity`, and the register's own codes for its fields.

Codes are those of the population register's service; the photo is left out on purpose. An answer
stays fresh within its case for ten minutes: anything may be corrected at any time.
"""

from collections.abc import Mapping
from typing import Final

from gateway.sdk import CertificateType, Field, Text

#: GB/T 2261.1-2003.
_SEXES: Final = {
    "0": Text("Unknown", "未知的性别"),
    "1": Text("Male", "男性"),
    "2": Text("Female", "女性"),
    "9": Text("Not stated", "未说明的性别"),
}

IDENTITY: Final = CertificateType(
    name="public_security.identity",
    title=Text("Resident identity", "居民身份信息"),
    schemes=("cn-id",),
    fields=(
        Field("id_number", Text("Citizen ID number", "公民身份号码"), "string", "sensitive"),
        Field("name", Text("Name", "姓名"), "string", "personal"),
        Field("sex_code", Text("Sex (GB/T 2261.1)", "性别代码"), "code", "personal", codes=_SEXES),
        Field("ethnicity_code", Text("Ethnicity (GB/T 3304)", "民族代码"), "code", "personal"),
        Field("birth_date", Text("Date of birth", "出生日期"), "date", "personal"),
        Field("household_address", Text("Registered address", "户籍地址"), "string", "personal"),
        Field("issuing_authority", Text("Issuing authority", "签发机关"), "string", "normal"),
        Field("valid_from", Text("Valid from", "有效期起"), "date", "normal"),
        Field("valid_to", Text("Valid to", "有效期止"), "date", "normal"),
        Field(
            "person_status",
            Text("Status of the person", "人员状态"),
            "code",
            "personal",
            codes={"正常": Text("Registered", "正常"), "注销": Text("Cancelled", "注销")},
        ),
    ),
    ttl_s=600,
    cache_scope="case",
    holder_field="id_number",
    name_field="name",
    legal_basis=Text("Resident Identity Card Law", "中华人民共和国居民身份证法（演示）"),
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
