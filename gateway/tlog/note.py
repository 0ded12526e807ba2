# SPDX-License-Identifier: Apache-2.0
"""C2SP signed notes (c2sp.org/signed-note@v1.0.0) with Ed25519 keys.

::

    <text, ends with a newline>
    <empty line>
    — <key name> <base64 of 4-byte key id ‖ signature>      one or more

Rules:

1. The text ends before the *last* empty line. UTF-8, no control character but the newline.
2. The key id is SHA-256(name ‖ LF ‖ type ‖ public key)[:4]; name and id together name the key.
   Keys of logs have type 0x01. Those of witnesses have 0x04 and sign another message
   (`gateway.tlog.cosignature`), so that neither is ever taken for the other.
3. Signatures of keys that the verifier does not know are ignored. One of the known key that does
   not verify sinks the note; so does its absence.
4. A parser refuses what its formatter would not write: base64 is checked by writing it again.
"""

import re
from typing import Final, Literal, Self

import msgspec

from gateway.crypto.digest import b64_decode, b64_encode, sha256
from gateway.crypto.keys import Signer, Verifier, load_signer, public_pem
from gateway.crypto.raw import raw_public, verifier_from_raw
from gateway.errors import RequestError, TrustError

MAX_SIGNATURES: Final = 64  # the standard asks for 16 at least
KeyType = Literal[1, 4]
LOG_KEY: Final = 1
COSIGNER_KEY: Final = 4
_RAW_KEY_BYTES: Final = 32
_KEY_ID_BYTES: Final = 4
_CONTROL: Final = re.compile(r"[\x00-\x09\x0b-\x1f]")
_NAME: Final = re.compile(r"[^\s+\x00-\x1f]+")
_SIGNATURE: Final = re.compile(r"— ([^\s+]+) ([A-Za-z0-9+/]+={0,2})")
_VKEY: Final = re.compile(r"([^\s+]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/]+={0,2})")


class NoteSignature(msgspec.Struct, frozen=True):
    """One signature line.

    Attributes:
        name: name of the key.
        key_id: 4 bytes.
        signature: the bytes after the key id; 64 for Ed25519.
    """

    name: str
    key_id: bytes
    signature: bytes


class Note(msgspec.Struct, frozen=True):
    """A text, newline included, and who signed it. Nothing is verified yet."""

    text: str
    signatures: tuple[NoteSignature, ...]


class NoteVerifier(msgspec.Struct, frozen=True):
    """A key that notes are verified with.

    Attributes:
        name: the origin of a log, or the name of a witness.
        key_id: 4 bytes.
        vkey: its text form.
        raw_key: the Ed25519 public key, 32 bytes.
    """

    name: str
    key_id: bytes
    vkey: str
    raw_key: bytes
    verifier: Verifier


class NoteSigner(msgspec.Struct, frozen=True):
    """A key that notes are signed with, and its public half."""

    public: NoteVerifier
    signer: Signer

    @classmethod
    def from_pem(cls, name: str, private_pem: bytes, key_type: KeyType = LOG_KEY) -> Self:
        """Take an Ed25519 private key in PEM under that key name.

        Raises:
            RequestError: not an Ed25519 private key.
            TrustError: not a name for a key.
        """
        vkey = format_vkey(name, raw_public(public_pem(private_pem)), key_type)
        return cls(parse_vkey(vkey, key_type), load_signer(private_pem, name))


def format_vkey(name: str, raw_key: bytes, key_type: KeyType = LOG_KEY) -> str:
    """Write an Ed25519 public key (32 bytes) as `name+id+base64`.

    Raises:
        TrustError: the name is empty or holds a space, a plus or a control character.
    """
    if not _NAME.fullmatch(name) or len(raw_key) != _RAW_KEY_BYTES:
        raise TrustError("KEY_UNUSABLE", "not a key name, or not an Ed25519 key of 32 bytes")
    typed_key = bytes((key_type,)) + raw_key
    return f"{name}+{_key_id(name, typed_key).hex()}+{b64_encode(typed_key)}"


def parse_vkey(vkey: str, key_type: KeyType = LOG_KEY) -> NoteVerifier:
    """Read a verifier key of that type.

    Raises:
        TrustError: malformed, of another type, of small order, or the id is not that of the key.
    """
    match = _VKEY.fullmatch(vkey)
    key = _decoded(match[3]) if match else b""
    if match is None or len(key) != 1 + _RAW_KEY_BYTES or key[0] != key_type:
        raise TrustError("KEY_UNUSABLE", f"not a verifier key name+id+base64 of type {key_type}")
    name, raw_key = match[1], key[1:]
    if format_vkey(name, raw_key, key_type) != vkey:
        raise TrustError("KEY_UNUSABLE", "the id of the verifier key is not that of its key")
    try:
        return NoteVerifier(name, _key_id(name, key), vkey, raw_key, verifier_from_raw(raw_key))
    except RequestError as error:
        raise TrustError("KEY_UNUSABLE", error.detail) from None


def format_note(note: Note) -> bytes:
    """Write a note.

    Raises:
        TrustError: `parse_note` would not read it.
    """
    lines = "".join(f"{format_signature(signature)}\n" for signature in note.signatures)
    written = f"{note.text}\n{lines}".encode()
    if parse_note(written) != note:
        raise TrustError("PROOF_INVALID", "not a note that can be read again")
    return written


def parse_note(note: bytes) -> Note:
    """Read a note, strictly. Nothing is verified.

    Raises:
        TrustError: malformed.
    """
    try:
        written = note.decode()
    except UnicodeDecodeError:
        raise TrustError("PROOF_INVALID", "note: not UTF-8") from None
    text, blank, tail = written.rpartition("\n\n")
    if _CONTROL.search(written) or not blank or not tail.endswith("\n"):
        raise TrustError("PROOF_INVALID", "note: not a text, an empty line and signatures")
    lines = tail[:-1].split("\n")
    if len(lines) > MAX_SIGNATURES:
        raise TrustError("PROOF_INVALID", f"note: more than {MAX_SIGNATURES} signatures")
    return Note(text + "\n", tuple(map(parse_signature, lines)))


def format_signature(signature: NoteSignature) -> str:
    """Write one signature line, without its newline."""
    return f"— {signature.name} {b64_encode(signature.key_id + signature.signature)}"


def parse_signature(line: str) -> NoteSignature:
    """Read one signature line, without its newline.

    Raises:
        TrustError: malformed.
    """
    match = _SIGNATURE.fullmatch(line)
    blob = _decoded(match[2]) if match else b""
    if match is None or len(blob) <= _KEY_ID_BYTES:
        raise TrustError("PROOF_INVALID", "note: malformed signature line")
    return NoteSignature(match[1], blob[:_KEY_ID_BYTES], blob[_KEY_ID_BYTES:])


def sign_note(text: str, signer: NoteSigner) -> bytes:
    """Sign a text that ends with a newline."""
    public = signer.public
    signature = NoteSignature(public.name, public.key_id, signer.signer.sign(text.encode()))
    return format_note(Note(text, (signature,)))


def verify_note(note: bytes, key: NoteVerifier) -> str:
    """Check that the key signed the note.

    Returns:
        The text, newline included.

    Raises:
        TrustError: malformed, not signed by that key, or signed wrongly.
    """
    parsed = parse_note(note)
    ours = signatures_by(parsed, key)
    if not ours:
        raise TrustError("PROOF_INVALID", "note: not signed by the log's key")
    for signature in ours:
        try:
            key.verifier.verify(signature.signature, parsed.text.encode())
        except TrustError:
            raise TrustError("PROOF_INVALID", "note: the signature does not verify") from None
    return parsed.text


def signatures_by(note: Note, key: NoteVerifier) -> list[NoteSignature]:
    """The signatures that name this key; none of them is verified."""
    return [s for s in note.signatures if (s.name, s.key_id) == (key.name, key.key_id)]


def _key_id(name: str, typed_key: bytes) -> bytes:
    return sha256(name.encode() + b"\n" + typed_key)[:_KEY_ID_BYTES]


def _decoded(text: str) -> bytes:
    """Canonical base64, or nothing."""
    try:
        return b64_decode(text)
    except ValueError:
        return b""
