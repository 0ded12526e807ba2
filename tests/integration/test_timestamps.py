# SPDX-License-Identifier: Apache-2.0
"""RFC 3161 timestamps of checkpoints; and what happens when the authority is away."""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from fixtures.world import World
from gateway.audit.lateness import Grace, waiting_since_s
from gateway.audit.notary_plan import load_plan
from gateway.audit.store.notary import NOTARY_DATABASE, NotaryReader, NotaryStore, newest_note
from gateway.audit.store.reader import LogReader
from gateway.crypto.timestamp import TimestampAuthority
from gateway.errors import SetupError
from gateway.model.audit_site import AuditSection, TimestampsSection
from gateway.tlog.checkpoint import verify_checkpoint
from tests.integration.notaries import grow, notary, state_of, until
from tests.integration.tsa import Authority, openssl, told
from tests.integration.wire import Answer, lookup_body, send, sign
from tests.unit.audit.samples import KEY

INTERVAL_S = 1
GRACE_S = 10
LIMIT_S = 60
RECOVERY_LIMIT_S = 10


@pytest.fixture
def authority(tmp_path: Path) -> Iterator[Authority]:
    found = Authority(tmp_path / "tsa")
    yield found
    found.stop()


def section_of(authority: Authority, grace_s: float = 60) -> TimestampsSection:
    return TimestampsSection(
        url=authority.url,
        certificate=str(authority.folder / "tsa.crt"),
        roots=str(authority.folder / "root.crt"),
        interval_s=INTERVAL_S,
        grace_s=grace_s,
    )


def stamped_size(folder: Path) -> int:
    if not (folder / NOTARY_DATABASE).exists():
        return 0
    with closing(NotaryReader.open(folder)) as reader, closing(LogReader.open(folder)) as log:
        return reader.stamped_size(log)


async def test_the_newest_checkpoint_is_stamped_while_the_log_grows(
    authority: Authority, tmp_path: Path
) -> None:
    log = tmp_path / "audit"
    grow(log, range(5))
    async with notary(log, timestamps=section_of(authority)):
        await until(lambda: stamped_size(log) == 5)
        grow(log, range(5, 7))
        await until(lambda: stamped_size(log) == 7)
    assert authority.count == 2
    note = newest_note(log)
    assert note is not None
    assert verify_checkpoint(note, KEY).size == 7
    with closing(NotaryReader.open(log)) as reader:
        first, second = reader.timestamps()
        assert (first.size, second.size) == (5, 7)
        assert list(reader.timestamps_over(4)) == [first, second]
        assert list(reader.timestamps_over(5)) == list(reader.timestamps_over(6)) == [second]
        assert list(reader.timestamps_over(7)) == []
    pems = [(authority.folder / name).read_bytes() for name in ("tsa.crt", "root.crt")]
    TimestampAuthority(*pems).verify(second.reply, note)
    (authority.folder / "note").write_bytes(note)
    (authority.folder / "reply").write_bytes(second.reply)
    openssl(  # whoever has the note and the reply needs nothing of ours
        authority.folder, "ts", "-verify", "-data", "note", "-in", "reply", "-CAfile", "root.crt",
        "-untrusted", "tsa.crt",
    )  # fmt: skip


async def test_a_reply_that_does_not_verify_is_shown_and_never_kept(
    authority: Authority, tmp_path: Path
) -> None:
    log = tmp_path / "audit"
    grow(log, range(5))
    authority.is_lying = True
    async with notary(log, timestamps=section_of(authority)):
        await until(lambda: authority.count >= 2)  # it is asked again
        await until(lambda: state_of(log, "timestamps") == "refused")
        assert stamped_size(log) == 0
        authority.is_lying = False
        await until(lambda: stamped_size(log) == 5)
        await until(lambda: state_of(log, "timestamps") == "ok")


async def test_a_timestamp_of_another_log_stands_for_nothing(
    authority: Authority, tmp_path: Path
) -> None:
    log = tmp_path / "audit"
    grow(log, range(5))
    async with notary(log, timestamps=section_of(authority)):
        await until(lambda: stamped_size(log) == 5)
    kept = (log / NOTARY_DATABASE).read_bytes()
    shutil.rmtree(log)
    grow(log, range(10, 13))  # made anew, and shorter
    (log / NOTARY_DATABASE).write_bytes(kept)
    assert stamped_size(log) == 0
    assert newest_note(log) is not None
    async with notary(log, timestamps=section_of(authority)):
        await until(lambda: stamped_size(log) == 3)
    with closing(NotaryReader.open(log)) as reader:
        assert [timestamp.size for timestamp in reader.timestamps()] == [3, 5]  # and none is lost


def test_files_and_times_that_do_not_fit_are_found_at_start_up(
    authority: Authority, tmp_path: Path
) -> None:
    good = section_of(authority)
    for wrong, why in (
        (msgspec.structs.replace(good, certificate="none.pem"), "cannot be read"),
        (msgspec.structs.replace(good, roots=str(authority.folder / "tsa.cnf")), "no X.509"),
        (msgspec.structs.replace(good, grace_s=INTERVAL_S), "not greater than interval_s"),
    ):
        with pytest.raises(SetupError, match=why):
            load_plan(AuditSection(timestamps=wrong), tmp_path, KEY)


async def test_an_authority_that_is_away_is_shown(authority: Authority, tmp_path: Path) -> None:
    log = tmp_path / "audit"
    grow(log, range(5))
    authority.stop()
    async with notary(log, timestamps=section_of(authority)):
        await until(lambda: state_of(log, "timestamps") == "away")
        authority.start()
        await until(lambda: stamped_size(log) == 5)


def test_grace_follows_the_oldest_record_without_a_timestamp(
    authority: Authority, tmp_path: Path
) -> None:
    log = tmp_path / "audit"
    now_s = 0.0
    grace = Grace(log, section_of(authority, grace_s=60), lambda: now_s)
    assert grace.look() == "refusing"  # there is no log to be read
    grow(log, ())
    assert grace.look() == "ok"  # an empty one waits for nothing
    grow(log, range(3))
    with closing(LogReader.open(log)) as reader:
        since_s = waiting_since_s(reader, 0)
        assert waiting_since_s(reader, 3) is None
    assert since_s is not None
    now_s = since_s
    assert grace.look() == "refusing"  # nobody knows what was stamped
    NotaryStore.open(log).close()
    states = []
    for age_s in (0, 2, 2.1, 60, 60.1):
        now_s = since_s + age_s
        states.append(grace.look())
    assert states == ["ok", "ok", "late", "late", "refusing"]
    (log / NOTARY_DATABASE).write_bytes(b"no database" * 100)
    now_s = since_s
    assert grace.look() == "refusing"


def ask(world: World, is_it: Callable[[Answer], bool]) -> Answer:
    """Ask again and again until the answer is as expected."""
    body = msgspec.json.encode(lookup_body(world, world.citizen_with_account().id_number))
    until_s = time.monotonic() + LIMIT_S
    while True:
        answer = send(world, sign(world, body))
        if is_it(answer):
            return answer
        assert time.monotonic() < until_s, answer.status
        time.sleep(0.1)


def test_lookups_go_on_until_the_grace_is_over_and_resume_by_themselves(
    short_folder: Path, authority: Authority
) -> None:
    folder = short_folder / "tsa"
    folder.mkdir()
    settings = (
        f"\n[audit.timestamps]\n{authority.settings}"
        f"interval_s = {INTERVAL_S}\ngrace_s = {GRACE_S}\n"
    )
    with World(folder, settings=settings) as world:
        log = world.site / "var/audit"
        ask(world, lambda answer: answer.status == 200)
        ask(world, lambda _answer: stamped_size(log) > 0)
        assert told(world.url)["timestamps"] in {"ok", "late"}
        assert world.pids().keys() >= {"notary"}
        authority.stop()
        last_s = time.monotonic()
        refused = ask(world, lambda answer: answer.status == 503)
        began_s = time.monotonic() - last_s
        assert began_s >= GRACE_S / 2  # lookups went on until then
        assert refused.document["code"] == "AUDIT_UNAVAILABLE"
        assert int(refused.fields["retry-after"]) >= 1
        assert told(world.url)["timestamps"] == "refusing"
        authority.start()
        back_s = time.monotonic()
        ask(world, lambda answer: answer.status == 200)
        assert time.monotonic() - back_s <= RECOVERY_LIMIT_S
        notary_pid = world.pids()["notary"]
        os.kill(notary_pid, signal.SIGSTOP)
        (log / NOTARY_DATABASE).unlink()
        ask(world, lambda answer: answer.status == 503)  # what is not known is not assumed
        os.kill(notary_pid, signal.SIGCONT)
        ask(world, lambda answer: answer.status == 200)  # it was made anew, and stamped
        page = subprocess.run(
            ["curl", "-s", f"{world.url}/metrics"], check=True, capture_output=True, text=True
        ).stdout
        assert "yizheng_audit_unstamped_seconds" in page
