# SPDX-License-Identifier: Apache-2.0
"""Unmasking by command: two persons, once, and the number on standard output alone."""

import shutil
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gateway import keyring
from gateway.audit import unmask
from gateway.audit.signed import read_acts
from gateway.audit.store.reader import LogReader
from gateway.audit.store.sqlite import SqliteStore
from gateway.config import load_site
from gateway.errors import GatewayError
from tests.integration.auditing import Office

ME = "140302190001010017"
RECENT = datetime(2026, 10, 3, tzinfo=UTC)


@pytest.fixture
def office(tmp_path: Path) -> Office:
    made = Office(tmp_path)
    made.record([(RECENT, ME)])
    return made


def refused(office: Office, name: str, *arguments: str) -> str:
    with pytest.raises(GatewayError) as caught:
        office.audit(name, "unmask", *arguments)
    assert ME not in str(caught.value)
    return caught.value.code


def acts_of(office: Office) -> list[tuple[str, str]]:
    with closing(LogReader.open(office.folder / "var/audit")) as reader:
        return [(act.action, act.actor) for _, act in read_acts(reader)]


@pytest.mark.parametrize("by_id", [True, False])
def test_two_persons_see_a_number_once(office: Office, by_id: bool) -> None:
    with closing(LogReader.open(office.folder / "var/audit")) as reader:
        wanted = unmask.find_record(reader, "0")[1].id if by_id else "0"
    asked = office.audit("auditor-a", "unmask", "ask", wanted)
    assert (asked["index"], asked["holder"]) == (0, "140*************17")
    assert refused(office, "auditor-a", "redeem", asked["ask"]) == "UNMASK_REFUSED"
    assert refused(office, "auditor-a", "approve", asked["ask"]) == "AUDITOR_REFUSED"
    approved = office.audit("auditor-b", "unmask", "approve", asked["ask"])
    assert (approved["asked_by"], approved["record"]) == ("auditor-a", asked["record"])
    assert refused(office, "auditor-b", "redeem", asked["ask"]) == "UNMASK_REFUSED"
    shown = office.audit("auditor-a", "unmask", "redeem", asked["ask"])
    assert (shown["number"], shown["index"]) == (ME, 0)
    assert refused(office, "auditor-a", "redeem", asked["ask"]) == "UNMASK_REFUSED"
    assert refused(office, "auditor-b", "approve", asked["ask"]) == "UNMASK_REFUSED"
    assert acts_of(office) == [
        ("unmask_ask", "auditor-a"),
        ("unmask_approve", "auditor-b"),
        ("unmask_redeem", "auditor-a"),
    ]
    assert office.run("audit", "verify")["verified"]
    files = [file for file in office.folder.rglob("*") if file.is_file()]
    assert not any(ME.encode() in file.read_bytes() for file in files)


def test_who_approves_cannot_approve_an_own_ask(office: Office) -> None:
    asked = office.audit("auditor-b", "unmask", "ask", "0")
    assert refused(office, "auditor-b", "approve", asked["ask"]) == "UNMASK_REFUSED"


def test_a_second_name_with_the_same_key_is_no_second_person(office: Office) -> None:
    folder, key = office.folder / "auditors", office.world.auditor_key
    text = (folder / "auditor-a.toml").read_text()
    changed = text.replace("auditor-a", "auditor-c").replace('"read"', '"approve"')
    (folder / "auditor-c.toml").write_text(changed)
    shutil.copy(key("auditor-a"), key("auditor-c"))
    asked = office.audit("auditor-a", "unmask", "ask", "0")
    assert refused(office, "auditor-c", "approve", asked["ask"]) == "UNMASK_REFUSED"
    assert refused(office, "auditor-a", "redeem", asked["ask"]) == "UNMASK_REFUSED"


def test_no_record_no_number(office: Office) -> None:
    asked = office.audit("auditor-a", "unmask", "ask", "0")["ask"]
    office.audit("auditor-b", "unmask", "approve", asked)
    site = load_site(office.folder)
    other = SqliteStore.open(site.state / "audit", keyring.log_signer(site).public)
    try:  # the log is locked by somebody else, so nothing can be recorded
        with pytest.raises(GatewayError) as caught:
            office.audit("auditor-a", "unmask", "redeem", asked)
        assert ME not in str(caught.value)
    finally:
        other.close()
    assert "unmask_redeem" not in {action for action, _ in acts_of(office)}
    assert office.audit("auditor-a", "unmask", "redeem", asked)["number"] == ME


@pytest.mark.parametrize("wanted", ["1", "999999999999999999999", "nobody", "²"])
def test_a_record_that_is_not_there_is_refused(office: Office, wanted: str) -> None:
    assert refused(office, "auditor-a", "ask", wanted) == "RECORD_UNKNOWN"


def test_an_act_about_a_holder_is_unmasked_as_well_and_one_about_nobody_is_not(
    office: Office,
) -> None:
    hold = office.audit("keeper", "hold", "add", "holder", stdin=f"{ME}\n")["hold"]
    asked = office.audit("auditor-a", "unmask", "ask", hold)
    office.audit("auditor-b", "unmask", "approve", asked["ask"])
    assert office.audit("auditor-a", "unmask", "redeem", asked["ask"])["number"] == ME
    assert refused(office, "auditor-a", "ask", asked["ask"]) == "RECORD_UNKNOWN"
    assert refused(office, "keeper", "ask", "0") == "AUDITOR_REFUSED"
