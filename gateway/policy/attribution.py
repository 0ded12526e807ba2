# SPDX-License-Identifier: Apache-2.0
"""用证归因: who, what for and which case are checked, not just written down.

Callers of real exchanges write operator `1` or `admin` and reason `测试` into every request, which
makes a log worthless. So:

1. The operator is registered for the agency by id and name together, and is no placeholder.
2. The purpose says something: two letters or digits at least, and no placeholder.
3. The case number has the one form that other systems can search for.

Only whole words are refused, after width, case and white space are folded: `测试经办` is a name,
`测试` is not. A detail never repeats what the caller wrote. Personal data in these texts is refused
before, by `gateway.model.screening`.
"""

import re
import unicodedata
from collections.abc import Set as AbstractSet
from functools import lru_cache
from typing import Final

from gateway.model.grant import Deny
from gateway.model.lookup import Attribution, OperatorReference
from gateway.policy.rules import deny

#: Seen in clients of real exchanges, or what their forms are filled with to get past them.
PLACEHOLDERS: Final = frozenset(
    (
        *("0", "1", "00", "000", "0000", "000000", "111", "1111", "111111"),
        *("123", "1234", "12345", "123456", "1234567", "12345678", "123456789", "1234567890"),
        *("666666", "888888", "999999", "a", "aa", "aaa", "abc", "abcd", "asdf", "qwerty"),
        *("x", "xx", "xxx", "xxxx", "foo", "bar", "foobar", "admin", "administrator", "root"),
        *("superuser", "sysadmin", "system", "sys", "user", "username", "guest", "operator"),
        *("test", "tests", "tester", "testing", "testuser", "test1", "demo", "debug", "dev"),
        *("default", "anonymous", "unknown", "undefined", "null", "nil", "none", "na", "n/a"),
        *("nan", "nobody", "string", "todo", "tbd", "temp", "tmp", "dummy", "sample", "example"),
        *(
            "测试",
            "测试用",
            "测试人员",
            "测试用户",
            "测试员",
            "测试数据",
            "测试用途",
            "调试",
            "演示",
        ),
        *("管理员", "系统", "系统管理员", "超级管理员", "用户", "用户名", "操作员", "操作人"),
        *("经办人", "经办", "工作人员", "匿名", "未知", "默认", "无", "暂无", "没有", "空"),
        *("其他", "其它", "张三", "李四", "某某", "某某某", "用途", "事由", "目的", "原因"),
        *("purpose", "reason"),
    )
)

_CASE: Final = re.compile(r"[A-Za-z0-9._/-]{4,64}")
_MIN_PURPOSE_LENGTH: Final = 2


def refuse_attribution(
    attribution: Attribution, operators: AbstractSet[tuple[str, str]], agency: str
) -> Deny | None:
    """Refuse an attribution that does not say who asks, what for and in which case.

    Args:
        attribution: as the caller wrote it, screened for personal data.
        operators: (id, name) of each operator of the agency.
        agency: id of the agency.
    """
    return (
        refuse_operator(attribution.operator, operators, agency)
        or _refuse_purpose(attribution.purpose)
        or refuse_case(attribution.case)
    )


def refuse_operator(
    operator: OperatorReference, operators: AbstractSet[tuple[str, str]], agency: str
) -> Deny | None:
    """Refuse an operator who is a placeholder, or nobody of this agency."""
    rule = "attribution.operator_placeholder"
    if _fold(operator.id) in PLACEHOLDERS:
        return deny(rule, "`attribution.operator.id` is a placeholder")
    if _fold(operator.name) in PLACEHOLDERS:
        return deny(rule, "`attribution.operator.name` is a placeholder")
    if (operator.id, operator.name) not in operators:
        return deny(
            "attribution.operator",
            f"agency {agency} has no operator with this id and this name together",
        )
    return None


def _refuse_purpose(purpose: str) -> Deny | None:
    folded = _fold(purpose)
    if folded in PLACEHOLDERS:
        return deny("attribution.purpose", "`attribution.purpose` is a placeholder")
    if sum(map(str.isalnum, folded)) < _MIN_PURPOSE_LENGTH:
        return deny("attribution.purpose", "`attribution.purpose` says nothing")
    return None


def refuse_case(case: str) -> Deny | None:
    """Refuse a case number of another form."""
    if _CASE.fullmatch(case) is None:
        return deny("attribution.case", "`attribution.case` is not a well-formed case number")
    return None


def is_placeholder(text: str) -> bool:
    """Whether the whole text is one."""
    return _fold(text) in PLACEHOLDERS


# Operators and purposes come again and again.
@lru_cache(maxsize=4096)
def _fold(text: str) -> str:
    return "".join(unicodedata.normalize("NFKC", text).casefold().split())
