# SPDX-License-Identifier: Apache-2.0
"""What a platform's return codes mean: one table, and the error that each code becomes.

The table is that of one provincial gateway; others of the same product share it, and a department
with codes of its own gives its own table. docs/reference/return-codes.md is generated from it.

A code that the table does not have is a breach of contract: it was never promised. *No record* has
no code here, since it is an answer and not an error.
"""

import re
from collections.abc import Callable, Mapping
from typing import Final, Literal

import msgspec

from gateway.errors import (
    AdapterContractBroken,
    AdapterRefused,
    AdapterTimeout,
    AdapterUnavailable,
    DepartmentError,
    Text,
)
from gateway.sdk.kits.sessions import SignInExpired

#: What a code becomes; `renew` is a refusal that a new token may mend.
Failure = Literal["refused", "renew", "unavailable", "timeout", "broken"]

_KINDS: Final[Mapping[Failure, Callable[..., DepartmentError]]] = {
    "refused": AdapterRefused,
    "renew": SignInExpired,
    "unavailable": AdapterUnavailable,
    "timeout": AdapterTimeout,
    "broken": AdapterContractBroken,
}
#: A code may be repeated in our log when it looks like one: anything else could be personal data.
_CODE: Final = re.compile(r"-?[0-9A-Za-z_-]{1,16}")
_ID_LIKE: Final = re.compile(r"[0-9]{8}")


class ReturnCode(msgspec.Struct, frozen=True):
    """One meaning, and the codes that have it.

    Attributes:
        codes: as the platform prints them.
        meaning: words for people.
        failure: what it becomes.
        retry_after_s: seconds after which the platform can be asked again, where that is known.
    """

    codes: tuple[str, ...]
    meaning: Text
    failure: Failure
    retry_after_s: int | None = None


#: The provincial gateway's codes. 0 is success.
PROVINCIAL: Final = (
    ReturnCode(("1", "-34", "-43"), Text("parameter not understood", "参数错误或无法解析"), "broken"),
    ReturnCode(("-2", "-51"), Text("application unknown or disabled", "应用不存在或已停用"), "refused"),
    ReturnCode(("-5",), Text("signature wrong", "签名错误"), "refused"),
    ReturnCode(
        ("-19",),
        Text("time more than ten minutes off: check this host's clock", "时间相差超过十分钟，请校时"),
        "refused",
    ),
    ReturnCode(
        ("-21", "-22", "-41", "-42"), Text("token expired or not valid", "令牌过期或无效"), "renew"
    ),
    ReturnCode(
        ("-4", "-45", "-46", "-47"),
        Text("address not allowed, blocked, unbound or unfiled", "IP 未授权、已拉黑、未绑定或未备案"),
        "refused",
    ),
    ReturnCode(("-20", "-49"), Text("interface not granted", "接口未授权"), "refused"),
    ReturnCode(("-44", "-48"), Text("path unknown or not published", "路径不存在或未发布"), "broken"),
    ReturnCode(("-6",), Text("called too often", "访问频率超限"), "unavailable", 60),
    ReturnCode(("12101",), Text("quota of the minute used up", "每分钟配额用尽"), "unavailable", 60),
    ReturnCode(("12102",), Text("quota of the hour used up", "每小时配额用尽"), "unavailable", 3600),
    ReturnCode(("12103",), Text("quota of the day used up", "每日配额用尽"), "unavailable", 3600),
    ReturnCode(("12104",), Text("quota used up for good", "总配额用尽"), "refused"),
    ReturnCode(
        ("-30", "-31", "-32", "-33", "-35", "-36", "-37", "-38", "-39", "-40"),
        Text("the platform could not sign in at the department", "平台未能登录部门系统"),
        "unavailable",
    ),
    ReturnCode(
        ("-50",), Text("secret is being renewed at the department", "部门密钥刷新中"), "unavailable", 20
    ),
    ReturnCode(("2010",), Text("failed or timed out", "调用失败或超时"), "timeout"),
    ReturnCode(("12000",), Text("the department's error", "部门系统错误"), "broken"),
    ReturnCode(("12100",), Text("the platform's breaker is open", "平台已熔断"), "unavailable"),
    ReturnCode(("10000", "10014"), Text("the platform's own error", "平台内部错误"), "unavailable"),
)  # fmt: skip


def failure_of(code: str, table: tuple[ReturnCode, ...] = PROVINCIAL) -> DepartmentError:
    """Return what a code other than success means; text that is no code is not repeated."""
    readable = _CODE.fullmatch(code) and not _ID_LIKE.search(code)
    cause = f"code {code}" if readable else "an unreadable code"
    for row in table:
        if code in row.codes:
            return _KINDS[row.failure](cause, retry_after_s=row.retry_after_s)
    return AdapterContractBroken(cause)
