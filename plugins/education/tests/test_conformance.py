# SPDX-License-Identifier: Apache-2.0
"""The conformance kit against this adapter and its simulator."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.conformance import AdapterContract, Subject, subject_of


@pytest.fixture(scope="module")
def subject() -> Iterator[Subject]:
    with subject_of(Path(__file__).parents[1] / "conformance.toml") as subject:
        yield subject


class TestEducation(AdapterContract):
    pass
