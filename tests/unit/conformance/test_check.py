# SPDX-License-Identifier: Apache-2.0
"""The table of checks: stable ids, both languages, no check without words on how to mend it."""

import re

import pytest

import gateway.conformance  # noqa: F401 - fills the table
from gateway.conformance.check import ANY, CHECKS, GROUPS


def test_ids_are_numbered_without_gaps_in_each_group() -> None:
    assert len(CHECKS) >= 40
    for letter in GROUPS:
        own = sorted(check_id for check_id in CHECKS if check_id[3] == letter)
        assert own == [f"YZ-{letter}{number:02}" for number in range(1, len(own) + 1)], letter


@pytest.mark.parametrize("check_id", sorted(CHECKS))
def test_a_check_speaks_both_languages(check_id: str) -> None:
    check = CHECKS[check_id]
    for text in (check.title, check.mend):
        assert text.en.isascii()
        assert re.search(r"[\u4e00-\u9fff]", text.zh)
    assert check.protocols <= ANY
