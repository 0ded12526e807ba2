# SPDX-License-Identifier: Apache-2.0
"""Return codes of a provincial gateway, and the error that each becomes."""

from collections import Counter

import pytest

from gateway.errors import (
    AdapterContractBroken,
    AdapterRefused,
    AdapterTimeout,
    AdapterUnavailable,
    Text,
)
from gateway.sdk.kits.returncodes import PROVINCIAL, ReturnCode, failure_of
from gateway.sdk.kits.sessions import SignInExpired


@pytest.mark.parametrize(
    ("codes", "kind", "retry_after_s"),
    [
        ("1 -43 -34", AdapterContractBroken, None),
        ("-2 -51 -5 -19", AdapterRefused, None),
        ("-21 -22 -41 -42", SignInExpired, None),
        ("-4 -45 -46 -47 -20 -49 12104", AdapterRefused, None),
        ("-44 -48", AdapterContractBroken, None),
        ("-6 12101", AdapterUnavailable, 60),
        ("12102 12103", AdapterUnavailable, 3600),
        ("-30 -31 -32 -33 -35 -36 -37 -38 -39 -40", AdapterUnavailable, None),
        ("-50", AdapterUnavailable, 20),
        ("2010", AdapterTimeout, None),
        ("12000", AdapterContractBroken, None),
        ("12100 10000 10014", AdapterUnavailable, None),
        ("77", AdapterContractBroken, None),
    ],
)
def test_a_code_is_one_error(codes: str, kind: type, retry_after_s: int | None) -> None:
    for code in codes.split():
        error = failure_of(code)
        assert type(error) is kind, code
        assert error.retry_after_s == retry_after_s
        assert error.cause == f"code {code}"


def test_no_code_has_two_meanings_and_success_has_none() -> None:
    counts = Counter(code for row in PROVINCIAL for code in row.codes)
    assert set(counts.values()) == {1}
    assert "0" not in counts


@pytest.mark.parametrize("text", ["no row for 测试甲", "140302190001010017", "1" * 17, "", "a b"])
def test_text_that_is_no_code_is_not_repeated(text: str) -> None:
    assert failure_of(text).cause == "an unreadable code"


def test_a_department_may_have_a_table_of_its_own() -> None:
    table = (ReturnCode(("E7",), Text("closed", "停机"), "unavailable", 5),)
    error = failure_of("E7", table)
    assert isinstance(error, AdapterUnavailable)
    assert error.retry_after_s == 5
    assert isinstance(failure_of("-5", table), AdapterContractBroken)
