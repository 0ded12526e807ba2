# SPDX-License-Identifier: Apache-2.0
"""The checks as tests: what an adapter's own test class inherits.

pytest collects one test for each check, named by its id::

    @pytest.fixture(scope="module")
    def subject() -> Iterator[Subject]:
        with subject_of(Path(__file__).parents[1] / "conformance.toml") as subject:
            yield subject


    class TestHousingFund(AdapterContract):
        pass
"""

from typing import TYPE_CHECKING

from gateway.conformance.check import CHECKS
from gateway.conformance.run import run_check
from gateway.conformance.subject import Subject

if TYPE_CHECKING:  # at run time only where pytest runs already
    import pytest


class AdapterContract:
    """Inherit, and give one fixture `subject`, best of scope `module`.

    A failed required check fails, with what was seen and how to mend it. An exempt check, one that
    cannot be made of this department, and an advisory one that did not hold are skipped with the
    reason.
    """

    @staticmethod
    def pytest_generate_tests(metafunc: "pytest.Metafunc") -> None:
        """One test for each check."""
        if "check_id" in metafunc.fixturenames:
            metafunc.parametrize("check_id", sorted(CHECKS))

    def test_conforms(self, subject: Subject, check_id: str) -> None:
        """The adapter passes this check."""
        import pytest  # noqa: PLC0415 - the command runs the same checks without it

        result = run_check(subject, check_id)
        check = CHECKS[check_id]
        said = f"{check_id} {check.title.en}: {result.detail}"
        if result.outcome == "failed":
            pytest.fail(f"{said}\n→ {check.mend.en}\n→ {check.mend.zh}", pytrace=False)
        if result.outcome != "passed":
            pytest.skip(f"{result.outcome}: {said}")
