# SPDX-License-Identifier: Apache-2.0
"""Paths of deferrals: one spelling each, nothing else below, no identity number."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import RequestError
from gateway.web.deferrals import format_deferral_target, parse_deferral_target

CASE = "YQ20261122-0001"
CASES = st.from_regex(r"[A-Z._/-]{4,20}", fullmatch=True)
MATERIALS = st.text(
    st.characters(exclude_categories=("Cs", "Nd", "No", "Nl")), min_size=1, max_size=200
)


@given(CASES, MATERIALS, st.booleans())
def test_a_path_is_read_as_it_is_written(case: str, material: str, is_closing: bool) -> None:
    target = format_deferral_target(case, material) + ("/close" if is_closing else "")
    assert parse_deferral_target(target) == (case, material, is_closing)


def test_without_a_material_it_is_all_of_the_case() -> None:
    assert parse_deferral_target(f"/v1/cases/{CASE}/deferrals") == (CASE, None, False)


@pytest.mark.parametrize(
    ("below", "code"),
    [
        ("?x=1", "PATH_UNKNOWN"),
        ("/", "PATH_UNKNOWN"),
        ("/a/", "PATH_UNKNOWN"),
        ("/a/open", "PATH_UNKNOWN"),
        ("/a/close/b", "PATH_UNKNOWN"),
        ("/a?x=1", "PATH_UNKNOWN"),
        ("/%e7%bb%93", "PATH_UNKNOWN"),  # lower-case digits: another spelling
        ("/%FF", "PATH_UNKNOWN"),
        ("/" + "a" * 201, "PATH_UNKNOWN"),
        ("/140302190001010017", "ATTRIBUTION_PERSONAL"),
    ],
)
def test_nothing_else_is_a_path(below: str, code: str) -> None:
    with pytest.raises(RequestError, match=code):
        parse_deferral_target(f"/v1/cases/{CASE}/deferrals{below}")
