# SPDX-License-Identifier: Apache-2.0
"""What a simulator says first, before it is asked anything."""

import os
from pathlib import Path

import pytest

from gateway.conformance.manifest import _ready
from gateway.errors import SetupError


@pytest.mark.parametrize("line", [b"Serving\n", b'{"url": "\xff"}\n'])
def test_a_first_line_that_is_no_json_in_utf_8_is_named(line: bytes) -> None:
    reading, writing = os.pipe()
    os.write(writing, line)
    os.close(writing)
    with (
        os.fdopen(reading, "rb") as stdout,
        pytest.raises(SetupError, match="first line is not a JSON object"),
    ):
        _ready(stdout, 30, Path("conformance.toml"))
