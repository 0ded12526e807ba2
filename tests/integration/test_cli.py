# SPDX-License-Identifier: Apache-2.0
"""The command line against a running gateway: what it prints, and what its exit code says."""

import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
import pytest
import typer
from typer.testing import CliRunner

from fixtures.citizens import Citizen
from fixtures.world import KEYIDS, World
from gateway import __version__
from gateway.cli.main import app
from gateway.model.agency import Algorithm
from tests.command import yizheng
from tests.integration.wire import log_entries

SCRIPT = Path(sys.executable).with_name("yizheng")
ASKING = (
    *("--certificate", "public_security.identity", "--item", "yq-gjj-001"),
    *("--case", "YQ20261122-0009", "--purpose", "住房公积金提取"),
)


def run(*arguments: str, stdin: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
    done = yizheng(*arguments, stdin=stdin, environment={"COLUMNS": "120"} | environment)
    assert "Traceback" not in done.stderr
    return done


def write_profile(world: World, file: Path, **changes: str) -> Path:
    algorithm: Algorithm = "ecdsa-p256-sha256"
    settings = {
        "url": world.url,
        "key": str(world.agency_key(algorithm)),
        "keyid": KEYIDS[algorithm],
        "gateway_key": str(world.site / "keys/gateway.pub.pem"),
        "operator_id": "yq-0417",
        "operator_name": "测试经办",
    } | changes
    file.write_text("".join(f'{name} = "{value}"\n' for name, value in settings.items()))
    return file


@pytest.fixture
def profile(world: World, tmp_path: Path) -> Path:
    return write_profile(world, tmp_path / "agency.toml")


def look_up(
    profile: Path, citizen: Citizen, *arguments: str, field: str = "name"
) -> subprocess.CompletedProcess[str]:
    options = ("--profile", str(profile), *ASKING, "--field", field)
    done = run("lookup", *options, *arguments, stdin=f"{citizen.id_number}\n")
    assert citizen.id_number not in done.stdout + done.stderr
    return done


def commands(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Every command that is not hidden, by the words that call it."""
    inner = getattr(command, "commands", None)
    if inner is None:
        yield path
        return
    for name, one in inner.items():
        if not one.hidden:
            yield from commands(one, (*path, name))


def test_version_is_the_distributions() -> None:
    done = run("version")
    assert (done.returncode, done.stdout) == (0, f"{__version__}\n")


@pytest.mark.parametrize("command", [*commands(typer.main.get_command(app))], ids=" ".join)
def test_help_of_each_command_shows_an_example(command: tuple[str, ...]) -> None:
    shown = CliRunner().invoke(app, [*command, "--help"])
    assert shown.exit_code == 0
    assert f"Example: yizheng {' '.join(command)}" in " ".join(
        re.sub(r"[│`]", "", shown.output).split()
    )


def test_a_new_site_needs_nothing_more_to_be_right(tmp_path: Path) -> None:
    site = tmp_path / "site"
    made = run("init", str(site), "--json")
    assert made.returncode == 0
    assert msgspec.json.decode(made.stdout)["site"] == str(site)
    again = run("keys", "init", "--site", str(site), "--json")
    assert (again.returncode, msgspec.json.decode(again.stdout)) == (0, {"made": []})
    checked = run("config", "check", "--site", str(site), "--json")
    assert (checked.returncode, msgspec.json.decode(checked.stdout)["ok"]) == (0, True)
    private = [file for file in (site / "keys").iterdir() if file.suffix in {".pem", ".kek"}]
    assert {f.name for f in private if f.stat().st_mode & 0o077} == {
        f.name for f in private if f.name.endswith(".pub.pem")
    }
    twice = run("init", str(site))
    assert twice.returncode == 78
    assert "is not empty" in twice.stderr


def test_a_lookup_prints_a_table(profile: Path, citizen: Citizen) -> None:
    done = look_up(profile, citizen)
    assert (done.returncode, done.stderr) == (0, "")
    assert "public_security.identity: found" in done.stdout
    assert citizen.name in done.stdout
    assert "gateway.yq.example/log #" in done.stdout


def test_a_lookup_prints_one_document(world: World, profile: Path, citizen: Citizen) -> None:
    done = look_up(profile, citizen, "--json")
    document = msgspec.json.decode(done.stdout)
    assert (done.returncode, done.stderr) == (0, "")
    assert document["answer"]["fields"] == {"name": citizen.name}
    (entry,) = log_entries(world, document["receipt"]["index"])
    assert entry.id == document["answer"]["request_id"]


def test_a_refusal_exits_1_and_says_how_to_mend_it(profile: Path, citizen: Citizen) -> None:
    done = look_up(profile, citizen, field="household_address")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("FIELD_NOT_GRANTED: ")
    assert "只能请求授权所列字段" in done.stderr
    as_json = look_up(profile, citizen, "--json", field="household_address")
    assert as_json.returncode == 1
    assert msgspec.json.decode(as_json.stderr)["error"]["code"] == "FIELD_NOT_GRANTED"


def test_a_gateway_that_cannot_be_reached_exits_3(
    world: World, citizen: Citizen, tmp_path: Path
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: nobody answers here
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        done = look_up(write_profile(world, tmp_path / "away.toml", url=url), citizen)
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr.startswith("GATEWAY_UNREACHABLE: ")


def test_an_answer_of_another_gateway_exits_4_and_is_not_shown(
    world: World, citizen: Citizen, tmp_path: Path
) -> None:
    other = world.agency_key().with_suffix(".pub.pem")
    file = write_profile(world, tmp_path / "other.toml", gateway_key=str(other))
    done = look_up(file, citizen)
    assert (done.returncode, done.stdout) == (4, "")
    assert done.stderr.startswith("RESPONSE_UNTRUSTED: ")
    assert citizen.name not in done.stderr


@pytest.mark.parametrize("member", ["key", "gateway_key"])
def test_a_profile_without_its_key_file_exits_78(
    world: World, citizen: Citizen, tmp_path: Path, member: str
) -> None:
    done = look_up(write_profile(world, tmp_path / "lost.toml", **{member: "none.pem"}), citizen)
    assert (done.returncode, done.stdout) == (78, "")
    assert "none.pem" in done.stderr
    assert "Remedy" in done.stderr


@pytest.mark.parametrize(
    "arguments", [("lookup",), ("nothing",), ("serve", "--workers", "0")], ids=" ".join
)
def test_a_wrong_command_line_exits_2(arguments: tuple[str, ...]) -> None:
    done = run(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr


def test_the_log_of_a_running_gateway_verifies(world: World) -> None:
    done = run("audit", "verify", "--site", str(world.site), "--json")
    report: dict[str, Any] = msgspec.json.decode(done.stdout)
    assert (done.returncode, report["verified"]) == (0, True)
    assert report["origin"] == "gateway.yq.example/log"
    assert report["entries"] == len(log_entries(world))


def test_a_log_verifies_under_its_own_key_only(world: World, tmp_path: Path) -> None:
    foreign = tmp_path / "foreign.vkey"
    run("init", str(tmp_path / "other"))
    foreign.write_text((tmp_path / "other/keys/log.vkey").read_text())
    done = run("audit", "verify", "--site", str(world.site), "--vkey", str(foreign))
    assert done.returncode == 4
    assert done.stderr.startswith("PROOF_INVALID: ")


def test_the_end_of_the_log_is_shown_with_masked_holders(
    world: World, profile: Path, citizen: Citizen
) -> None:
    look_up(profile, citizen)
    site = ("--site", str(world.site), *world.auditing())
    done = run("audit", "tail", *site, "-n", "3", "--json")
    entries = msgspec.json.decode(done.stdout)
    newest, act = log_entries(world)[-2:]
    assert (entries[-1]["id"], len(entries)) == (newest.id, 3)
    assert msgspec.to_builtins(act)["subject"] == "tail"  # that it was read is recorded
    masked = entries[-1]["holder"]["masked"]
    assert masked == f"{citizen.id_number[:3]}{'*' * 13}{citizen.id_number[-2:]}"
    assert citizen.id_number not in done.stdout
    table = run("audit", "tail", *site)
    assert (table.returncode, table.stderr) == (0, "")
    assert "yq-gjj" in table.stdout


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_is_printed(shell: str) -> None:
    done = run(_YIZHENG_COMPLETE=f"source_{shell}")
    assert done.returncode == 0
    assert "_YIZHENG_COMPLETE" in done.stdout


def test_completion_knows_the_commands() -> None:
    done = run(_YIZHENG_COMPLETE="complete_bash", COMP_WORDS="yizheng audit ", COMP_CWORD="2")
    assert {"verify", "tail", "search", "view", "index"} <= set(done.stdout.split())


def test_nothing_listens_beyond_loopback(world: World) -> None:
    assert {address for pid in world.pids().values() for address in listening(pid)} == {
        f"0100007F:{int(world.url.rpartition(':')[2]):04X}"
    }


def listening(pid: int) -> Iterator[str]:
    """Local addresses, in hexadecimal, on which a process listens over IP."""
    folder = Path(f"/proc/{pid}")
    inodes = {link[8:-1] for link in links(folder / "fd") if link.startswith("socket:")}
    for name, state in (("tcp", "0A"), ("tcp6", "0A"), ("udp", "07"), ("udp6", "07")):
        for line in (folder / "net" / name).read_text().splitlines()[1:]:
            row = line.split()
            if row[3] == state and row[9] in inodes:
                yield row[1]


def links(descriptors: Path) -> Iterator[str]:
    """What they stand for; without those that are closed meanwhile."""
    for descriptor in descriptors.iterdir():
        with suppress(OSError):
            yield str(descriptor.readlink())
