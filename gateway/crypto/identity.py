# SPDX-License-Identifier: Apache-2.0
"""How the audit log may know a person and a request: under the keys of an epoch, never in clear.

::

    secret (32 random bytes, one an epoch) ─HKDF-SHA256─▶ index key, cipher key, request key
    ix = base64url(HMAC-SHA-256(index key, scheme ":" number))
    ct = base64url(nonce[12] ‖ AES-256-GCM(cipher key, number, AAD = epoch "|" entry id))
    request.ct = base64url(nonce[12] ‖ AES-256-GCM(HMAC-SHA-256(request key, entry id),
                           body digest ‖ signature, AAD = epoch "|" entry id))

Rules:

1. A plain hash would be no protection: there are about 10**11 ID numbers. Every index is keyed.
2. Equal holders have equal `ix` within an epoch only; an auditor computes one `ix` for each epoch.
3. `ct` is bound to its entry: moved to another entry it does not open.
4. Each entry's request has a key of its own, so that evidence about one opens no other.
5. Secrets rest wrapped in one file: `{epoch: base64(nonce[12] ‖ AES-256-GCM(kek, secret, AAD =
   epoch))}`, mode 0600. Erasure 擦除 is the removal of an epoch from it: the tree still verifies.
6. An epoch is made once, under a lock: two processes that start together get the same secret.
"""

import fcntl
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, final

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from gateway.crypto.digest import (
    b64_decode,
    b64_encode,
    b64url_decode,
    b64url_encode,
    hmac_sha256,
)
from gateway.errors import SetupError, TrustError
from gateway.model.entry import HolderMark, RequestMark

SECRET_BYTES: Final = 32
_NONCE_BYTES: Final = 12
_DIGEST_BYTES: Final = 32
_PRIVATE: Final = 0o600
_parse_file = msgspec.json.Decoder(dict[str, str]).decode


@final
class EpochCipher:
    """The keys of one epoch.

    Args:
        epoch: its name, e.g. `2026-11`.
        secret: 32 bytes.

    Raises:
        SetupError: the secret has another length.
    """

    __slots__ = ("_cipher", "_index_key", "_request_key", "epoch")

    def __init__(self, epoch: str, secret: bytes) -> None:
        if len(secret) != SECRET_BYTES:
            raise SetupError(
                f"an epoch secret has {SECRET_BYTES} bytes",
                where=f"epoch {epoch}",
                remedy="restore the epoch key file from your backup.",
            )
        self.epoch: Final = epoch
        self._index_key: Final = _derive(secret, "index", epoch)
        self._request_key: Final = _derive(secret, "request", epoch)
        self._cipher: Final = AESGCM(_derive(secret, "cipher", epoch))

    def __repr__(self) -> str:
        return f"EpochCipher({self.epoch})"

    def index_of(self, scheme: str, number: str) -> str:
        """The blind index of a holder in this epoch, base64url, 43 characters."""
        return b64url_encode(hmac_sha256(self._index_key, f"{scheme}:{number}".encode()))

    def mark_holder(self, scheme: str, number: str, masked: str, entry_id: str) -> HolderMark:
        """Make what the entry `entry_id` says about a holder."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        sealed = self._cipher.encrypt(nonce, number.encode(), self._bound_to(entry_id))
        return HolderMark(
            epoch=self.epoch,
            scheme=scheme,
            ix=self.index_of(scheme, number),
            ct=b64url_encode(nonce + sealed),
            masked=masked,
        )

    def reveal_holder(self, mark: HolderMark, entry_id: str) -> str:
        """The number of a holder, for an auditor whose reading is itself recorded.

        Raises:
            TrustError: the mark is of another epoch or entry, or was changed.
        """
        try:
            sealed = b64url_decode(mark.ct)
            opened = self._cipher.decrypt(
                sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], self._bound_to(entry_id)
            )
            number = opened.decode()
        except (ValueError, InvalidTag):
            number = ""
        if mark.epoch != self.epoch or self.index_of(mark.scheme, number) != mark.ix:
            raise TrustError("PROOF_INVALID", f"the holder does not open under epoch {self.epoch}")
        return number

    def mark_request(
        self, digest: bytes, signature: bytes, signature_input: str, entry_id: str
    ) -> RequestMark:
        """Make what the entry `entry_id` says about a signed request.

        Args:
            digest: SHA-256 of the body, 32 bytes.
            signature: as it was verified.
        """
        nonce = secrets.token_bytes(_NONCE_BYTES)
        cipher = AESGCM(self.request_key(entry_id))
        sealed = cipher.encrypt(nonce, digest + signature, self._bound_to(entry_id))
        return RequestMark(self.epoch, signature_input, b64url_encode(nonce + sealed))

    def reveal_request(self, mark: RequestMark, entry_id: str) -> tuple[bytes, bytes]:
        """The body's SHA-256 and the signature of a request.

        Raises:
            TrustError: the mark is of another epoch or entry, or was changed.
        """
        try:
            sealed = b64url_decode(mark.ct)
            cipher = AESGCM(self.request_key(entry_id))
            opened = cipher.decrypt(
                sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], self._bound_to(entry_id)
            )
        except (ValueError, InvalidTag):
            raise TrustError(
                "PROOF_INVALID", f"the request does not open under epoch {self.epoch}"
            ) from None
        return opened[:_DIGEST_BYTES], opened[_DIGEST_BYTES:]

    def request_key(self, entry_id: str) -> bytes:
        """The key of one entry's request mark, 32 bytes: opens that one and no other."""
        return hmac_sha256(self._request_key, entry_id.encode())

    def _bound_to(self, entry_id: str) -> bytes:
        return f"{self.epoch}|{entry_id}".encode()


def ensure_epoch(path: Path, kek: bytes, epoch: str) -> None:
    """Make an epoch's secret if the file has none yet; the file too, if there is none.

    Durable on return, and safe against another process doing the same.

    Raises:
        SetupError: the file cannot be read, written or opened with this key.
    """
    try:
        with _locked(path):
            wrapped = _read(path) if path.exists() else {}
            if epoch not in wrapped:
                nonce = secrets.token_bytes(_NONCE_BYTES)
                secret = secrets.token_bytes(SECRET_BYTES)
                sealed = _wrapping(kek, path).encrypt(nonce, secret, epoch.encode())
                _replace(path, msgspec.json.encode({**wrapped, epoch: b64_encode(nonce + sealed)}))
    except OSError as error:
        raise _unusable(
            path, f"cannot be written: {error.strerror}", "check its folder and free space."
        ) from None
    load_epoch(path, kek, epoch)


def load_epoch(path: Path, kek: bytes, epoch: str) -> EpochCipher:
    """Load the keys of an epoch.

    Raises:
        SetupError: no such file or epoch, or it does not open with this key.
    """
    try:
        wrapped = _read(path)
    except OSError as error:
        raise _unusable(
            path, f"cannot be read: {error.strerror}", "restore it from your backup."
        ) from None
    if epoch not in wrapped:
        raise _unusable(path, f"has no epoch {epoch}", "an erased epoch cannot be read again.")
    try:
        sealed = b64_decode(wrapped[epoch])
        secret = _wrapping(kek, path).decrypt(
            sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], epoch.encode()
        )
    except (ValueError, InvalidTag):
        raise _unusable(
            path,
            f"epoch {epoch} does not open with this key encryption key",
            "restore the key encryption key, or this file, from your backup.",
        ) from None
    return EpochCipher(epoch, secret)


def _derive(secret: bytes, purpose: str, epoch: str) -> bytes:
    info = f"yizheng holder {purpose} v1|{epoch}".encode()
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=info).derive(secret)


def _wrapping(kek: bytes, path: Path) -> AESGCM:
    if len(kek) != SECRET_BYTES:
        raise _unusable(
            path,
            f"the key encryption key does not have {SECRET_BYTES} bytes",
            "restore it from your backup.",
        )
    return AESGCM(kek)


def _read(path: Path) -> dict[str, str]:
    try:
        return _parse_file(path.read_bytes())
    except msgspec.DecodeError:
        raise _unusable(
            path, "is not a JSON object of epochs", "restore it from your backup."
        ) from None


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    fd = os.open(path.with_name(f"{path.name}.lock"), os.O_RDWR | os.O_CREAT, _PRIVATE)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)


def _replace(path: Path, content: bytes) -> None:
    """Write beside, sync, rename, sync the folder: the old file or the new, never half of one."""
    draft = path.with_name(f"{path.name}.new")
    draft.unlink(missing_ok=True)
    fd = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _PRIVATE)
    with os.fdopen(fd, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _unusable(path: Path, what: str, remedy: str) -> SetupError:
    return SetupError(what, where=str(path), remedy=remedy)
