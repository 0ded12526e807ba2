# SPDX-License-Identifier: Apache-2.0
"""A case number in a path: one spelling, and nobody's number."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import RequestError
from gateway.web.cases import format_target, parse_target
from tests.unit.office.drafts import APPLICANT, COMPANY


@given(st.from_regex(r"[A-Za-z0-9._/-]{4,17}", fullmatch=True), st.booleans())
def test_a_number_is_read_as_it_was_written(number: str, is_closing: bool) -> None:
    tail = "/close" if is_closing else ""
    assert parse_target(format_target(number) + tail) == (number, tail)


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12))
def test_a_material_is_read_as_it_was_written(name: str) -> None:
    target = format_target("YQ-0001", commitment=name)
    assert parse_target(target) == ("YQ-0001", f"/commitments/{name}")


@pytest.mark.parametrize(
    "target",
    [
        *("/v1/cases/", "/v1/cases/abc", "/v1/cases/YQ-0001/", "/v1/cases/YQ-0001/open"),
        *("/v1/cases/YQ-0001/close/", "/v1/cases/YQ-0001?x=1", "/v1/cases/YQ-0001/close?x"),
        *("/v1/cases/YQ%2f0001", "/v1/cases/%59Q-0001", "/v1/cases/YQ%200001", "/v1/cases/~YQ1"),
        *("/v1/cases/" + "x" * 65, "/v1/cases/%E6%9D%A1%E7%9B%AE"),
        *("/v1/cases/YQ-0001/commitments", "/v1/cases/YQ-0001/commitments/"),
        *("/v1/cases/YQ-0001/commitments/a/b", "/v1/cases/YQ-0001/commitments/a?x=1"),
        *("/v1/cases/YQ-0001/commitments/%e7%85%a7", "/v1/cases/YQ-0001/commitments/%FF"),
        "/v1/cases/YQ-0001/commitments/" + "x" * 201,
    ],
)
def test_any_other_spelling_is_no_path(target: str) -> None:
    with pytest.raises(RequestError) as caught:
        parse_target(target)
    assert caught.value.code == "PATH_UNKNOWN"


@pytest.mark.parametrize(
    "number",
    [APPLICANT.number, f"YQ-{APPLICANT.number}-1", COMPANY.number, f"x{COMPANY.number.lower()}",
     "140302.19000101.0017"],
)  # fmt: skip
def test_a_number_that_holds_somebodys_number_is_refused_before_it_is_recorded(
    number: str,
) -> None:
    with pytest.raises(RequestError) as caught:
        parse_target(format_target(number))
    assert caught.value.code == "ATTRIBUTION_PERSONAL"
    assert number not in str(caught.value)


def test_a_material_is_nobodys_number() -> None:
    with pytest.raises(RequestError) as caught:
        parse_target(format_target("YQ-0001", commitment=f"证明{APPLICANT.number}"))
    assert caught.value.code == "ATTRIBUTION_PERSONAL"
