# SPDX-License-Identifier: Apache-2.0
"""Cases between real processes: what one worker is told, all know; every request is on record."""

import os
import signal
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from fixtures.citizens import Citizen
from fixtures.world import KEYIDS, World
from gateway import keyring
from gateway.audit.store.reader import LogReader
from gateway.audit.verify import verify_log
from gateway.config import load_site
from gateway.keyring import log_verifier
from gateway.model.act import Act, Event
from gateway.model.record import Record, parse_record
from gateway.web.cases import format_target
from tests.command import yizheng
from tests.integration.wire import COVERED, Answer, lookup_body, send, sign, verify_signed

WORKERS = 3
#: Enough that each of the workers is asked, but for one time in ten thousand.
TIMES = 32
SETTINGS = '\n[cases]\nregistration = "required"\n'


@pytest.fixture(scope="module")
def own(short_folder: Path) -> Iterator[World]:
    folder = short_folder / "cases"
    folder.mkdir()
    with World(folder, workers=WORKERS, settings=SETTINGS) as world:
        yield world


@pytest.fixture
def me(own: World) -> Citizen:
    return own.citizens[0]


def body_of(number: str, **changes: Any) -> bytes:
    return msgspec.json.encode(
        {
            "item": "yq-gjj-001",
            "holders": [{"role": "applicant", "holder": {"scheme": "cn-id", "number": number}}],
            "operator": {"id": "yq-0417", "name": "测试经办"},
            "opened_at": "2026-11-20T16:00:00+08:00",
        }
        | changes
    )


def put(world: World, case: str, body: bytes) -> Answer:
    draft = sign(world, body, target=format_target(case), method="PUT")
    answer = send(world, draft)
    verify_signed(world, draft, answer)
    return answer


def get(world: World, case: str) -> Answer:
    draft = sign(world, b"", target=format_target(case), method="GET", covered=COVERED[:4])
    return send(world, draft.without_fields("Content-Type", "Content-Digest"))


def close(world: World, case: str) -> Answer:
    return send(world, sign(world, b"{}", target=f"{format_target(case)}/close"))


def looked_up(world: World, citizen: Citizen, case: str) -> list[Any]:
    """What a worker after the other says."""
    asked = lookup_body(world, citizen.id_number)
    asked["attribution"]["case"] = case
    body = msgspec.json.encode(asked)
    return [
        (answer := send(world, sign(world, body))).document.get("code", answer.status)
        for _ in range(TIMES)
    ]


def records(world: World) -> list[Record]:
    reader = LogReader.open(world.site / "var/audit")
    try:
        return [parse_record(line) for _, line in reader.entries()]
    finally:
        reader.close()


def test_a_case_is_known_to_every_worker_from_its_answer_to_its_end(
    own: World, me: Citizen
) -> None:
    case = "YQ/2026-0001"
    assert set(looked_up(own, me, case)) == {"CASE_UNKNOWN"}
    assert put(own, case, body_of(me.id_number)).status == 200
    assert set(looked_up(own, me, case)) == {200}
    assert set(looked_up(own, own.citizens[1], case)) == {"CASE_HOLDER_MISMATCH"}
    assert close(own, case).status == 200
    assert set(looked_up(own, me, case)) == {"CASE_CLOSED"}


def test_each_request_leaves_one_record_that_opens_to_what_was_signed(
    own: World, me: Citizen
) -> None:
    case = "YQ-2026-0002"
    before = len(records(own))
    answers = [put(own, case, body_of(me.id_number)), get(own, case), close(own, case)]
    answers += [get(own, "YQ-none"), put(own, case, b"{}")]
    found = records(own)
    assert len(found) == before + len(answers)
    acts = [record for record in found[before:] if isinstance(record, Act)]
    assert [(act.action, act.subject, act.code) for act in acts] == [
        ("case_register", case, None),
        ("case_show", case, None),
        ("case_close", case, None),
        ("case_show", "YQ-none", "CASE_ABSENT"),
        ("case_register", case, "BODY_MALFORMED"),
    ]
    for answer, act in zip(answers, acts, strict=True):
        index = int(answer.fields["audit-receipt"].rpartition("=")[2])
        assert found[index] == act
        assert act.keyid == KEYIDS["ecdsa-p256-sha256"]
    site = load_site(own.site)
    holder = acts[0].holder
    assert holder is not None
    cipher = keyring.epoch_cipher(site, holder.epoch)
    assert cipher.reveal_holder(holder, acts[0].id) == me.id_number
    assert own.citizens[0].id_number.encode() not in b"".join(a.raw for a in answers)


def test_the_log_verifies_with_cases_in_it(own: World, me: Citizen) -> None:
    put(own, "YQ-2026-0003", body_of(me.id_number))
    reader = LogReader.open(own.site / "var/audit")
    verify_log(reader, log_verifier(load_site(own.site)))
    reader.close()


@pytest.mark.parametrize(
    ("method", "target", "status", "code"),
    [
        ("DELETE", "/v1/cases/YQ-2026-0001", 405, "METHOD_UNSUPPORTED"),
        ("POST", "/v1/cases/YQ-2026-0001", 405, "METHOD_UNSUPPORTED"),
        ("GET", "/v1/cases/YQ-2026-0001/close", 405, "METHOD_UNSUPPORTED"),
        ("GET", "/v1/cases/YQ-2026-0001?x=1", 404, "PATH_UNKNOWN"),
        ("PUT", "/v1/cases/140302190001010017", 422, "ATTRIBUTION_PERSONAL"),
    ],
)
def test_what_is_no_request_about_a_case_is_refused_at_the_door(
    own: World, method: str, target: str, status: int, code: str
) -> None:
    before = len(records(own))
    covered = COVERED[:4] if method == "GET" else COVERED
    draft = sign(own, b"" if method == "GET" else b"{}", target=target, method=method,
                 covered=covered)  # fmt: skip
    if method == "GET":
        draft = draft.without_fields("Content-Type", "Content-Digest")
    answer = send(own, draft)
    assert (answer.status, answer.document["code"]) == (status, code)
    assert len(records(own)) == before


def test_a_locked_store_is_503_on_record_and_nothing_is_let_through(
    own: World, me: Citizen
) -> None:
    case = "YQ-2026-0004"
    blocker = sqlite3.connect(own.site / "var/office/office.sqlite", isolation_level=None)
    blocker.execute("BEGIN IMMEDIATE")
    answer = put(own, case, body_of(me.id_number))
    assert (answer.status, answer.document["code"]) == (503, "OFFICE_UNAVAILABLE")
    assert "audit-receipt" in answer.fields
    blocker.execute("ROLLBACK")
    blocker.close()
    assert looked_up(own, me, case)[0] == "CASE_UNKNOWN"
    assert put(own, case, body_of(me.id_number)).status == 200


def command(world: World, *arguments: str, stdin: str = "") -> tuple[int, Any]:
    done = yizheng(*arguments, "--site", world.site, "--json", stdin=stdin)
    assert world.citizens[0].id_number not in done.stdout + done.stderr
    return done.returncode, msgspec.json.decode(done.stdout or done.stderr)


def test_an_operator_registers_looks_at_and_closes_a_case_at_the_command_line(
    own: World, me: Citizen
) -> None:
    case, body = "YQ-2026-0005", body_of(me.id_number)
    before = len(records(own))
    code, said = command(own, "case", "register", "yq-gjj", case, stdin=body.decode())
    assert (code, said["state"], said["version"]) == (0, "open", 1)
    assert set(looked_up(own, me, case)) == {200}
    code, shown = command(own, "case", "show", "yq-gjj", case)
    assert (code, shown) == (0, said)
    assert shown["holders"][0]["masked"].count("*") == 13
    code, listed = command(own, "case", "list", "--agency", "yq-gjj", "--state", "open")
    assert code == 0
    assert shown in listed
    code, closed = command(own, "case", "close", "yq-gjj", case)
    assert (code, closed["state"]) == (0, "closed")
    events = [record for record in records(own)[before:] if isinstance(record, Event)]
    assert [(event.event, event.detail) for event in events] == [
        ("case_registered", f"agency=yq-gjj case={case} version=1"),
        ("case_closed", f"agency=yq-gjj case={case} version=1"),
    ]
    assert events[0].holder is not msgspec.UNSET


@pytest.mark.parametrize(
    ("arguments", "body", "code"),
    [
        (("register", "yq-none", "YQ-2026-0006"), None, "AGENCY_UNKNOWN"),
        (("register", "yq-gjj", "YQ-2026-0006"), "{}", "BODY_MALFORMED"),
        (("show", "yq-gjj", "YQ-none"), "", "CASE_ABSENT"),
        (("close", "yq-gjj", "YQ-none"), "", "CASE_ABSENT"),
    ],
)
def test_what_cannot_be_done_at_the_command_line_is_said(
    own: World, me: Citizen, arguments: tuple[str, ...], body: str | None, code: str
) -> None:
    stdin = body_of(me.id_number).decode() if body is None else body
    found, said = command(own, "case", *arguments, stdin=stdin)
    assert (found, said["error"]["code"]) == (1, code)


def test_no_acknowledged_case_is_lost_when_every_process_is_killed(own: World, me: Citizen) -> None:
    acknowledged: list[str] = []
    for number in range(40):
        case = f"YQ-KILL-{number:04}"
        if number % 10 == 9:
            victims = [pid for name, pid in own.pids().items() if name.startswith("worker")]
            for pid in victims:
                os.kill(pid, signal.SIGKILL)
        try:
            if put(own, case, body_of(me.id_number)).status == 200:
                acknowledged.append(case)
        except OSError:
            continue  # killed meanwhile: nothing was acknowledged
    assert len(acknowledged) >= 20
    connection = sqlite3.connect(own.site / "var/office/office.sqlite")
    kept = {row[0] for row in connection.execute("SELECT number FROM cases WHERE state = 'open'")}
    connection.close()
    assert set(acknowledged) <= kept
    said = {record.subject for record in records(own) if isinstance(record, Act)}
    assert set(acknowledged) <= said
