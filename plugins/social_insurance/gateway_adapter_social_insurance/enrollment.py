# SPDX-License-Identifier: Apache-2.0
"""The certificate `social_insurance.enrollment_proof`, and the elements that hold it.

Elements have the names of the national index of social insurance data (金保). Contributions are
posted once a month; four hours of freshness are well inside that.
"""

from collections.abc import Mapping
from typing import Final

from gateway.sdk import CertificateType, Field, Text
from gateway.sdk.kits.convert import Origin

_INSURANCES: Final = {
    "110": Text("Pension of employees", "企业职工基本养老保险"),
    "210": Text("Unemployment", "失业保险"),
    "310": Text("Medical", "基本医疗保险"),
    "410": Text("Work injury", "工伤保险"),
    "510": Text("Maternity", "生育保险"),
}
_STATUSES: Final = {
    "1": Text("Paying", "参保缴费"),
    "2": Text("Paused", "暂停缴费"),
    "3": Text("Ended", "终止参保"),
}

PROOF: Final = CertificateType(
    name="social_insurance.enrollment_proof",
    title=Text("Proof of enrolment", "社会保险参保证明"),
    schemes=("cn-id",),
    fields=(
        Field("person_no", Text("Insurance number", "个人编号"), "string", "sensitive"),
        Field("id_number", Text("ID number", "公民身份号码"), "string", "sensitive"),
        Field("name", Text("Name", "姓名"), "string", "personal"),
        Field(
            "insurance_type",
            Text("Kind of insurance", "险种"),
            "code",
            "personal",
            codes=_INSURANCES,
        ),
        Field("enrollment_status", Text("Status", "参保状态"), "code", "personal", codes=_STATUSES),
        Field("employer_name", Text("Employer", "单位名称"), "string", "personal"),
        Field("employer_uscc", Text("Employer's code", "单位信用代码"), "string", "normal"),
        Field("first_enrolled_month", Text("First enrolled", "首次参保年月"), "month", "personal"),
        Field("period_from", Text("Paid from", "费款所属期起"), "month", "personal"),
        Field("period_to", Text("Paid to", "费款所属期止"), "month", "personal"),
        Field("contribution_base", Text("Base, yuan", "缴费基数"), "decimal", "sensitive"),
        Field("months_paid", Text("Months paid", "累计缴费月数"), "integer", "personal"),
        Field("agency", Text("Insurance centre", "经办机构"), "string", "normal"),
        Field("verify_code", Text("Code of the proof", "验证码"), "string", "personal"),
    ),
    ttl_s=4 * 3600,
    cache_scope="agency_purpose",
    holder_field="id_number",
    name_field="name",
    legal_basis=Text("Social Insurance Law", "中华人民共和国社会保险法（演示）"),
)

_MONTH: Final = "YYYYMM"
#: The element of each field, in the order of the certificate.
ORIGINS: Final[Mapping[str, Origin]] = {
    "person_no": Origin(source="AAC001"),
    "id_number": Origin(source="AAC002", upper=True),
    "name": Origin(source="AAC003"),
    "insurance_type": Origin(source="AAE140"),
    "enrollment_status": Origin(source="AAC031"),
    "employer_name": Origin(source="AAB004"),
    "employer_uscc": Origin(source="AAB003"),
    "first_enrolled_month": Origin(source="AAC049", form=_MONTH),
    "period_from": Origin(source="AAE041", form=_MONTH),
    "period_to": Origin(source="AAE042", form=_MONTH),
    "contribution_base": Origin(source="AAC040"),
    "months_paid": Origin(source="AAE202"),
    "agency": Origin(source="AAB301"),
    "verify_code": Origin(source="AAE500"),
}
