# SPDX-License-Identifier: Apache-2.0
"""Tables show what records hold, as it is: callers wrote it, and may have meant harm."""

import pytest

from gateway.cli.output import plain, print_table


def test_a_cell_is_no_markup_and_steers_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(
        "Rows", ["a", "b"], [("[/x]", "YQ[abc]1"), ("o1\x1b[1A", "p\x1b[2K\x07"), (None, 3)]
    )
    shown = capsys.readouterr().out
    assert "[/x]" in shown
    assert "YQ[abc]1" in shown
    assert "\x1b" not in shown
    assert "\x07" not in shown


def test_ordinary_text_is_left_alone() -> None:
    assert plain("阳泉 a-1 ·\n") == "阳泉 a-1 ·\n"
    assert plain("\u202e\udcba") == "\N{REPLACEMENT CHARACTER}" * 2
