# SPDX-License-Identifier: Apache-2.0
"""The reading desk: who may act, what counts as a reason, and that an act is recorded first."""

import socket
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NoReturn

import msgspec
import pytest

from gateway.audit import desk as desk_module
from gateway.audit.desk import Desk, append_through, verify_act
from gateway.audit.log import Log
from gateway.audit.store.reader import LogReader
from gateway.audit.store.sqlite import SqliteStore
from gateway.audit.verify import verify_log
from gateway.crypto.identity import EpochCipher
from gateway.crypto.keys import generate_private_key, load_signer, public_pem
from gateway.errors import AuditError, RequestError, TrustError
from gateway.model.act import Act, Action, SignedTarget
from gateway.model.agency import AgencyKey
from gateway.model.auditor import Auditor
from gateway.model.holder import Holder
from gateway.model.ids import parse_holder
from gateway.model.lookup import HolderReference
from gateway.model.record import parse_record
from tests.unit.audit.samples import KEY, SIGNER

NOW = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)
NUMBER = "140302190001010017"
PEM = generate_private_key("ed25519")
RECORD = AgencyKey("auditor-a-1", "ed25519", public_pem(PEM))
READER = Auditor("auditor-a", "审计员甲", ("read",), keys=(RECORD,))
REASON = "核对投诉 complaint 7"
CIPHER = EpochCipher("2026-11", b"s" * 32)


def holder() -> Holder:
    return parse_holder(HolderReference("cn-id", NUMBER), today=NOW.date())


def desk(auditor: Auditor = READER, *, written: list[bytes] | None = None) -> Desk:
    lines = [] if written is None else written

    def append(line: bytes) -> int:
        lines.append(line)
        return len(lines) - 1

    return Desk(
        auditor,
        load_signer(PEM, auditor.id),
        public=public_pem(PEM),
        cipher=CIPHER,
        append=append,
        clock=lambda: NOW,
    )


def test_an_act_says_who_what_why_and_about_whom() -> None:
    written: list[bytes] = []
    index, act = desk(written=written).record(
        "search", reason=REASON, query={"agency": "yq-gjj"}, holder=holder(), count=3
    )
    assert (index, parse_record(written[0])) == (0, act)
    assert (act.actor, act.keyid, act.action, act.reason) == (
        "auditor-a",
        "auditor-a-1",
        "search",
        REASON,
    )
    assert (act.query, act.count, act.time) == (
        '{"agency":"yq-gjj"}',
        3,
        "2026-11-22T08:00:00.000Z",
    )
    assert act.holder is not None
    assert CIPHER.reveal_holder(act.holder, act.id) == NUMBER
    assert NUMBER.encode() not in written[0]


def test_an_act_is_signed_by_the_auditor() -> None:
    _, act = desk().record("view", reason=REASON, subject="e8dc148dbfb9490f44f7947009da3c17")
    verify_act(act, RECORD)


@pytest.mark.parametrize("member", ["actor", "reason", "subject", "time", "id", "action"])
def test_a_changed_act_does_not_verify(member: str) -> None:
    _, act = desk().record("view", reason=REASON, subject="a")
    changed = msgspec.structs.replace(act, **{member: "search"})
    with pytest.raises(TrustError, match="does not verify"):
        verify_act(changed, RECORD)


def test_an_act_over_http_is_not_taken_for_one_signed_by_itself() -> None:
    _, act = desk().record("view", reason=REASON)
    with pytest.raises(TrustError, match="does not verify"):
        verify_act(
            msgspec.structs.replace(act, request=SignedTarget("gateway.example", "GET /", "()")),
            RECORD,
        )


@pytest.mark.parametrize("action", ["unmask_approve", "erase", "hold", "release"])
def test_a_role_is_needed(action: Action) -> None:
    with pytest.raises(RequestError, match="AUDITOR_REFUSED"):
        desk().record(action, reason=REASON)


@pytest.mark.parametrize(
    "auditor",
    [
        msgspec.structs.replace(READER, active=False),
        msgspec.structs.replace(READER, keys=()),
        msgspec.structs.replace(READER, keys=(msgspec.structs.replace(RECORD, revoked=True),)),
        msgspec.structs.replace(
            READER, keys=(msgspec.structs.replace(RECORD, not_after=NOW - timedelta(seconds=1)),)
        ),
        msgspec.structs.replace(
            READER, keys=(msgspec.structs.replace(RECORD, not_before=NOW + timedelta(seconds=1)),)
        ),
    ],
)
def test_who_is_not_registered_does_not_get_a_desk(auditor: Auditor) -> None:
    with pytest.raises(RequestError, match="AUDITOR_REFUSED"):
        desk(auditor)


@pytest.mark.parametrize(
    "reason",
    [
        "",
        "  ",
        "核查\udcba\udcb2 complaint",
        "测试",
        "TEST",
        "ｔｅｓｔ",
        "aaaaaaa",
        "abc",
        f"about {NUMBER}",
    ],
)
def test_a_placeholder_is_no_reason(reason: str) -> None:
    written: list[bytes] = []
    with pytest.raises(RequestError, match="REASON_REFUSED") as refused:
        desk(written=written).record("view", reason=reason)
    assert not written
    assert NUMBER not in refused.value.detail


def test_a_number_in_a_query_is_refused() -> None:
    with pytest.raises(RequestError, match="REASON_REFUSED"):
        desk().record("search", reason=REASON, query={"case": NUMBER})


def test_without_a_gateway_the_act_is_written_into_the_log(tmp_path: Path) -> None:
    def open_log() -> tuple[Log, object]:
        store = SqliteStore.open(tmp_path / "log", KEY)
        return Log(store, SIGNER), store.close

    append = append_through(tmp_path / "no-socket", open_log)  # type: ignore[arg-type] # close is called
    _, act = desk().record("view", reason=REASON)
    line = msgspec.json.encode(act)
    assert (append(line), append(line)) == (0, 1)
    reader = LogReader.open(tmp_path / "log")
    assert isinstance(parse_record(reader.entry(1)), Act)
    assert verify_log(reader, KEY).size == 2
    reader.close()


def test_a_sequencer_that_is_slow_to_answer_is_asked_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It holds the log, so nobody else can write there meanwhile."""
    answers = [None, None, 7]

    async def ask(_path: Path, _line: bytes) -> int | None:
        return answers.pop(0)

    def open_log() -> NoReturn:
        raise AssertionError("the log is held")

    monkeypatch.setattr(desk_module, "_append_by_sequencer", ask)
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "s"))
        listening.listen()
        assert append_through(tmp_path / "s", open_log)(b"") == 7
    assert answers == []


def test_a_socket_that_a_killed_sequencer_left_is_nobody(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as killed:
        killed.bind(str(tmp_path / "s"))
        killed.listen()

    def open_log() -> tuple[Log, object]:
        store = SqliteStore.open(tmp_path / "log", KEY)
        return Log(store, SIGNER), store.close

    append = append_through(tmp_path / "s", open_log)  # type: ignore[arg-type] # close is called
    _, act = desk().record("view", reason=REASON)
    assert append(msgspec.json.encode(act)) == 0


def test_no_record_no_result() -> None:
    def fail(_line: bytes) -> int:
        raise AuditError("AUDIT_UNAVAILABLE")

    failing = Desk(
        READER,
        load_signer(PEM, "auditor-a"),
        public=public_pem(PEM),
        cipher=CIPHER,
        append=fail,
        clock=lambda: NOW,
    )
    with pytest.raises(AuditError):
        failing.record("view", reason=REASON)
