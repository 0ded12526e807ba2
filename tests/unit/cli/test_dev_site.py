# SPDX-License-Identifier: Apache-2.0
"""Settings of any form become TOML that says the same."""

import tomllib
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from gateway.cli.dev_site import format_value

_TEXT = st.text(st.characters(exclude_categories=["Cs"]))
_VALUES = st.recursive(
    _TEXT
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner) | st.dictionaries(_TEXT, inner),
    max_leaves=8,
)


@given(_VALUES)
def test_a_value_is_read_as_it_was_written(value: Any) -> None:
    assert tomllib.loads(f"x = {format_value(value)}") == {"x": value}
