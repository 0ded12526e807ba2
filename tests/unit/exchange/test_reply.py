# SPDX-License-Identifier: Apache-2.0
"""Refusals as documents; one that is repeated is what it would be if it were written anew."""

import pytest

from gateway.errors import REFUSALS
from gateway.exchange.reply import Refused, RepeatedProblem, problem_reply


@pytest.mark.parametrize("code", REFUSALS)
def test_a_repeated_problem_says_what_any_says_under_its_own_id(code: str) -> None:
    refused = Refused(REFUSALS[code], "", retry_after_s=1)
    repeated = RepeatedProblem(refused)
    for request_id in ("0" * 32, "f" * 32):
        assert repeated.reply(request_id) == problem_reply(refused, request_id)
