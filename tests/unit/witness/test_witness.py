# SPDX-License-Identifier: Apache-2.0
"""c2sp.org/tlog-witness, `add-checkpoint`: each answer of the standard, in its order."""

import stat
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.crypto.keys import generate_private_key
from gateway.errors import AuditError, SetupError
from gateway.tlog.checkpoint import Checkpoint, format_checkpoint, parse_checkpoint
from gateway.tlog.cosignature import verify_cosignature
from gateway.tlog.merkle import EMPTY_ROOT
from gateway.tlog.note import NoteSigner, parse_note, sign_note
from gateway.tlog.submission import SIZE_TYPE, Submission, format_submission
from gateway.witness.folder import KEY_FILE, VKEY_FILE, load_signer, make_witness
from gateway.witness.state import DATABASE, MAX_EVIDENCE_COUNT, State, WatchedLog
from gateway.witness.witness import Answer, Witness
from tests.unit.witness.logs import ORIGIN, SIGNER, WITNESS, MemoryLog

NOW_S = 1_763_800_000
LOG = MemoryLog(70)
FORK = MemoryLog(70, fork_at=5)


@pytest.fixture
def state(tmp_path: Path) -> State:
    state = State(tmp_path)
    state.make()
    state.add_log(SIGNER.public)
    return state


@pytest.fixture
def witness(state: State) -> Witness:
    return Witness(WITNESS, state, lambda: NOW_S + 0.9)


def submit(witness: Witness, old: int, new: int, log: MemoryLog = LOG) -> Answer:
    return witness.add_checkpoint(log.body(old, new))


def cosigned_time(answer: Answer, note: bytes) -> int:
    assert (answer.status, answer.content_type) == (200, "text/plain; charset=utf-8")
    return verify_cosignature(note + answer.body, WITNESS.public)


def test_the_first_checkpoint_and_each_continuation_are_cosigned(witness: Witness) -> None:
    sizes = [0, 1, 2, 7, 8, 64, 70]
    for old, new in pairwise(sizes):
        assert cosigned_time(submit(witness, old, new), LOG.note(new)) == NOW_S


def test_the_empty_log_may_be_cosigned(witness: Witness) -> None:
    assert cosigned_time(submit(witness, 0, 0), LOG.note(0)) == NOW_S


def test_the_same_checkpoint_may_be_sent_again(witness: Witness) -> None:
    submit(witness, 0, 7)
    assert cosigned_time(submit(witness, 7, 7), LOG.note(7)) == NOW_S


def test_a_cosignature_is_not_the_logs_signature(witness: Witness) -> None:
    (signature,) = parse_note(LOG.note(3) + submit(witness, 0, 3).body).signatures[1:]
    assert (signature.name, len(signature.signature)) == ("witness.example/w1", 72)


@pytest.mark.parametrize("old", [0, 3, 6, 8])
def test_another_old_size_than_is_known_is_a_conflict_that_names_it(
    witness: Witness, old: int
) -> None:
    submit(witness, 0, 7)
    answer = submit(witness, old, 20)
    assert answer == Answer(409, b"7\n", SIZE_TYPE)


def test_a_log_that_went_back_is_a_conflict(witness: Witness) -> None:
    submit(witness, 0, 20)
    assert submit(witness, 7, 10) == Answer(409, b"20\n", SIZE_TYPE)
    assert submit(witness, 0, 10) == Answer(409, b"20\n", SIZE_TYPE)
    assert witness.add_checkpoint(
        format_submission(Submission(20, (), LOG.note(10)))
    ).status == 400  # fmt: skip


@pytest.mark.parametrize("new", [8, 20, 64, 70])
def test_a_fork_is_refused_whatever_it_proves(witness: Witness, new: int) -> None:
    submit(witness, 0, 7)
    assert submit(witness, 7, new, FORK).status == 422


def test_two_roots_of_one_size_are_kept_as_evidence(witness: Witness, state: State) -> None:
    submit(witness, 0, 7)
    assert submit(witness, 7, 7, FORK).status == 422
    assert set(state.evidence(ORIGIN)) == {LOG.note(7), FORK.note(7)}
    assert state.watched() == (WatchedLog(ORIGIN, 7, 2),)


def test_evidence_is_bounded(state: State) -> None:
    state.keep_evidence(ORIGIN, *(b"%d" % n for n in range(MAX_EVIDENCE_COUNT + 9)))
    assert len(state.evidence(ORIGIN)) == MAX_EVIDENCE_COUNT


def test_a_proof_that_is_missing_too_long_or_of_nothing_is_refused(witness: Witness) -> None:
    note = LOG.note(20)
    proof = tuple(LOG.proof(7, 20))
    needless = format_submission(Submission(0, (bytes(32),), LOG.note(7)))
    assert witness.add_checkpoint(needless).status == 422
    submit(witness, 0, 7)
    for wrong in ((), proof[:-1], (*proof, bytes(32)), proof[::-1]):
        body = format_submission(Submission(7, wrong, note))
        assert witness.add_checkpoint(body).status == 422
    again = format_submission(Submission(7, (bytes(32),), LOG.note(7)))
    assert witness.add_checkpoint(again).status == 422


def test_an_empty_log_with_another_root_is_refused(witness: Witness) -> None:
    text = format_checkpoint(Checkpoint(ORIGIN, 0, bytes(32)))
    body = format_submission(Submission(0, (), sign_note(text, SIGNER)))
    assert witness.add_checkpoint(body).status == 422


def test_a_log_that_is_not_watched_is_unknown(witness: Witness) -> None:
    other = NoteSigner.from_pem("audit.example/other", generate_private_key("ed25519"))
    body = format_submission(Submission(0, (), LOG.note(3, other)))
    assert witness.add_checkpoint(body).status == 404


def test_a_checkpoint_signed_by_another_or_changed_is_forbidden(witness: Witness) -> None:
    other = NoteSigner.from_pem(ORIGIN, generate_private_key("ed25519"))
    body = format_submission(Submission(0, (), LOG.note(3, other)))
    assert witness.add_checkpoint(body).status == 403
    forged = LOG.note(3).replace(f"{ORIGIN}\n3\n".encode(), f"{ORIGIN}\n4\n".encode())
    assert witness.add_checkpoint(format_submission(Submission(0, (), forged))).status == 403


def test_any_of_a_logs_keys_may_sign(witness: Witness, state: State) -> None:
    second = NoteSigner.from_pem(ORIGIN, generate_private_key("ed25519"))
    state.add_log(second.public)
    body = format_submission(Submission(0, (), LOG.note(3, second)))
    assert witness.add_checkpoint(body).status == 200


@pytest.mark.parametrize("body", [b"", b"old 0\n", b"old 0\n\nnot a note", b"old x\n\n", b"\xff"])
def test_what_has_not_the_form_is_bad(witness: Witness, body: bytes) -> None:
    assert witness.add_checkpoint(body).status == 400


def test_a_note_that_is_no_checkpoint_is_bad(witness: Witness) -> None:
    note = sign_note("hello\n", SIGNER)
    assert witness.add_checkpoint(format_submission(Submission(0, (), note))).status == 400


def test_nothing_is_cosigned_when_it_cannot_be_stored(
    witness: Witness, state: State, tmp_path: Path
) -> None:
    (tmp_path / DATABASE).unlink()
    with pytest.raises(AuditError):
        submit(witness, 0, 3)


steps = st.lists(st.tuples(st.booleans(), st.integers(0, 70), st.integers(0, 70)), max_size=12)


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(steps=steps)
def test_whatever_is_sent_all_that_is_cosigned_is_one_history(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[bool, int, int]]
) -> None:
    state = State(tmp_path_factory.mktemp("w"))
    state.make()
    state.add_log(SIGNER.public)
    witness = Witness(WITNESS, state, lambda: NOW_S)
    known, cosigned = 0, []
    for is_fork, old, new in steps:
        log = FORK if is_fork else LOG
        for first in (old, known):
            if first <= new and submit(witness, first, new, log).status == 200:
                known = new
                cosigned.append(parse_checkpoint(parse_note(log.note(new)).text))
    sizes = [checkpoint.size for checkpoint in cosigned]
    assert sizes == sorted(sizes)
    assert any(all(c.root == log.root(c.size) for c in cosigned) for log in (LOG, FORK))


def test_a_new_folder_holds_a_private_key_and_nothing_that_was_seen(tmp_path: Path) -> None:
    folder = tmp_path / "w1"
    vkey = make_witness(folder, "witness.example/w1")
    assert stat.S_IMODE((folder / KEY_FILE).stat().st_mode) == 0o600
    assert stat.S_IMODE((folder / DATABASE).stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert load_signer(folder).public.vkey == vkey == (folder / VKEY_FILE).read_text().strip()
    assert State(folder).watched() == ()


def test_a_witness_is_never_made_over_another(tmp_path: Path) -> None:
    make_witness(tmp_path / "w1", "witness.example/w1")
    with pytest.raises(SetupError):
        make_witness(tmp_path / "w1", "witness.example/w1")
    with pytest.raises(SetupError):
        State(tmp_path / "w1").make()


def test_a_name_that_no_note_may_have_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SetupError):
        make_witness(tmp_path / "w1", "not a name")
    assert not (tmp_path / "w1").exists()


def test_a_key_that_others_can_read_or_that_is_another_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "w1"
    make_witness(folder, "witness.example/w1")
    (folder / KEY_FILE).chmod(0o640)
    with pytest.raises(SetupError, match="can be read by others"):
        load_signer(folder)
    (folder / KEY_FILE).chmod(0o600)
    (folder / KEY_FILE).write_bytes(generate_private_key("ed25519"))
    with pytest.raises(SetupError, match=r"not the key of witness\.vkey"):
        load_signer(folder)
    (folder / KEY_FILE).unlink()
    with pytest.raises(SetupError, match="cannot be read"):
        load_signer(folder)


def test_the_root_of_nothing_is_that_of_the_standard() -> None:
    assert LOG.root(0) == EMPTY_ROOT
