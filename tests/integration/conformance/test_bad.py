# SPDX-License-Identifier: Apache-2.0
"""For each check there is an adapter that breaks what it checks, and the kit catches every one."""

from pathlib import Path

import pytest

from gateway.conformance import run_check
from gateway.conformance.check import CHECKS
from tests.integration.conformance.bad_answers import ANSWERS, FILES, of_file
from tests.integration.conformance.bad_declared import DECLARED
from tests.integration.conformance.bad_manners import MANNERS
from tests.integration.conformance.bad_timing import TIMING
from tests.integration.conformance.desk import FOUND, SECRET, desk_subject

WIRE = DECLARED | ANSWERS | TIMING | MANNERS
VALUES = [str(value) for sample in FOUND for value in sample.fields.values() if len(str(value)) > 2]


def test_every_check_has_its_bad_adapter() -> None:
    assert len(CHECKS) >= 40
    assert sorted([*WIRE, *FILES]) == sorted(CHECKS)


@pytest.mark.parametrize("check_id", sorted([*WIRE, *FILES]))
def test_the_bad_adapter_is_caught(check_id: str, desk_port: int, notes_file: Path) -> None:
    subject = WIRE[check_id](desk_port) if check_id in WIRE else of_file(check_id, notes_file)
    result = run_check(subject, check_id)
    assert result.outcome == ("failed" if CHECKS[check_id].level == "required" else "advised")
    assert result.detail, "it says what it saw"
    assert not [value for value in (*VALUES, SECRET) if value in result.detail]


def test_a_good_adapter_that_is_exempt_is_not_run(desk_port: int) -> None:
    result = run_check(desk_subject(desk_port, exempt={"YZ-F12": "answers are small"}), "YZ-F12")
    assert (result.outcome, result.detail) == ("exempt", "answers are small")
