# SPDX-License-Identifier: Apache-2.0
"""C2SP signed notes (c2sp.org/signed-note@v1.0.0) with Ed25519 keys (type 0x01).

::

    <text, ends with a newline>
    <empty line>
    — <key name> <base64 of 4-byte key id ‖ signature>      one or more

Rules:

1. The text ends before the *last* empty line. UTF-8, no control character but the newline.
2. The key id is SHA-256(name ‖ LF ‖ 0x01 ‖ public key)[:4]; name and id together name the key.
3. Signatures of keys that the verifier does not know are ignored. One of the known key that does
   not verify sinks the note; so does its absence.
4. A parser refuses what its formatter would not write: base64 is checked by writing it again.
"""

import re
from typing import Final, Self

import msgspec

from gateway.crypto.digest import b64_decode, b64_encode, sha256
from gateway.crypto.keys import Signer, Verifier, load_signer, public_pem
from gateway.crypto.raw import raw_public, verifier_from_raw
from gateway.errors import RequestError, TrustError

MAX_SIGNATURES: Final = 64  # the standard asks for 16 at least
_ED25519: Final = b"\x01"
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
    """A key that notes are verified with. `vkey` is its text form."""

    name: str
    key_id: bytes
    vkey: str
    verifier: Verifier


class NoteSigner(msgspec.Struct, frozen=True):
    """A key that notes are signed with, and its public half."""

    public: NoteVerifier
    signer: Signer

    @classmethod
    def from_pem(cls, name: str, private_pem: bytes) -> Self:
        """Take an Ed25519 private key in PEM under that key name.

        Raises:
            RequestError: not an Ed25519 private key.
            TrustError: not a name for a key.
        """
        vkey = format_vkey(name, raw_public(public_pem(private_pem)))
        return cls(parse_vkey(vkey), load_signer(private_pem, name))


def format_vkey(name: str, raw_key: bytes) -> str:
    """Write an Ed25519 public key (32 bytes) as `name+id+base64`.

    Raises:
        TrustError: the name is empty or holds a space, a plus or a control character.
    """
    if not _NAME.fullmatch(name) or len(raw_key) != _RAW_KEY_BYTES:
        raise TrustError("KEY_UNUSABLE", "not a key name, or not an Ed25519 key of 32 bytes")
    key_id = _key_id(name, raw_key)
    return f"{name}+{key_id.hex()}+{b64_encode(_ED25519 + raw_key)}"


def parse_vkey(vkey: str) -> NoteVerifier:
    """Read a verifier key.

    Raises:
        TrustError: malformed, not Ed25519, of small order, or the id is not that of the key.
    """
    match = _VKEY.fullmatch(vkey)
    key = _decoded(match[3]) if match else b""
    if match is None or len(key) != 1 + _RAW_KEY_BYTES or key[:1] != _ED25519:
        raise TrustError("KEY_UNUSABLE", "not a verifier key name+id+base64 of type Ed25519")
    name, raw_key = match[1], key[1:]
    if format_vkey(name, raw_key) != vkey:
        raise TrustError("KEY_UNUSABLE", "the id of the verifier key is not that of its key")
    try:
        return NoteVerifier(name, _key_id(name, raw_key), vkey, verifier_from_raw(raw_key))
    except RequestError as error:
        raise TrustError("KEY_UNUSABLE", error.detail) from None


def format_note(note: Note) -> bytes:
    """Write a note.

    Raises:
        TrustError: `parse_note` would not read it.
    """
    lines = [
        f"— {line.name} {b64_encode(line.key_id + line.signature)}\n" for line in note.signatures
    ]
    written = f"{note.text}\n{''.join(lines)}".encode()
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
    return Note(text + "\n", tuple(_parse_signature(line) for line in lines))


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
    ours = [s for s in parsed.signatures if (s.name, s.key_id) == (key.name, key.key_id)]
    if not ours:
        raise TrustError("PROOF_INVALID", "note: not signed by the log's key")
    for signature in ours:
        try:
            key.verifier.verify(signature.signature, parsed.text.encode())
        except TrustError:
            raise TrustError("PROOF_INVALID", "note: the signature does not verify") from None
    return parsed.text


def _parse_signature(line: str) -> NoteSignature:
    match = _SIGNATURE.fullmatch(line)
    blob = _decoded(match[2]) if match else b""
    if match is None or len(blob) <= _KEY_ID_BYTES:
        raise TrustError("PROOF_INVALID", "note: malformed signature line")
    return NoteSignature(match[1], blob[:_KEY_ID_BYTES], blob[_KEY_ID_BYTES:])


def _key_id(name: str, raw_key: bytes) -> bytes:
    return sha256(name.encode() + b"\n" + _ED25519 + raw_key)[:_KEY_ID_BYTES]


def _decoded(text: str) -> bytes:
    """Canonical base64, or nothing."""
    try:
        return b64_decode(text)
    except ValueError:
        return b""
