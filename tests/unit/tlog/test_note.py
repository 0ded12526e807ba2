# SPDX-License-Identifier: Apache-2.0
"""Signed notes and checkpoints: the examples of C2SP, round trips, and what is refused."""

from base64 import b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.crypto.keys import generate_private_key
from gateway.errors import GatewayError, TrustError
from gateway.tlog.checkpoint import (
    MAX_SIZE,
    Checkpoint,
    CheckpointSigner,
    format_checkpoint,
    parse_checkpoint,
    sign_checkpoint,
    verify_checkpoint,
)
from gateway.tlog.merkle import EMPTY_ROOT
from gateway.tlog.note import (
    MAX_SIGNATURES,
    Note,
    NoteSignature,
    NoteSigner,
    format_note,
    format_vkey,
    parse_note,
    parse_vkey,
    sign_note,
    verify_note,
)

# The example of c2sp.org/signed-note.
VKEY = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
EXAMPLE = (
    "This is an example message.\n\n— example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2O"
    "NncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n"
).encode()
# The example of c2sp.org/tlog-checkpoint.
CHECKPOINT = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
SIGNER = NoteSigner.from_pem("log.example/a", generate_private_key("ed25519"))
OTHER = NoteSigner.from_pem("log.example/a", generate_private_key("ed25519"))

names = st.text(min_size=1, max_size=20).filter(
    lambda name: not any(c.isspace() or c == "+" or c < " " for c in name)
)
texts = st.text(st.characters(exclude_categories=["Cs", "Cc"]) | st.just("\n")).map(
    lambda text: text + "\n"
)


def test_the_example_of_the_specification_verifies() -> None:
    assert verify_note(EXAMPLE, parse_vkey(VKEY)) == "This is an example message.\n"


def test_a_verifier_key_is_written_as_it_was_read() -> None:
    assert parse_vkey(VKEY).vkey == VKEY
    assert parse_vkey(SIGNER.public.vkey).vkey == SIGNER.public.vkey


@given(names, texts, st.lists(st.binary(min_size=1, max_size=80), min_size=1, max_size=3))
def test_a_note_is_read_as_it_was_written(name: str, text: str, signatures: list[bytes]) -> None:
    note = Note(text, tuple(NoteSignature(name, b"\1\2\3\4", s) for s in signatures))
    written = format_note(note)
    assert parse_note(written) == note
    assert format_note(parse_note(written)) == written


@given(texts)
def test_what_was_signed_verifies_and_nothing_else_does(text: str) -> None:
    note = sign_note(text, SIGNER)
    assert verify_note(note, SIGNER.public) == text
    with pytest.raises(TrustError):
        verify_note(b"x" + note, SIGNER.public)


def test_a_key_of_the_same_name_is_another_key() -> None:
    with pytest.raises(TrustError, match="not signed by the log's key"):
        verify_note(sign_note("text\n", OTHER), SIGNER.public)


def test_signatures_of_others_are_ignored() -> None:
    ours = parse_note(sign_note("text\n", SIGNER))
    theirs = parse_note(sign_note("text\n", OTHER))
    both = format_note(Note("text\n", theirs.signatures + ours.signatures))
    assert verify_note(both, SIGNER.public) == "text\n"


def test_one_wrong_signature_of_the_known_key_sinks_the_note() -> None:
    ours = parse_note(sign_note("text\n", SIGNER)).signatures
    wrong = NoteSignature(ours[0].name, ours[0].key_id, bytes(64))
    with pytest.raises(TrustError, match="does not verify"):
        verify_note(format_note(Note("text\n", (*ours, wrong))), SIGNER.public)


@pytest.mark.parametrize(
    "note",
    [
        b"",
        b"text\n",
        b"text\n\n",
        "text\n— a AAAAAAA=\n".encode(),
        EXAMPLE[:-1],
        EXAMPLE + b"\n",
        EXAMPLE.replace(b"\n", b"\r\n"),
        EXAMPLE.replace("—".encode(), b"-"),
        EXAMPLE.replace(b"foo U", b"foo  U"),
        EXAMPLE.replace(b"foo U", b"f+o U"),
        EXAMPLE.replace(b"aQM=", b"aQM"),
        EXAMPLE.replace(b"aQM=", b"aQN="),  # spare bits that are not zero
        EXAMPLE.replace(b"an ", b"an\t"),
        EXAMPLE.replace(b"an ", b"an\xff"),
        "text\n\n— name AQIDBA==\n".encode(),  # a key id and no signature
        "text\n\n— name AQIDBAU= extra\n".encode(),
        ("text\n\n" + "— name AQIDBAU=\n" * (MAX_SIGNATURES + 1)).encode(),
    ],
)
def test_malformed_notes_are_refused(note: bytes) -> None:
    with pytest.raises(TrustError, match="PROOF_INVALID"):
        parse_note(note)


@pytest.mark.parametrize(
    "note",
    [
        Note("no newline", (NoteSignature("a", b"1234", b"s"),)),
        Note("text\n", ()),
        Note("text\n", (NoteSignature("a b", b"1234", b"s"),)),
        Note("text\r\n", (NoteSignature("a", b"1234", b"s"),)),
    ],
)
def test_what_could_not_be_read_is_not_written(note: Note) -> None:
    with pytest.raises(TrustError):
        format_note(note)


def test_sixteen_signatures_are_accepted() -> None:
    parse_note(("text\n\n" + "— name AQIDBAU=\n" * 16).encode())


@pytest.mark.parametrize(
    "vkey",
    [
        "",
        VKEY.replace("530d903a", "530d903b"),
        VKEY.replace("530d903a", "530D903A"),
        VKEY.replace("+Aek", "+Auk"),
        VKEY[:-1],
        VKEY + "=",
        "a b+00000000+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
    ],
)
def test_malformed_verifier_keys_are_refused(vkey: str) -> None:
    with pytest.raises(TrustError, match="KEY_UNUSABLE"):
        parse_vkey(vkey)


def test_a_key_of_small_order_is_refused() -> None:
    weak = b"\x01" + bytes(31)
    with pytest.raises(TrustError, match="KEY_UNUSABLE"):
        parse_vkey(format_vkey("log.example/a", weak))


@pytest.mark.parametrize("name", ["", "a b", "a+b", "a\n", "a\u3000b"])
def test_a_key_name_has_no_space_and_no_plus(name: str) -> None:
    with pytest.raises(TrustError):
        format_vkey(name, bytes(32))


def test_a_log_key_is_ed25519() -> None:
    with pytest.raises(GatewayError, match="KEY_UNUSABLE"):
        NoteSigner.from_pem("log.example/a", generate_private_key("ecdsa-p256-sha256"))


def test_the_checkpoint_of_the_specification_is_read() -> None:
    checkpoint = parse_checkpoint(CHECKPOINT)
    assert (checkpoint.origin, checkpoint.size) == ("example.com/behind-the-sofa", 20852163)
    assert format_checkpoint(checkpoint) == CHECKPOINT


@given(names, st.integers(0, MAX_SIZE), st.binary(min_size=32, max_size=32))
def test_a_checkpoint_is_read_as_it_was_written(origin: str, size: int, root: bytes) -> None:
    checkpoint = Checkpoint(origin, size, root)
    assert parse_checkpoint(format_checkpoint(checkpoint)) == checkpoint


@pytest.mark.parametrize(
    "text",
    [
        "",
        CHECKPOINT + "extension\n",
        CHECKPOINT[:-1],
        CHECKPOINT.replace("2085", "02085"),
        CHECKPOINT.replace("2085", "-085"),
        CHECKPOINT.replace("2085", "٢085"),
        CHECKPOINT.replace("20852163", str(MAX_SIZE + 1)),
        CHECKPOINT.replace("q2I=", "q2J="),
        CHECKPOINT.replace("q2I=", "q2IAAAA="),
        CHECKPOINT.replace("the-sofa", "the sofa"),
        "\n" + CHECKPOINT,
    ],
)
def test_malformed_checkpoints_are_refused(text: str) -> None:
    with pytest.raises(TrustError, match="PROOF_INVALID"):
        parse_checkpoint(text)


def test_a_signed_checkpoint_is_of_its_key() -> None:
    note = sign_checkpoint(0, EMPTY_ROOT, SIGNER)
    assert verify_checkpoint(note, SIGNER.public) == Checkpoint("log.example/a", 0, EMPTY_ROOT)
    text = format_checkpoint(Checkpoint("log.example/b", 0, EMPTY_ROOT))
    with pytest.raises(TrustError, match="of another log"):
        verify_checkpoint(sign_note(text, SIGNER), SIGNER.public)


@given(st.integers(0, (1 << 63) - 1), st.binary(min_size=32, max_size=32))
def test_a_prepared_signer_writes_what_the_parts_write(size: int, root: bytes) -> None:
    text = format_checkpoint(Checkpoint(SIGNER.public.name, size, root))
    assert CheckpointSigner(SIGNER).sign(size, root) == sign_note(text, SIGNER)


def test_a_key_id_is_the_hash_of_name_type_and_key() -> None:
    key = parse_vkey(VKEY)
    raw = b"\x01" + bytes.fromhex(
        "e932791ae6e7a840a46164c904786426d5e7821dd8b29a00d61cae72afdd4da4"
    )
    assert VKEY.endswith(b64encode(raw).decode())
    assert key.key_id.hex() == "530d903a"
