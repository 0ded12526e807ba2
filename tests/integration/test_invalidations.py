# SPDX-License-Identifier: Apache-2.0
"""A department says that a record has changed: from its signal on, no worker serves the old one.

Workers share a port, so each question is put over many connections: the kernel spreads them.
"""

import os
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import msgspec
import pytest

from fixtures.citizens import Citizen
from fixtures.world import World
from gateway import keyring
from gateway.audit.store.reader import LogReader
from gateway.audit.verify import verify_log
from gateway.config import load_site
from gateway.crypto.digest import b64_encode
from gateway.crypto.keys import load_signer
from gateway.departments import DepartmentFolder
from gateway.keyring import log_verifier
from gateway.model.act import Act, Event
from gateway.model.record import Record, parse_record
from tests.command import yizheng
from tests.integration.wire import Answer, Draft, lookup_body, send, sign, verify_signed

WORKERS = 3
TYPE = "public_security.identity"
ALL_TYPES = ["public_security.household", TYPE]  # of the department
NUMBER = "140302190001010017"
CHANGED_AT = "2026-11-22T16:00:00+08:00"
#: Enough that each of the workers is asked, but for one time in ten thousand.
TIMES = 32
LIMIT_S = 60


@pytest.fixture(scope="module")
def own(short_folder: Path) -> Iterator[World]:
    """A world with several workers; questions of one case share their answers."""
    folder = short_folder / "invalidations"
    folder.mkdir()
    with World(folder, workers=WORKERS) as world:
        yield world


@pytest.fixture
def me(own: World) -> Citizen:
    return own.citizens[0]


def body_of(number: str, **changes: Any) -> bytes:
    holder = {"scheme": "cn-id", "number": number}
    return msgspec.json.encode({"holder": holder, "changed_at": CHANGED_AT} | changes)


def drafted(world: World, body: bytes, name: str = "yq-ga", **changes: Any) -> Draft:
    signer = load_signer(world.department_key(name).read_bytes(), f"{name}-1")
    return sign(world, body, signer=signer, target="/v1/invalidations", **changes)


def signalled(world: World, number: str, **changes: Any) -> Answer:
    return send(world, drafted(world, body_of(number, **changes)))


def origins(world: World, citizen: Citizen, times: int = TIMES, **changes: Any) -> list[str]:
    """Where each of many answers came from, in order."""
    body = msgspec.json.encode(lookup_body(world, citizen.id_number, **changes))
    return [send(world, sign(world, body)).document["served_from"] for _ in range(times)]


def warm(world: World, citizen: Citizen) -> None:
    """Ask until every worker has the answer."""
    limit_s = time.monotonic() + LIMIT_S
    while "source" in origins(world, citizen):
        assert time.monotonic() < limit_s


def wait_until_all_serve(world: World, citizen: Citizen) -> None:
    """Ask until every worker has the sequencer again."""
    limit_s = time.monotonic() + LIMIT_S
    body = msgspec.json.encode(lookup_body(world, citizen.id_number))
    while {send(world, sign(world, body)).status for _ in range(TIMES)} != {200}:
        assert time.monotonic() < limit_s


def records(world: World) -> list[tuple[bytes, Record]]:
    reader = LogReader.open(world.site / "var/audit")
    try:
        return [(line, parse_record(line)) for _, line in reader.entries()]
    finally:
        reader.close()


def recorded_in(world: World, answer: Answer) -> Act:
    index = int(answer.fields["audit-receipt"].rpartition("=")[2])
    _, act = records(world)[index]
    assert isinstance(act, Act)
    return act


def command(world: World, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    return yizheng(*arguments, "--site", world.site, "--json", stdin=stdin)


def test_after_the_answer_no_worker_serves_what_it_kept(own: World, me: Citizen) -> None:
    warm(own, me)
    draft = drafted(own, body_of(me.id_number))
    answer = send(own, draft)
    verify_signed(own, draft, answer)
    assert (answer.status, answer.document["certificates"]) == (200, ALL_TYPES)
    assert answer.document["changed_at"] == "2026-11-22T08:00:00Z"
    after = origins(own, me)
    # Each worker asks the department once more, then serves what it got then.
    assert after[0] == "source"
    assert after.count("source") == WORKERS


def test_another_holders_answers_stay(own: World, me: Citizen) -> None:
    other = own.citizens[1]
    warm(own, other)
    assert signalled(own, me.id_number).status == 200
    assert set(origins(own, other)) == {"cache"}


def test_it_is_on_record_without_the_number_and_opens_to_what_was_signed(
    own: World, me: Citizen
) -> None:
    draft = drafted(own, body_of(me.id_number, certificates=[TYPE]))
    answer = send(own, draft)
    act = recorded_in(own, answer)
    assert (act.action, act.actor, act.keyid) == ("invalidate", "yq-ga", "yq-ga-1")
    assert (act.id, act.outcome) == (answer.document["request_id"], "done")
    assert act.request is not None
    assert act.request.target == "POST /v1/invalidations"
    assert act.query is not None
    assert msgspec.json.decode(act.query) == {
        "certificates": [TYPE],
        "changed_at": "2026-11-22T08:00:00Z",
    }
    assert act.holder is not None
    epoch, _, sealed = act.signature.partition(".")
    cipher = keyring.epoch_cipher(load_site(own.site), epoch)
    assert cipher.reveal_holder(act.holder, act.id) == me.id_number
    mark = msgspec.structs.replace(
        cipher.mark_request(b"", b"", act.request.signature_input, act.id), ct=sealed
    )
    digest, signature = cipher.reveal_request(mark, act.id)
    assert f"sig1=:{b64_encode(signature)}:" == draft.fields["Signature"]
    assert f"sha-256=:{b64_encode(digest)}:" == draft.fields["Content-Digest"]
    for line, _ in records(own):
        assert me.id_number.encode() not in line


def test_a_department_speaks_for_its_own_certificates_only(own: World, me: Citizen) -> None:
    warm(own, me)
    draft = drafted(own, body_of(me.id_number, certificates=[TYPE]), "yq-zfgjj")
    answer = send(own, draft)
    verify_signed(own, draft, answer)
    assert (answer.status, answer.document["code"]) == (403, "CERTIFICATE_NOT_OF_DEPARTMENT")
    act = recorded_in(own, answer)
    assert (act.outcome, act.code) == ("refused", "CERTIFICATE_NOT_OF_DEPARTMENT")
    named = send(own, drafted(own, body_of(me.id_number), "yq-zfgjj"))
    assert named.document["certificates"] == ["housing_fund.account"]
    assert set(origins(own, me)) == {"cache"}


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (body_of("140302190001010010"), "HOLDER_INVALID"),
        (body_of("1", scheme="x"), "BODY_MALFORMED"),
        (b'{"holder":{"scheme":"cn-id","number":"1"}}', "BODY_MALFORMED"),
        (body_of(NUMBER, changed_at="2999-01-01T00:00:00Z"), "BODY_MALFORMED"),
        (body_of(NUMBER, changed_at="0001-01-01T00:00:00+08:00"), "BODY_MALFORMED"),
        (body_of(NUMBER, changed_at="2026-11-22T08:00:00"), "BODY_MALFORMED"),
        (b'{"changed_at":"2026-11-22T08:00:00Z",' + body_of(NUMBER)[1:], "BODY_MALFORMED"),
        (b"\xff", "BODY_MALFORMED"),
    ],
)
def test_what_is_no_signal_is_refused_on_record(own: World, body: bytes, code: str) -> None:
    draft = drafted(own, body)
    answer = send(own, draft)
    verify_signed(own, draft, answer)
    assert answer.document["code"] == code
    act = recorded_in(own, answer)
    assert (act.code, act.query) == (code, None)
    assert (act.holder is None) is (b"2999" not in body and b"0001-" not in body)


def test_a_signal_that_was_received_before_is_refused_on_record(own: World, me: Citizen) -> None:
    draft = drafted(own, body_of(me.id_number))
    assert send(own, draft).status == 200
    again = send(own, draft)
    verify_signed(own, draft, again)
    assert (again.status, again.document["code"]) == (401, "NONCE_REPLAYED")
    assert recorded_in(own, again).code == "NONCE_REPLAYED"


def test_agencies_and_departments_have_doors_of_their_own(own: World, me: Citizen) -> None:
    by_agency = send(own, sign(own, body_of(me.id_number), target="/v1/invalidations"))
    assert (by_agency.status, by_agency.document["code"]) == (401, "KEY_UNKNOWN")
    signer = load_signer(own.department_key().read_bytes(), "yq-ga-1")
    body = msgspec.json.encode(lookup_body(own, me.id_number))
    assert send(own, sign(own, body, signer=signer)).document["code"] == "KEY_UNKNOWN"


def test_no_query_follows(own: World, me: Citizen) -> None:
    signer = load_signer(own.department_key().read_bytes(), "yq-ga-1")
    target = "/v1/invalidations?a=b"
    answer = send(own, sign(own, body_of(me.id_number), signer=signer, target=target))
    assert answer.document["code"] == "PATH_UNKNOWN"


def test_a_department_that_was_disabled_is_refused_at_once(own: World, me: Citizen) -> None:
    folder = DepartmentFolder(own.site)
    folder.set_active("yq-ga", active=False)
    try:
        assert signalled(own, me.id_number).document["code"] == "AGENCY_INACTIVE"
    finally:
        folder.set_active("yq-ga", active=True)
    assert signalled(own, me.id_number).status == 200


def test_a_worker_that_was_killed_and_one_that_lost_the_sequencer_serve_nothing_old(
    own: World, me: Citizen
) -> None:
    warm(own, me)
    os.kill(own.pids()["sequencer"], signal.SIGKILL)
    until_s = time.monotonic() + LIMIT_S
    while (answer := signalled(own, me.id_number)).status == 503:
        assert time.monotonic() < until_s
    assert answer.status == 200
    wait_until_all_serve(own, own.citizens[2])  # who was still away has missed the signal
    after = origins(own, me)
    assert after[0] == "source"
    assert after.count("source") == WORKERS


def test_purge_and_stats_reach_all_workers(own: World, me: Citizen) -> None:
    other = own.citizens[1]
    for what, is_gone in (
        (["--all"], {me.id_number, other.id_number}),
        (["--certificate", TYPE], {me.id_number, other.id_number}),
        (["--holder", "cn-id"], {me.id_number}),
    ):
        for citizen in (me, other):
            warm(own, citizen)
        done = command(
            own, "cache", "purge", *what, "--reason", "错误批次 bad batch", stdin=me.id_number
        )
        assert done.returncode == 0, done.stderr
        _, event = records(own)[msgspec.json.decode(done.stdout)["index"]]
        assert isinstance(event, Event)
        assert (event.event, event.detail.endswith("reason=错误批次 bad batch")) == (
            "cache_purged",
            True,
        )
        assert bool(event.holder) is (what[0] == "--holder")
        for citizen in (me, other):
            expected = WORKERS if citizen.id_number in is_gone else 0
            assert origins(own, citizen).count("source") == expected
    said = command(own, "cache", "stats")
    assert said.returncode == 0, said.stderr
    rows: Sequence[dict[str, Any]] = msgspec.json.decode(said.stdout)
    assert {row["pid"] for row in rows} == {
        pid for name, pid in own.pids().items() if name.startswith("worker")
    }
    assert all(row["entries"] >= 2 and row["hits"] > row["misses"] for row in rows)


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["--certificate", "no.such", "--reason", "错误批次 bad batch"], 1),
        (["--all", "--reason", "测试"], 1),
        (["--all"], 2),
        (["--reason", "错误批次 bad batch"], 2),
        (["--all", "--certificate", TYPE, "--reason", "错误批次 bad batch"], 2),
        (["--holder", "passport", "--reason", "错误批次 bad batch"], 2),
        (["--holder", "cn-id", "--reason", "错误批次 bad batch"], 1),
    ],
)
def test_a_purge_that_is_not_understood_empties_nothing(
    own: World, me: Citizen, arguments: list[str], code: int
) -> None:
    warm(own, me)
    assert command(own, "cache", "purge", *arguments, stdin="1").returncode == code
    assert set(origins(own, me)) == {"cache"}


def test_metrics_tell_hits_and_misses(own: World, me: Citizen) -> None:
    warm(own, me)
    until_s = time.monotonic() + LIMIT_S
    while True:
        with urlopen(f"{own.url}/metrics") as page:
            text = page.read().decode()
        found = {
            line.partition(" ")[0]: float(line.rpartition(" ")[2])
            for line in text.splitlines()
            if line.startswith("yizheng_cache")
        }
        if found.get("yizheng_cache_hits_total", 0) > TIMES:
            break
        assert time.monotonic() < until_s
    assert found["yizheng_cache_entries"] >= WORKERS
    assert found["yizheng_cache_bytes"] > 0
    assert found["yizheng_cache_misses_total"] > 0
    assert found["yizheng_cache_forgets_total"] > 0
    assert found["yizheng_cache_hit_age_seconds_total"] > 0


def test_the_log_still_verifies(own: World) -> None:
    reader = LogReader.open(own.site / "var/audit")
    try:
        assert verify_log(reader, log_verifier(load_site(own.site))).size == len(records(own))
    finally:
        reader.close()
    done = command(own, "audit", "verify")
    assert done.returncode == 0, done.stderr
