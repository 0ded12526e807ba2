# SPDX-License-Identifier: Apache-2.0
"""Searching a running gateway's log: by whom, found what, recorded first, exported whole."""

import asyncio
import csv
import os
import signal
import subprocess
import time
import urllib.request
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import openpyxl
import pytest

from fixtures.citizens import Citizen
from fixtures.world import World
from gateway.audit.store.reader import LogReader
from gateway.model.act import Act
from gateway.model.record import parse_record
from tests.command import yizheng
from tests.integration.tsa import told

LIMIT_S = 60.0


def run(*arguments: str, said: str = "") -> subprocess.CompletedProcess[str]:
    return yizheng(*arguments, stdin=said, environment={"COLUMNS": "200"})


def acts(world: World) -> list[Act]:
    with closing(LogReader.open(world.site / "var/audit")) as reader:
        records = [parse_record(line) for _, line in reader.entries()]
    return [record for record in records if isinstance(record, Act)]


def search(world: World, *options: str, said: str = "") -> dict[str, Any]:
    done = run(
        "audit", "search", "--site", str(world.site), *world.auditing(), "--json", *options,
        said=said,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = msgspec.json.decode(done.stdout)
    return found


@pytest.fixture(scope="module")
def asked(world: World) -> tuple[str, Citizen]:
    """A case of this module's own, asked about three times; all of it is indexed."""
    case, citizen = "YQ20261122-7777", world.citizen_with_account(5)

    async def ask() -> None:
        async with world.client() as client:
            for fields in (("name",), ("name", "valid_to"), ("valid_to",)):
                await client.lookup(
                    world.request(citizen.id_number, fields=fields, attribution__case=case)
                )

    asyncio.run(ask())
    until = time.monotonic() + LIMIT_S
    while told(world.url)["index"] != "ok":
        assert time.monotonic() < until
        time.sleep(0.05)
    return case, citizen


def test_a_case_is_found_and_the_search_recorded_first(
    world: World, asked: tuple[str, Citizen]
) -> None:
    case, citizen = asked
    found = search(world, "--case", case, "--facets", "outcome,requested", "--limit", "2")
    assert (found["total"], found["exact"], found["left"], len(found["rows"])) == (3, True, 1, 2)
    assert {row["case"] for row in found["rows"]} == {case}
    assert found["facets"]["outcome"]["counts"] == [["found", 3]]
    assert found["facets"]["requested"]["counts"] == [["name", 2], ["valid_to", 2]]
    rest = search(world, "--case", case, "--cursor", str(found["cursor"]))
    assert (len(rest["rows"]), rest["left"], rest["cursor"]) == (1, 0, None)
    act = next(act for act in acts(world) if act.id == found["act"])
    assert (act.action, act.actor, act.count) == ("search", "auditor-a", 2)
    assert msgspec.json.decode(act.query or "") == {"case": [case]}
    assert found["indexed"] + found["not_indexed"] <= found["act_index"]
    assert citizen.id_number not in msgspec.json.encode(found).decode()


def test_a_holder_is_asked_for_by_standard_input_or_file_never_by_argument(
    world: World, asked: tuple[str, Citizen], tmp_path: Path
) -> None:
    case, citizen = asked
    found = search(world, "--holder", "--case", case, said=f"{citizen.id_number}\n")
    assert found["total"] == 3
    assert found["holder"] == f"{citizen.id_number[:3]}{'*' * 13}{citizen.id_number[-2:]}"
    file = tmp_path / "number"
    file.write_text(f"{citizen.id_number}\n")
    assert search(world, "--holder-file", str(file), "--case", case)["total"] == 3
    act = acts(world)[-1]
    assert act.holder is not None
    assert act.holder.masked == found["holder"]
    assert act.query == f'{{"case":["{case}"]}}'
    stranger = search(world, "--holder", "--case", case, said="140105194912310017\n")
    assert (stranger["total"], stranger["rows"]) == (0, [])
    refused = run(
        "audit", "search", "--site", str(world.site), *world.auditing(), "--case", citizen.id_number
    )
    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr.startswith("REASON_REFUSED")
    assert citizen.id_number not in refused.stderr


@pytest.mark.parametrize("form", ["csv", "xlsx", "jsonl"])
def test_what_is_exported_is_what_was_found(
    world: World, asked: tuple[str, Citizen], tmp_path: Path, form: str
) -> None:
    case, citizen = asked
    path = tmp_path / f"records.{form}"
    options = ("--case", case, "--oldest-first", "--format", form, "-o", str(path))
    said = search(world, *options)
    wanted = [row["index"] for row in search(world, "--case", case, "--oldest-first")["rows"]]
    assert (said["rows"], len(wanted)) == (3, 3)
    if form == "csv":
        with path.open(encoding="utf-8-sig", newline="") as file:
            lines = list(csv.reader(file))
        indices = [int(line[0]) for line in lines[1:4]]
        about = {line[1]: line[2] for line in lines[4:]}
    elif form == "xlsx":
        records, last = openpyxl.load_workbook(path).worksheets
        indices = [int(str(line[0])) for line in records.iter_rows(min_row=2, values_only=True)]
        about = {str(line[0]): str(line[1]) for line in last.iter_rows(values_only=True)}
    else:
        lines_read = [msgspec.json.decode(line) for line in path.read_bytes().splitlines()]
        indices, about = [line["index"] for line in lines_read[:-1]], lines_read[-1]["about"]
    assert indices == wanted
    assert (about["act"], about["auditor"]) == (said["act"], "auditor-a")
    assert citizen.id_number.encode() not in path.read_bytes()
    act = next(act for act in acts(world) if act.id == said["act"])
    assert (act.action, act.count) == ("export", 3)


def test_one_record_is_viewed_by_id_or_index(world: World, asked: tuple[str, Citizen]) -> None:
    row = search(world, "--case", asked[0])["rows"][0]
    for name in (row["id"], str(row["index"])):
        done = run("audit", "view", name, "--site", str(world.site), *world.auditing(), "--json")
        seen = msgspec.json.decode(done.stdout)
        assert (seen["index"], seen["id"]) == (row["index"], row["id"])
        assert seen["holder"]["masked"] == row["holder"]
        assert (acts(world)[-1].action, acts(world)[-1].subject) == ("view", row["id"])
    absent = run("audit", "view", "999999999", "--site", str(world.site), *world.auditing())
    assert absent.returncode == 1
    assert absent.stderr.startswith("RECORD_UNKNOWN")


@pytest.mark.parametrize(
    ("who", "reason", "code"),
    [
        ("keeper", "monthly review", "AUDITOR_REFUSED"),
        ("auditor-a", "test", "REASON_REFUSED"),
        ("nobody", "monthly review", "AUDITOR_REFUSED"),
    ],
)
def test_who_may_not_read_sees_nothing(world: World, who: str, reason: str, code: str) -> None:
    key = world.auditor_key("keeper" if who == "keeper" else "auditor-a")
    known = len(acts(world))
    for command in (["search"], ["tail"]):
        done = run(
            "audit", *command, "--site", str(world.site), "--as", who, "--key", str(key),
            "--reason", reason,
        )  # fmt: skip
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr.startswith(code)
    assert len(acts(world)) == known


@pytest.mark.parametrize(
    "options",
    [
        ("--facets", "holder"),
        ("--format", "csv"),
        ("--format", "pdf", "-o", "x"),
        ("--limit", "0"),
    ],
)
def test_a_wrong_command_line_exits_2(world: World, options: tuple[str, ...]) -> None:
    done = run("audit", "search", "--site", str(world.site), *world.auditing(), *options)
    assert (done.returncode, done.stdout) == (2, "")


def test_the_indexer_is_started_again_and_metrics_tell_its_lag(
    world: World, asked: tuple[str, Citizen]
) -> None:
    before = world.pids()["indexer"]
    os.kill(before, signal.SIGKILL)
    until = time.monotonic() + LIMIT_S
    while world.pids().get("indexer") in {None, before} or told(world.url)["index"] != "ok":
        assert time.monotonic() < until
        time.sleep(0.05)
    with urllib.request.urlopen(f"{world.url}/metrics") as answer:
        assert b"\nyizheng_audit_index_behind 0.0\n" in answer.read()
    assert search(world, "--case", asked[0])["total"] == 3
    status = run("audit", "index", "status", "--site", str(world.site), "--json")
    assert msgspec.json.decode(status.stdout)["state"].startswith(("ok", "behind"))
    kept = run("audit", "index", "build", "--site", str(world.site))
    assert kept.returncode == 78
    assert "another process keeps this index" in kept.stderr
