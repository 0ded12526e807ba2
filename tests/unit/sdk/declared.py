# SPDX-License-Identifier: Apache-2.0
"""A declaration of each kind, small, for tests that change one line of it."""

from collections.abc import Mapping
from typing import Any

from gateway.model.holder import Holder
from gateway.sdk import Adapter, Query

HTTP = """
api_version = 1
description = "Cards, JSON over HTTP."
department = { en = "Desk", zh = "柜台" }
ping = { path = "/health", test = { member = "status", values = ["up"] } }

[[certificates]]
name = "desk.card"
title = { en = "Card", zh = "卡" }
schemes = ["cn-id"]
ttl_s = 60
cache_scope = "case"
holder_field = "number"
name_field = "name"
key_fields = ["card_no"]

[certificates.http]
path = "/cards"
records = "data.list"
code = "code"
success = ["0"]
not_found = ["44"]
failures = { "51" = "refused", "52" = "unavailable" }
provincial = true
newest = "issued_on"

[certificates.http.body]
who = "{number}"
nested = [{ name = "{name}", card = "no. {claims.card_no}" }]
why = "{purpose}/{item}/{case}/{agency}/{operator}/{request_id}/{division}"
page = 1
all = true

[[certificates.fields]]
name = "number"
title = { en = "Number", zh = "号码" }
sensitivity = "sensitive"
from = "person.zjhm"
upper = true

[[certificates.fields]]
name = "name"
title = { en = "Name", zh = "姓名" }
from = "person.xm"

[[certificates.fields]]
name = "card_no"
title = { en = "Card number", zh = "卡号" }

[[certificates.fields]]
name = "issued_on"
title = { en = "Issued on", zh = "发卡日期" }
type = "date"
from = "fkrq"
form = "YYYYMMDD"

[[certificates.fields]]
name = "amount"
title = { en = "Amount", zh = "金额" }
type = "decimal"

[[certificates.fields]]
name = "grade"
title = { en = "Grade", zh = "等级" }
type = "code"
map = { 1 = "一级", 2 = "二级" }
codes = { "一级" = { en = "First", zh = "一级" }, "二级" = { en = "Second", zh = "二级" } }

[[certificates.fields]]
name = "is_open"
title = { en = "Open", zh = "是否启用" }
type = "boolean"
true = ["启用"]
false = ["停用"]
"""

_TO_SQL = HTTP[HTTP.index("[certificates.http]") : HTTP.index("[[certificates.fields]]")]
SQL = (
    HTTP.replace(
        _TO_SQL,
        '[certificates.sql]\nstatement = "SELECT * FROM card WHERE zjhm = $1 AND card_no = $2"\n'
        'parameters = ["number", "claims.card_no"]\n\n',
    )
    .replace('path = "/health", test = { member = "status", values = ["up"] }',
             'statement = "SELECT 1 FROM card LIMIT 0"')
    .replace("person.", "")
)  # fmt: skip
FILE = SQL.replace(
    SQL[SQL.index("[certificates.sql]") : SQL.index("[[certificates.fields]]")],
    '[certificates.file]\nname = "cards-{date}.csv"\n\n',
).replace('ping = { statement = "SELECT 1 FROM card LIMIT 0" }\n', "")

NUMBER = "14031119010203003X"
CARD: Mapping[str, Any] = {
    "person": {"zjhm": "14031119010203003x", "xm": "测试甲"},
    "card_no": "A-1",
    "fkrq": "20200131",
    "amount": 5000.50,
    "grade": 1,
    "is_open": "启用",
}
FIELDS = {
    "number": NUMBER,
    "name": "测试甲",
    "card_no": "A-1",
    "issued_on": "2020-01-31",
    "amount": "5000.5",
    "grade": "一级",
    "is_open": True,
}


def query(
    adapter: Adapter[Any] | type[Adapter[Any]], number: str = NUMBER, card_no: str = "A-1"
) -> Query:
    """A question about a card."""
    return Query(
        holder=Holder("cn-id", number, "测试甲"),
        certificate=adapter.certificates[0],
        request_id="r-1",
        agency="yq-gjj",
        operator="yq-0417",
        item="yq-gjj-001",
        case="YQ-1",
        purpose="withdrawal",
        claims={"card_no": card_no},
        division="140300",
    )
