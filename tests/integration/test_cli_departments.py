# SPDX-License-Identifier: Apache-2.0
"""`yizheng department`, and `yizheng cache` where nothing runs."""

from pathlib import Path

import pytest

from fixtures.world import DEPARTMENTS
from gateway.config import load_site
from gateway.crypto.keys import generate_private_key, public_pem
from gateway.errors import AuditError, RequestError, SetupError
from tests.integration.auditing import REASON, Office


@pytest.fixture
def office(short_folder: Path, request: pytest.FixtureRequest) -> Office:
    folder = short_folder / f"d{abs(hash(request.node.name)) % 10_000}"
    folder.mkdir()
    return Office(folder)


@pytest.fixture
def public(tmp_path: Path) -> Path:
    file = tmp_path / "new.pub.pem"
    file.write_text(public_pem(generate_private_key("ed25519")))
    return file


def test_a_department_is_added_listed_disabled_and_enabled(office: Office, public: Path) -> None:
    added = office.run(
        "department", "add", "yq-new", public, "--name", "新部门", "--adapter", "housing_fund"
    )
    assert added["adapters"] == ["housing_fund"]
    for action, active in (("disable", False), ("enable", True)):
        said = office.run("department", action, "yq-new")
        assert said == {"department": "yq-new", "active": active}
        rows = {row["department"]: row for row in office.run("department", "list")}
        assert rows.keys() == {*DEPARTMENTS, "yq-new"}
        assert rows["yq-new"]["active"] is active
        assert rows["yq-new"]["keys"] == [added["key"]]


def test_what_no_site_could_use_is_refused(office: Office, public: Path) -> None:
    options = ["--name", "新部门", "--adapter", "housing_fund"]
    with pytest.raises(RequestError, match=r"there is no adapters/none\.toml"):
        office.run("department", "add", "yq-new", public, "--name", "x", "--adapter", "none")
    with pytest.raises(RequestError, match="AGENCY_MALFORMED"):
        office.run("department", "add", "Yq New", public, *options)
    with pytest.raises(RequestError, match="is there already"):
        office.run("department", "add", "yq-ga", public, *options)
    with pytest.raises(RequestError, match="AGENCY_UNKNOWN"):
        office.run("department", "disable", "yq-none")
    load_site(office.folder)


def test_a_file_that_names_no_adapter_of_the_site_is_told_with_its_remedy(office: Office) -> None:
    file = office.folder / "departments/yq-ga.toml"
    file.write_text(file.read_text().replace('"public_security"', '"none"'))
    with pytest.raises(SetupError, match=r"departments/yq-ga.toml: \$.adapters.*add adapters/none"):
        load_site(office.folder)


def test_a_key_id_is_of_one_signer_only(office: Office) -> None:
    file = office.folder / "departments/yq-ga.toml"
    file.write_text(file.read_text().replace('"yq-ga-1"', '"auditor-a-1"'))
    with pytest.raises(SetupError, match="key id `auditor-a-1` is also used"):
        load_site(office.folder)


@pytest.mark.parametrize("command", [["stats"], ["purge", "--all", "--reason", REASON]])
def test_where_nothing_runs_there_is_no_cache(office: Office, command: list[str]) -> None:
    with pytest.raises(AuditError, match="no connection"):
        office.run("cache", *command)
