# SPDX-License-Identifier: Apache-2.0
"""The certificate `housing_fund.account`, and the columns of the fund's view that hold it.

Values change when contributions are posted, once a month; an hour of freshness within one agency
and purpose is well inside the day that the fund allows.
"""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any, Final

from gateway.sdk import CertificateType, Field, Text, Value

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
        Field("account_status", Text("Status of the account", "个人账户状态"), "code", "personal"),
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
)

#: The view's column for each field, in the order of the certificate.
COLUMNS: Final[Mapping[str, str]] = {
    "account_no": "grzh",
    "name": "xingming",
    "id_number": "zjhm",
    "employer_name": "dwmc",
    "employer_no": "dwzh",
    "account_status": "grzhzt",
    "base": "grjcjs",
    "employer_rate": "dwjcbl",
    "personal_rate": "grjcbl",
    "employer_monthly": "dwyjce",
    "personal_monthly": "gryjce",
    "balance": "grzhye",
    "paid_to_month": "jzny",
    "opened_on": "khrq",
    "closed_on": "xhrq",
    "close_reason": "xhyy",
    "has_loan": "dkbz",
}


def parse_row(row: Mapping[str, Any]) -> dict[str, Value]:
    """Turn one row of the view into fields."""
    fields = {name: _parse_value(row[column]) for name, column in COLUMNS.items()}
    if month := row["jzny"]:
        fields["paid_to_month"] = f"{month[:4]}-{month[4:]}"
    if row["dkbz"] is not None:
        fields["has_loan"] = row["dkbz"] == "1"
    return fields


def _parse_value(value: object) -> Value:
    match value:
        case None | str():
            return value
        case Decimal():
            return format(value, "f")  # keeps the column's scale, and never an exponent
        case date():
            return value.isoformat()
        case _:
            raise TypeError(f"a column of type {type(value).__name__} is not foreseen")
