# SPDX-License-Identifier: Apache-2.0
"""Erasing an epoch by command: what is refused, what is gone, and what a kill leaves."""

import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import typer

from gateway import keyring
from gateway.audit import hold_lock
from gateway.audit.desk import Desk
from gateway.audit.index.follow import catch_up
from gateway.audit.store.reader import LogReader
from gateway.config import Site, load_site
from gateway.crypto.digest import b64url_decode
from gateway.errors import RequestError, SetupError
from gateway.model.act import Act, Action
from gateway.model.entry import parse_entry
from tests.integration.auditing import REASON, Office
from tests.unit.audit.test_hold_lock import try_lock

ME, OTHER = "140302190001010017", "140302190001010025"
OLD = datetime(2023, 5, 3, 1, 2, 3, tzinfo=UTC)
YOUNG = datetime(2025, 5, 3, 1, 2, 3, tzinfo=UTC)

#: Ends the command by kill -9 when it is about to do what is named.
KILLED = """
import os, signal, sys
from gateway import keyring
from gateway.audit.index import writer
from gateway.cli.main import main

room = {"erase_epoch": keyring, "forget_epoch": writer}[sys.argv.pop(1)]
name = "erase_epoch" if room is keyring else "forget_epoch"
setattr(room, name, lambda *_: os.kill(os.getpid(), signal.SIGKILL))
sys.exit(main())
"""


@pytest.fixture
def office(tmp_path: Path) -> Office:
    made = Office(tmp_path)
    made.record([(OLD, ME), (OLD, OTHER), (YOUNG, ME)])
    return made


def states(office: Office) -> dict[str, str]:
    return {
        each["epoch"]: each["state"]
        for each in office.run("audit", "epochs")
        if each["state"] != "current"
    }


def refused(office: Office, *arguments: str, name: str = "keeper") -> tuple[str, str]:
    with pytest.raises(RequestError) as caught:
        office.audit(name, *arguments)
    return caught.value.code, caught.value.detail


def entry_of(office: Office, index: int) -> Any:
    with closing(LogReader.open(office.folder / "var/audit")) as reader:
        return parse_entry(reader.entry(index))


def test_an_old_epoch_is_erased_and_the_log_verifies(office: Office) -> None:
    index_of_me = b64url_decode(entry_of(office, 0).holder.ix)
    index = office.folder / "var/index"
    site = load_site(office.folder)
    catch_up(office.folder / "var/audit", index, keyring.log_verifier(site))
    assert any(index_of_me in file.read_bytes() for file in index.iterdir())

    [done] = office.audit("keeper", "erase", "2023-05")
    assert (done["state"], done["record_count"]) == ("erased", 2)
    assert states(office) == {"2023-05": "erased", "2025-05": "kept"}
    verified = office.run("audit", "verify")
    assert (verified["verified"], verified["unfinished_erasures"]) == (True, [])

    with pytest.raises(SetupError, match="has no epoch 2023-05"):
        keyring.epoch_cipher(site, "2023-05")
    assert not any(index_of_me in file.read_bytes() for file in index.iterdir())
    with closing(sqlite3.connect(index / "index.sqlite3")) as connection:
        rows = connection.execute("SELECT epoch, ix IS NULL FROM records WHERE kind = 'lookup'")
        assert set(rows) == {("2023-05", 1), ("2025-05", 0)}
    assert refused(office, "unmask", "ask", "0", name="auditor-a")[0] == "EPOCH_ERASED"
    assert office.audit("auditor-a", "unmask", "ask", "2")["index"] == 2


def test_what_may_not_be_erased_is_refused_with_the_reason(office: Office) -> None:
    assert refused(office, "erase", "2025-05") == (
        "ERASURE_REFUSED",
        "epoch 2025-05 is to be kept; it may be erased from 2028-06-01 00:00:00+08:00 on",
    )
    current = max(each["epoch"] for each in office.run("audit", "epochs"))
    assert "is not over" in refused(office, "erase", current)[1]
    assert refused(office, "erase", "2001-01")[0] == "RECORD_UNKNOWN"
    assert refused(office, "erase", "2023-05", name="auditor-b")[0] == "AUDITOR_REFUSED"
    with pytest.raises(typer.BadParameter):
        office.audit("keeper", "erase")
    assert states(office)["2023-05"] == "due"


def test_due_epochs_are_erased_together_except_held_ones(office: Office) -> None:
    office.record([(datetime(2022, 1, 1, tzinfo=UTC), OTHER)], case="YQ-2")
    hold = office.audit("keeper", "hold", "add", "holder", stdin=f"{ME}\n")["hold"]
    # Whom and which case it is about is read with `audit view`, which is recorded.
    assert [(h["subject"], h["hold"]) for h in office.run("audit", "hold", "list")] == [
        ("holder", hold)
    ]
    assert [each["epoch"] for each in office.audit("keeper", "erase", "--due")] == ["2022-01"]
    assert hold in refused(office, "erase", "2023-05")[1]
    assert office.audit("keeper", "hold", "release", hold)["hold"] == hold
    assert refused(office, "hold", "release", hold)[0] == "RECORD_UNKNOWN"
    assert [each["epoch"] for each in office.audit("keeper", "erase", "--due")] == ["2023-05"]
    assert office.audit("keeper", "erase", "--due") == []


@pytest.mark.parametrize("what", ["epoch:2023-05", "case:YQ-1"])
def test_a_hold_names_an_epoch_or_a_case(office: Office, what: str) -> None:
    office.audit("keeper", "hold", "add", what)
    assert states(office)["2023-05"] == "held"


def test_a_hold_that_would_hold_nothing_is_refused(office: Office) -> None:
    for what in ("2023-05", "case:", "everything"):
        with pytest.raises(typer.BadParameter):
            office.audit("keeper", "hold", "add", what)
    assert refused(office, "hold", "add", "epoch:2001-01")[0] == "RECORD_UNKNOWN"
    assert refused(office, "hold", "add", "holder")[0] == "HOLDER_INVALID"
    assert refused(office, "hold", "add", "case:YQ-1", name="auditor-a")[0] == "AUDITOR_REFUSED"
    office.audit("keeper", "erase", "2023-05")
    assert refused(office, "hold", "add", "epoch:2023-05")[0] == "EPOCH_ERASED"


def test_holds_and_the_end_of_keys_take_turns(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither command does its part without the lock that the other one takes."""
    done = []
    record, end = Desk.record, keyring.erase_epoch

    def watched_record(desk: Desk, action: Action, **members: Any) -> tuple[int, Act]:
        if action == "hold":
            with pytest.raises(BlockingIOError):
                try_lock(office.folder / "keys")
            done.append("hold")
        return record(desk, action, **members)

    def watched_end(site: Site, epoch: str) -> None:
        with pytest.raises(BlockingIOError):
            try_lock(office.folder / "keys")
        done.append("end")
        end(site, epoch)

    monkeypatch.setattr(Desk, "record", watched_record)
    monkeypatch.setattr(keyring, "erase_epoch", watched_end)
    office.audit("keeper", "hold", "add", "epoch:2025-05")
    office.audit("keeper", "erase", "2023-05")
    assert done == ["hold", "end"]


def test_a_hold_on_an_epoch_that_is_being_erased_is_refused(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    @contextmanager
    def after_the_erasure(keys: Path) -> Iterator[None]:
        keyring.erase_epoch(load_site(office.folder), "2023-05")
        with taken(keys):
            yield

    taken = hold_lock.hold_lock
    monkeypatch.setattr(hold_lock, "hold_lock", after_the_erasure)
    assert refused(office, "hold", "add", "epoch:2023-05") == ("EPOCH_ERASED", "epoch 2023-05")
    assert office.run("audit", "hold", "list") == []


@pytest.mark.parametrize(
    ("step", "state", "unfinished"),
    [("erase_epoch", "unfinished", ["2023-05"]), ("forget_epoch", "erased", [])],
)
def test_a_killed_erasure_is_told_and_completed(
    office: Office, step: str, state: str, unfinished: list[str]
) -> None:
    arguments = ["audit", "erase", "2023-05", *office.world.auditing("keeper", REASON)]
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, step, *arguments, "--site", str(office.folder)],
        capture_output=True,
        check=False,
    )
    assert killed.returncode == -signal.SIGKILL
    assert states(office)["2023-05"] == state
    assert office.run("audit", "verify")["unfinished_erasures"] == unfinished
    size = office.run("audit", "verify")["entries"]
    assert office.audit("keeper", "erase", "2023-05")[0]["state"] == "erased"
    assert office.run("audit", "verify")["entries"] == size


def test_retention_is_six_months_at_least(office: Office) -> None:
    config = office.folder / "gateway.toml"
    config.write_text(config.read_text() + "\n[audit]\nretention_months = 5\n")
    with pytest.raises(
        SetupError, match=r"gateway.toml: \$.audit.retention_months: Expected `int` >= 6"
    ):
        load_site(office.folder)
    config.write_text(config.read_text().replace("months = 5", "months = 6"))
    assert states(office)["2025-05"] == "due"
