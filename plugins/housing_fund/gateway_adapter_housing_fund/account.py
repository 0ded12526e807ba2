# SPDX-License-Identifier: Apache-2.0
"""The certificate `housing_fund.account`, and the members of the fund's records that hold it.

Values change when contributions are posted, once a month; an hour of freshness within one agency
and purpose is well inside the day that the fund allows.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from gateway.sdk import CertificateType, Field, Text, Value
from gateway.sdk.kits.convert import Origin, fields_of

_STATUSES: Final = {
    "正常": Text("Open", "正常"),
    "封存": Text("Dormant", "封存"),
    "销户": Text("Closed", "销户"),
}

ACCOUNT: Final = CertificateType(
    name="housing_fund.account",
    title=Text("Housing fund account", "住房公积金个人账户"),
    schemes=("cn-id",),
    fields=(
        Field("account_no", Text("Account number", "个人账号"), "string", "sensitive"),
        Field("name", Text("Name", "姓名"), "string", "personal"),
        Field("id_number", Text("ID number", "证件号码"), "string", "sensitive"),
        Field("employer_name", Text("Employer", "单位名称"), "string", "personal"),
        Field("employer_no", Text("Employer's number", "单位账号"), "string", "normal"),
        Field(
            "account_status",
            Text("Status of the account", "个人账户状态"),
            "code",
            "personal",
            codes=_STATUSES,
        ),
        Field("base", Text("Contribution base", "个人缴存基数"), "decimal", "sensitive"),
        Field("employer_rate", Text("Employer's rate", "单位缴存比例"), "decimal", "normal"),
        Field("personal_rate", Text("Personal rate", "个人缴存比例"), "decimal", "normal"),
        Field(
            "employer_monthly",
            Text("Employer's monthly sum", "单位月缴存额"),
            "decimal",
            "sensitive",
        ),
        Field(
            "personal_monthly", Text("Personal monthly sum", "个人月缴存额"), "decimal", "sensitive"
        ),
        Field("balance", Text("Balance", "账户余额"), "decimal", "sensitive"),
        Field("paid_to_month", Text("Paid up to", "缴至年月"), "month", "personal"),
        Field("opened_on", Text("Opened on", "开户日期"), "date", "personal"),
        Field("closed_on", Text("Closed on", "销户日期"), "date", "personal"),
        Field("close_reason", Text("Reason for closing", "销户原因"), "string", "personal"),
        Field("has_loan", Text("Has a housing fund loan", "贷款标识"), "boolean", "personal"),
    ),
    ttl_s=3600,
    cache_scope="agency_purpose",
    holder_field="id_number",
    name_field="name",
    legal_basis=Text("Regulations on the Housing Provident Fund", "住房公积金管理条例（演示）"),
)

_DAY: Final = "YYYYMMDD"
#: Where each field stands in a record of the core system, in the order of the certificate.
ORIGINS: Final[Mapping[str, Origin]] = {
    "account_no": Origin(source="grzh"),
    "name": Origin(source="xingming"),
    "id_number": Origin(source="zjhm", upper=True),
    "employer_name": Origin(source="dwmc"),
    "employer_no": Origin(source="dwzh"),
    "account_status": Origin(source="grzhzt", map={"01": "正常", "02": "封存", "03": "销户"}),
    "base": Origin(source="grjcjs"),
    "employer_rate": Origin(source="dwjcbl"),
    "personal_rate": Origin(source="grjcbl"),
    "employer_monthly": Origin(source="dwyjce"),
    "personal_monthly": Origin(source="gryjce"),
    "balance": Origin(source="grzhye"),
    "paid_to_month": Origin(source="jzny", form="YYYYMM"),
    "opened_on": Origin(source="khrq", form=_DAY),
    "closed_on": Origin(source="xhrq", form=_DAY),
    "close_reason": Origin(source="xhyy"),
    "has_loan": Origin(source="dkbz"),
}


def choose(records: Sequence[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """Of several accounts the open one counts, else the one that was opened last."""
    return max(
        records, key=lambda record: (not record.get("xhrq"), record.get("khrq") or ""), default=None
    )


def parse_record(record: Mapping[str, Any]) -> dict[str, Value]:
    """Turn one record into fields.

    Raises:
        AdapterContractBroken: a value in another form.
    """
    return fields_of(record, ACCOUNT, ORIGINS)
