# SPDX-License-Identifier: Apache-2.0
"""`yizheng adapter shadow`: a question that cannot be read is named by its line."""

from pathlib import Path

import pytest

from gateway.cli.adapter_shadow import _samples
from gateway.errors import SetupError


@pytest.mark.parametrize("line", [b"{", '{"number": "1", "name": "测试甲"}'.encode("gb18030")])
def test_a_question_that_is_no_json_in_utf_8_is_named(line: bytes, tmp_path: Path) -> None:
    file = tmp_path / "questions"
    file.write_bytes(b"140302190001010017\n" + line)
    with pytest.raises(SetupError, match="line 2: no JSON of a question"):
        list(_samples(file))
