# SPDX-License-Identifier: Apache-2.0
"""A case under a checkpoint that a witness cosigned, without messages or an epoch's key."""

from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gateway.audit.desk import sign_act
from gateway.audit.evidence.case import CaseBuilder, Keys, Messages, find_access
from gateway.audit.log import Log
from gateway.audit.standalone import verify_case
from gateway.audit.store.notary import NotaryReader, NotaryStore, Timestamp, Witnessed
from gateway.audit.store.reader import LogReader
from gateway.audit.store.sqlite import SqliteStore
from gateway.audit.verify_vouchers import verify_vouchers
from gateway.crypto.digest import sha256
from gateway.crypto.keys import generate_private_key, load_signer, public_pem
from gateway.crypto.timestamp import ask
from gateway.errors import RequestError, TrustError
from gateway.model.act import Act
from gateway.model.agency import AgencyKey
from gateway.model.record import format_record, parse_record
from gateway.tlog.checkpoint import sign_checkpoint
from gateway.tlog.cosignature import sign_cosignature
from gateway.tlog.note import COSIGNER_KEY, NoteSigner
from gateway.tlog.policy import parse_policy
from tests.integration.tsa import make_authority, reply_to
from tests.unit.audit.samples import KEY, SIGNER, entry_bytes

WITNESS = NoteSigner.from_pem("witness.example", generate_private_key("ed25519"), COSIGNER_KEY)
PRIVATE = generate_private_key("ed25519")
AUDITOR = load_signer(PRIVATE, "zhao-1")
POLICY = parse_policy(
    f"log {KEY.vkey}\nwitness w {WITNESS.public.vkey}\nquorum w\n".encode(), "policy"
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A log of five entries under a cosigned checkpoint, and an act behind it."""
    act = Act(
        id="a" * 32, salt="s", time="2026-11-22T08:00:00.000Z", action="evidence", actor="zhao",
        keyid="zhao-1", reason="投诉核查", subject="request-3",
    )  # fmt: skip
    store = SqliteStore.open(tmp_path, KEY)
    log = Log(store, SIGNER)
    log.append([entry_bytes(number) for number in range(5)])
    log.append([format_record(sign_act(act, AUDITOR))])
    store.close()
    with closing(LogReader.open(tmp_path)) as reader:
        note = dict(reader.checkpoints())[5]
    write_witnessed(tmp_path, note)
    return tmp_path


def write_witnessed(folder: Path, note: bytes) -> None:
    line = sign_cosignature(note, WITNESS, 1_795_300_000)
    with closing(NotaryStore.open(folder)) as notary:
        notary.set_witnessed(Witnessed(5, note + line.encode() + b"\n", 0.0))


def make(folder: Path, authority: tuple[bytes, bytes] | None = None) -> bytes:
    keys = Keys(KEY, "", None, {}, AgencyKey("zhao-1", "ed25519", public_pem(PRIVATE)),
                (WITNESS.public.vkey,), authority)  # fmt: skip
    with closing(LogReader.open(folder)) as reader, closing(NotaryReader.open(folder)) as notary:
        builder = CaseBuilder(reader, keys, sign=AUDITOR.sign, notary=notary)
        act = act_of(reader)
        return builder.build(
            find_access(reader, "request-3"), 5, act, cipher=None, messages=Messages()
        )


def act_of(reader: LogReader) -> Act:
    act = parse_record(reader.entry(5))
    assert isinstance(act, Act)
    return act


def test_the_witness_is_named_with_its_time(folder: Path) -> None:
    results = verify_case.verify(make(folder), {})
    assert [words for holds, words, _ in results if holds == "FAILS"] == []
    assert [remark for *_, remark in results if "witness" in remark] == [
        "witness.example at 1795300000",
        *[remark for *_, remark in results if "keys/witnesses.vkeys" in remark],
    ]


def remarks(case: bytes) -> list[str]:
    """What holds in a case in which nothing fails."""
    results = verify_case.verify(case, {})
    assert [words for holds, words, _ in results if holds == "FAILS"] == []
    return [remark for *_, remark in results]


def note_of(folder: Path, size: int) -> bytes:
    with closing(LogReader.open(folder)) as reader:
        return dict(reader.checkpoints())[size]


@pytest.mark.parametrize("why", ["root", "size", "signature", "nobody"])
def test_witnesses_of_another_history_stay_out(folder: Path, why: str) -> None:
    ours = note_of(folder, 5)
    stranger = NoteSigner.from_pem("witness.example", generate_private_key("ed25519"), COSIGNER_KEY)
    with closing(NotaryStore.open(folder)) as notary:
        match why:
            case "root":  # the log was restored from a backup, and went on in another way
                size, note, signer = 5, sign_checkpoint(5, b"\x07" * 32, SIGNER), WITNESS
            case "size":
                size, note, signer = 900, sign_checkpoint(900, b"\x07" * 32, SIGNER), WITNESS
            case "signature":
                size, note, signer = 5, ours, WITNESS
            case _:
                size, note, signer = 5, ours, stranger
        line = sign_cosignature(note, signer, 1_795_300_000)
        if why == "signature":
            line = sign_cosignature(sign_checkpoint(5, b"\x07" * 32, SIGNER), signer, 1)
        notary.set_witnessed(Witnessed(size, note + line.encode() + b"\n", 0.0))
    assert not any("witness" in remark for remark in remarks(make(folder)))


@pytest.fixture(scope="module")
def tsa(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("tsa")
    make_authority(made)
    return made


def stamp(folder: Path, size: int, note: bytes, reply: bytes) -> None:
    at = datetime(2026, 11, 22, tzinfo=UTC)
    with closing(NotaryStore.open(folder)) as notary:
        notary.add_timestamp(Timestamp(size, sha256(note), reply, at))


def test_the_first_timestamp_of_this_log_is_the_one(folder: Path, tsa: Path) -> None:
    pems = (tsa / "tsa.crt").read_bytes(), (tsa / "root.crt").read_bytes()
    stamp(folder, 5, b"note of another history", b"its reply")
    stamp(folder, 900, b"note of a log that was longer", b"its reply")
    assert not any("timestamp.tsr" in remark for remark in remarks(make(folder, pems)))
    stamp(folder, 5, note_of(folder, 5), b"a reply by an authority that was replaced")
    assert not any("timestamp.tsr" in remark for remark in remarks(make(folder, pems)))
    good = note_of(folder, 6)
    stamp(folder, 6, good, reply_to(tsa, ask(good).der))
    assert any("timestamp.tsr" in remark for remark in remarks(make(folder, pems)))


def test_equal_cases_have_equal_bytes(folder: Path) -> None:
    assert make(folder) == make(folder)


def test_an_access_is_found_by_its_index_and_an_act_is_none(folder: Path) -> None:
    with closing(LogReader.open(folder)) as reader:
        assert find_access(reader, "3") == find_access(reader, "request-3")
        for wanted in ("5", "6", "request-9"):
            with pytest.raises(RequestError, match="RECORD_UNKNOWN"):
                find_access(reader, wanted)


def test_cosignatures_are_held_against_the_log(folder: Path) -> None:
    with closing(LogReader.open(folder)) as log, closing(NotaryReader.open(folder)) as notary:
        found = verify_vouchers(log, notary, policy=POLICY, authority=None)
    assert (found.witnessed_size, found.witness_count) == (5, 1)


def test_a_checkpoint_that_witnesses_saw_differently_is_named(folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    store = SqliteStore.open(other, KEY)
    Log(store, SIGNER).append([entry_bytes(number) for number in range(5)])
    store.close()
    with (
        closing(LogReader.open(other)) as log,
        closing(NotaryReader.open(folder)) as notary,
        pytest.raises(TrustError, match="checkpoint 5: the witnesses cosigned another"),
    ):
        verify_vouchers(log, notary, policy=POLICY, authority=None)
