# SPDX-License-Identifier: Apache-2.0
"""Secrets come by reference, and an error shows the reference at most."""

from pathlib import Path

import pytest

from gateway.errors import SetupError
from gateway.secret_source import secret_source

WHERE = "adapters/desk.toml"


def refusal(folder: Path, reference: str) -> str:
    with pytest.raises(SetupError) as caught:
        secret_source(folder, WHERE)(reference)
    assert caught.value.where == WHERE
    return str(caught.value)


def test_a_file_is_relative_to_the_site(tmp_path: Path) -> None:
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys/desk").write_text("demo-secret\n")
    assert secret_source(tmp_path, WHERE)("file:keys/desk") == "demo-secret"


def test_a_file_may_be_absolute(tmp_path: Path) -> None:
    (tmp_path / "desk").write_text("demo-secret")
    assert secret_source(Path("/nowhere"), WHERE)(f"file:{tmp_path}/desk") == "demo-secret"


def test_a_variable_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DESK_SECRET", "demo-secret")
    assert secret_source(tmp_path, WHERE)("env:DESK_SECRET") == "demo-secret"


@pytest.mark.parametrize("reference", ["file:keys/none", "file:", "env:DESK_NONE", "env:"])
def test_what_is_not_there_is_named(tmp_path: Path, reference: str) -> None:
    assert reference in refusal(tmp_path, reference)


def test_bytes_that_are_no_text_are_not_shown(tmp_path: Path) -> None:
    (tmp_path / "desk").write_bytes(b"\xff\xfe-demo")
    assert "demo" not in refusal(tmp_path, "file:desk")


def test_an_empty_secret_is_refused(tmp_path: Path) -> None:
    (tmp_path / "desk").write_text(" \n")
    assert "empty" in refusal(tmp_path, "file:desk")


@pytest.mark.parametrize("reference", ["demo-secret", "vault:demo-secret", ""])
def test_a_secret_in_clear_is_refused_and_not_repeated(tmp_path: Path, reference: str) -> None:
    assert "demo-secret" not in refusal(tmp_path, reference)
