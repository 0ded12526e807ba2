# SPDX-License-Identifier: Apache-2.0
"""The certificate `public_security.household`, and the register's own codes for its fields.

One row is one member: whoever asks about one person learns nothing of the others but the head's
name. Religion is left out on purpose.
"""

from collections.abc import Mapping
from typing import Final

from gateway.sdk import CertificateType, Field, Text

#: GB/T 4761-2008, as far as households of this register use it.
_RELATIONS: Final = {
    "02": Text("Head", "户主"),
    "10": Text("Spouse", "配偶"),
    "20": Text("Son", "子"),
    "30": Text("Daughter", "女"),
    "40": Text("Grandchild", "孙子、孙女或外孙子、外孙女"),
    "50": Text("Parent", "父母"),
    "60": Text("Grandparent", "祖父母或外祖父母"),
    "70": Text("Brother or sister", "兄、弟、姐、妹"),
    "97": Text("Another relative, or none", "其他"),
}
#: GB/T 2261.2-2003.
_MARITAL: Final = {
    "10": Text("Unmarried", "未婚"),
    "20": Text("Married", "已婚"),
    "30": Text("Widowed", "丧偶"),
    "40": Text("Divorced", "离婚"),
    "90": Text("Not stated", "未说明的婚姻状况"),
}

HOUSEHOLD: Final = CertificateType(
    name="public_security.household",
    title=Text("Household member", "户口簿（本人页）"),
    schemes=("cn-id",),
    fields=(
        Field("id_number", Text("Citizen ID number", "公民身份号码"), "string", "sensitive"),
        Field("name", Text("Name", "姓名"), "string", "personal"),
        Field("household_no", Text("Household number", "户号"), "string", "personal"),
        Field("head_name", Text("Head of the household", "户主姓名"), "string", "personal"),
        Field(
            "relation_code",
            Text("Relation to the head (GB/T 4761)", "与户主关系"),
            "code",
            "personal",
            codes=_RELATIONS,
        ),
        Field(
            "marital_status",
            Text("Marital status (GB/T 2261.2)", "婚姻状况"),
            "code",
            "sensitive",
            codes=_MARITAL,
        ),
        Field("education_code", Text("Education (GB/T 4658)", "文化程度"), "code", "personal"),
        Field("moved_in_on", Text("Moved in on", "何时来本址"), "date", "personal"),
        Field("moved_in_from", Text("Moved in from", "何址来本址"), "string", "personal"),
        Field("height_cm", Text("Height, cm", "身高（厘米）"), "integer", "personal"),
    ),
    ttl_s=600,
    cache_scope="case",
    holder_field="id_number",
    name_field="name",
    legal_basis=Text("Regulations on Household Registration", "中华人民共和国户口登记条例（演示）"),
)

#: The register's code for each field, in the order of the certificate.
CODES: Final[Mapping[str, str]] = {
    "id_number": "GMSFHM",
    "name": "XM",
    "household_no": "HH",
    "head_name": "HZXM",
    "relation_code": "YHZGX",
    "marital_status": "HYZK",
    "education_code": "WHCD",
    "moved_in_on": "HSLBZ",
    "moved_in_from": "HXZLBZ",
    "height_cm": "SG",
}
