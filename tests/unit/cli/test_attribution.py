# SPDX-License-Identifier: Apache-2.0
"""`yizheng attribution map`: another interface's request, in our words."""

from pathlib import Path

import msgspec
import pytest
from typer.testing import CliRunner

from gateway.cli.main import app
from gateway.errors import RequestError
from tests.unit.model.test_five_elements import COUNCIL, POLICE


def mapped(file: Path, request: object, *options: str) -> dict[str, object]:
    file.write_bytes(msgspec.json.encode(request))
    arguments = ["attribution", "map", str(file), *options, "--json"]
    result = CliRunner().invoke(app, arguments, standalone_mode=False)
    if result.exception is not None:
        raise result.exception
    document: dict[str, object] = msgspec.json.decode(result.stdout)
    return document


def test_a_request_is_shown_as_our_attribution(tmp_path: Path) -> None:
    found = mapped(tmp_path / "r.json", COUNCIL, "--dialect", "state-council")
    assert found["organisation"] == "公积金中心"
    assert isinstance(found["attribution"], dict)
    assert found["attribution"]["case"] == "YQ20261122-0001"


def test_what_the_dialect_has_no_word_for_is_given(tmp_path: Path) -> None:
    options = ("--dialect", "police-bus", "--item", "yq-gjj-001", "--case", "YQ-0001")
    found = mapped(tmp_path / "r.json", POLICE, *options)
    assert isinstance(found["attribution"], dict)
    assert found["attribution"]["item"] == "yq-gjj-001"
    with pytest.raises(RequestError, match="missing"):
        mapped(tmp_path / "r.json", POLICE, "--dialect", "police-bus")


def test_what_is_no_json_object_is_said(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="not one JSON object"):
        mapped(tmp_path / "r.json", ["no", "object"], "--dialect", "fujian")
