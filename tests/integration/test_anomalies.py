# SPDX-License-Identifier: Apache-2.0
"""`yizheng audit anomalies` and `report` on real sites: recorded first, then shown."""

import asyncio
import io
import re
import stat
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest

from fixtures.citizens import Citizen
from fixtures.world import World
from gateway import keyring
from gateway.audit.index.follow import catch_up
from gateway.audit.log import Log
from gateway.audit.store.reader import LogReader
from gateway.audit.store.sqlite import SqliteStore
from gateway.cli.main import main
from gateway.config import Site, load_site
from gateway.model.act import Act
from gateway.model.entry import DecisionMark, Entry, RequestMark, ResponseMark
from gateway.model.holder import Holder
from gateway.model.instant import format_time_ms
from gateway.model.record import format_record, parse_record

GB11643 = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)


class Done(NamedTuple):
    code: int
    out: str
    err: str


Run = Callable[..., Done]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs `yizheng audit …` in this process, as the command itself does."""

    def call(*arguments: str, stdin: str = "") -> Done:
        monkeypatch.setattr(sys, "argv", ["yizheng", "audit", *arguments])
        monkeypatch.setattr(sys, "stdin", io.StringIO(stdin))
        monkeypatch.setenv("COLUMNS", "200")
        return Done(main(), *capsys.readouterr())

    return call


def citizen_number(sequence: int) -> str:
    body = f"14030219000101{sequence:03}"
    total = sum(int(digit) * weight for digit, weight in zip(body, GB11643, strict=True))
    return body + "10X98765432"[total % 11]


def masked(number: str) -> str:
    return Holder("cn-id", number).masked


def write_scan(site: Site) -> list[str]:
    """A clerk counts up twelve numbers of one day of birth; returns the numbers."""
    now = datetime.now(UTC) - timedelta(hours=1)
    cipher = keyring.epoch_cipher(site, keyring.prepare_epoch(site, now))
    numbers = [citizen_number(sequence) for sequence in range(1, 13)]
    entries = [
        Entry(
            id=f"{nth:032x}", salt="s" * 22, time=format_time_ms(now), agency="yq-gjj",
            keyid="yq-gjj-p256", operator="yq-0417", item="yq-gjj-001", case=f"YQ-{nth:04}",
            purpose="住房公积金提取", certificate="public_security.identity", operation="query",
            holder=cipher.mark_holder("cn-id", number, masked(number), f"{nth:032x}"),
            decision=DecisionMark("permit", "grant.covers"), outcome="found",
            request=RequestMark(cipher.epoch, "()", "b" * 166), response=ResponseMark("c" * 64),
        )
        for nth, number in enumerate(numbers)
    ]  # fmt: skip
    signer = keyring.log_signer(site)
    site.state.mkdir(mode=0o700, exist_ok=True)
    store = SqliteStore.open(site.state / "audit", signer.public)
    Log(store, signer).append([format_record(entry) for entry in entries])
    store.close()
    catch_up(site.state / "audit", site.state / "index", signer.public)
    return numbers


def acts_of(site: Path) -> list[Act]:
    reader = LogReader.open(site / "var/audit")
    records = [parse_record(line) for _, line in reader.entries()]
    reader.close()
    return [record for record in records if isinstance(record, Act)]


@pytest.fixture(scope="module")
def scanned(tmp_path_factory: pytest.TempPathFactory) -> tuple[World, list[str]]:
    own = World(tmp_path_factory.mktemp("scanned"))
    return own, write_scan(load_site(own.site))


def test_a_scan_is_found_and_no_number_is_shown(run: Run, scanned: tuple[World, list[str]]) -> None:
    own, numbers = scanned
    done = run("anomalies", "--site", str(own.site), *own.auditing("auditor-a"), "--json")
    assert done.code == 0
    said: dict[str, Any] = msgspec.json.decode(done.out)
    (finding,) = [f for f in said["review"]["findings"] if f["rule"] == "scanning"]
    assert finding["rows"] == list(range(12))
    assert finding["observed"]["neighbours"] == 12
    assert not any(number in done.out + done.err for number in numbers)
    act = acts_of(own.site)[-1]
    assert (act.action, act.actor, said["act"]) == ("anomalies", "auditor-a", 12)
    assert '"rules":["volume"' in (act.query or "")


def test_findings_can_fail_a_script(run: Run, scanned: tuple[World, list[str]]) -> None:
    own, _ = scanned
    options = ("anomalies", "--site", str(own.site), *own.auditing("auditor-a"), "--fail")
    done = run(*options, "--rule", "scanning")
    assert done.code == 1
    assert "逐号扫描" in done.out
    assert "records are not in the index yet" in done.out
    assert run(*options, "--rule", "key_burst").code == 0
    assert run(*options, "--to", "2026-01-31").code == 0


def test_who_may_not_read_is_refused_before_anything_is_read(
    run: Run, scanned: tuple[World, list[str]]
) -> None:
    own, numbers = scanned
    before = len(acts_of(own.site))
    for name in ("anomalies", "report"):
        done = run(name, "--site", str(own.site), *own.auditing("keeper"), stdin=numbers[0])
        assert done.code == 1
        assert "AUDITOR_REFUSED" in done.err
    no_reason = own.auditing("auditor-a", reason="1111")
    assert run("anomalies", "--site", str(own.site), *no_reason).code == 1
    assert len(acts_of(own.site)) == before


@pytest.mark.parametrize(
    "options", [("--rule", "nonsense"), ("--from", "yesterday"), ("--from", "2099-01-01")]
)
def test_a_mistyped_question_is_told(
    run: Run, scanned: tuple[World, list[str]], options: tuple[str, str]
) -> None:
    own, _ = scanned
    done = run("anomalies", "--site", str(own.site), *own.auditing("auditor-a"), *options)
    assert done.code in {1, 2}
    assert options[1] in done.err or "PERIOD_INVALID" in done.err


def test_a_report_is_a_private_new_file(
    run: Run, scanned: tuple[World, list[str]], tmp_path: Path
) -> None:
    own, numbers = scanned
    output = tmp_path / "report.html"
    options = ("--site", str(own.site), *own.auditing("auditor-a"), "--format", "html")
    done = run("report", *options, "-o", str(output), stdin=f"{numbers[3]}\n")
    assert (done.code, done.out) == (0, "")
    page = output.read_text()
    assert "YQ-0003" in page
    assert not re.search("YQ-000[0-24-9]|YQ-001", page)
    assert stat.S_IMODE(output.stat().st_mode) == 0o600
    before = len(acts_of(own.site))
    again = run("report", *options, "-o", str(output), stdin=f"{numbers[3]}\n")
    assert again.code == 78
    assert len(acts_of(own.site)) == before


def test_a_person_is_told_who_looked_through_a_running_gateway(
    run: Run, world: World, citizen: Citizen, tmp_path: Path
) -> None:
    async def look_up() -> None:
        async with world.client() as agency:
            await agency.lookup(world.request(citizen.id_number, attribution__case="YQ-REPORT-1"))

    asyncio.run(look_up())
    asked = tmp_path / "number.txt"
    asked.write_text(citizen.id_number)
    options = ("report", "--site", str(world.site), *world.auditing("auditor-a"))
    done = run(*options, "--holder-file", str(asked))
    assert done.code == 0, done.err
    assert "阳泉公积金中心（演示）" in done.out
    assert "住房公积金提取（购买自住住房）, 公积金中心（提取科）" in done.out
    assert "办件 YQ-REPORT-1" in done.out
    assert citizen.id_number not in done.out + done.err
    assert citizen.name not in done.out
    assert "yq-0417" not in done.out
    act = acts_of(world.site)[-1]
    assert (act.action, act.count) == ("report", 1)
    assert act.holder is not None
    again = run(*options, "--format", "json", "--lang", "en", stdin=citizen.id_number)
    said: dict[str, Any] = msgspec.json.decode(again.out)
    assert [reading["act"] for reading in said["readings"]] == ["made such a report"]
