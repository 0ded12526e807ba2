# SPDX-License-Identifier: Apache-2.0
"""The file of epoch secrets: wrapped, made once, destroyed for good.

::

    {epoch: wrapping [" " wrapping] | ""}
    wrapping = base64(nonce[12] ‖ AES-256-GCM(kek, secret, AAD = epoch))

Rules:

1. Mode 0600, and the owner stays, whoever changes it: a key that root has replaced is still the
   gateway's to read. Changes are made under a lock, to a draft that is synced and renamed: the old
   file or the new, never half of one; two processes that start together get the same secret.
2. Erasure 擦除 leaves an empty text: an erased epoch is never made again, whatever a clock says.
3. While the key encryption key (KEK) is replaced, secrets are wrapped under the old and the new,
   so that processes with either can read. Only the end of the replacement drops the old.
"""

import fcntl
import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from gateway.crypto.digest import b64_decode, b64_encode
from gateway.crypto.identity import SECRET_BYTES, EpochCipher
from gateway.errors import SetupError
from gateway.site_file import keep_owner

_NONCE_BYTES: Final = 12
_PRIVATE: Final = 0o600
_ERASED: Final = ""
_parse_file = msgspec.json.Decoder(dict[str, str]).decode


def ensure_epoch(path: Path, kek: bytes, epoch: str) -> None:
    """Make an epoch's secret if the file has none yet; the file too, if there is none.

    Durable on return, and safe against another process doing the same.

    Raises:
        SetupError: the file cannot be read, written or opened with this key, or the epoch was
            erased.
    """

    def add(wrapped: dict[str, str]) -> None:
        if epoch not in wrapped:
            secret = secrets.token_bytes(SECRET_BYTES)
            wrapped[epoch] = _wrap(_wrapping(kek, path), secret, epoch)

    _change(path, add)
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
    if not wrapped.get(epoch):
        raise _unusable(path, f"has no epoch {epoch}", "an erased epoch cannot be read again.")
    secret = _open(_wrapping(kek, path), wrapped[epoch], epoch)
    if secret is None:
        raise _does_not_open(path, epoch)
    return EpochCipher(epoch, secret)


def list_epochs(path: Path) -> tuple[str, ...]:
    """Names of the epochs whose secrets are there, in order; none without a file.

    Raises:
        SetupError: the file cannot be read.
    """
    try:
        return tuple(sorted(epoch for epoch, text in _read(path).items() if text != _ERASED))
    except FileNotFoundError:
        return ()
    except OSError as error:
        raise _unusable(
            path, f"cannot be read: {error.strerror}", "check its owner and permissions."
        ) from None


def erase_epoch(path: Path, epoch: str) -> None:
    """Destroy an epoch's secret; durable on return. Without effect on one that is gone.

    Raises:
        SetupError: the file cannot be read or written.
    """
    _change(path, lambda wrapped: wrapped.update({epoch: _ERASED}))


def add_wrapping(path: Path, kek: bytes, new_kek: bytes) -> int:
    """Wrap every secret under a new key as well; those of the old stay.

    Returns:
        Number of epochs that open with the new key.

    Raises:
        SetupError: a secret that opens with neither; nothing was changed.
    """
    old, new = _wrapping(kek, path), _wrapping(new_kek, path)

    def wrap(wrapped: dict[str, str]) -> None:
        for epoch, text in _kept(wrapped):
            if _open(new, text, epoch) is not None:
                continue
            if (secret := _open(old, text, epoch)) is None:
                raise _does_not_open(path, epoch)
            wrapped[epoch] = f"{text} {_wrap(new, secret, epoch)}"

    return _change(path, wrap)


def drop_other_wrappings(path: Path, kek: bytes) -> int:
    """Keep only what opens with this key.

    Returns:
        Number of epochs.

    Raises:
        SetupError: a secret that does not open with it; nothing was changed.
    """
    wrapping = _wrapping(kek, path)

    def drop(wrapped: dict[str, str]) -> None:
        for epoch, text in _kept(wrapped):
            mine = [w for w in text.split() if _open(wrapping, w, epoch) is not None]
            if not mine:
                raise _does_not_open(path, epoch)
            wrapped[epoch] = mine[0]

    return _change(path, drop)


def _kept(wrapped: dict[str, str]) -> list[tuple[str, str]]:
    return [(epoch, text) for epoch, text in wrapped.items() if text != _ERASED]


def _wrap(wrapping: AESGCM, secret: bytes, epoch: str) -> str:
    nonce = secrets.token_bytes(_NONCE_BYTES)
    return b64_encode(nonce + wrapping.encrypt(nonce, secret, epoch.encode()))


def _open(wrapping: AESGCM, text: str, epoch: str) -> bytes | None:
    """The secret, if one of the wrappings is of this key."""
    for wrapped in text.split():
        try:
            sealed = b64_decode(wrapped)
            return wrapping.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], epoch.encode())
        except (ValueError, InvalidTag):
            continue
    return None


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
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise _unusable(
            path, "is not a JSON object of epochs", "restore it from your backup."
        ) from None


def _change(path: Path, change: Callable[[dict[str, str]], None]) -> int:
    """Change the file under its lock; returns the number of epochs that have a secret."""
    try:
        with _locked(path):
            before = _read(path) if path.exists() else {}
            after = dict(before)
            change(after)
            if after != before:
                _replace(path, msgspec.json.encode(after))
            return len(_kept(after))
    except OSError as error:
        raise _unusable(
            path, f"cannot be written: {error.strerror}", "check its folder and free space."
        ) from None


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    fd = os.open(path.with_name(f"{path.name}.lock"), os.O_RDWR | os.O_CREAT, _PRIVATE)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        _leave_to_owner(fd, path)
        yield
    finally:
        os.close(fd)


def _leave_to_owner(fd: int, path: Path) -> None:
    """Let a lock or a draft be the file's owner's, too."""
    if path.exists() and os.fstat(fd).st_uid != (status := path.stat()).st_uid:
        keep_owner(fd, status, group=False)


def _replace(path: Path, content: bytes) -> None:
    """Write beside, sync, rename, sync the folder. A draft that a crash left may hold a secret."""
    draft = path.with_name(f"{path.name}.new")
    draft.unlink(missing_ok=True)
    fd = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _PRIVATE)
    with os.fdopen(fd, "wb") as file:
        _leave_to_owner(fd, path)
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _does_not_open(path: Path, epoch: str) -> SetupError:
    return _unusable(
        path,
        f"epoch {epoch} does not open with this key encryption key",
        "restore the key encryption key, or this file, from your backup.",
    )


def _unusable(path: Path, what: str, remedy: str) -> SetupError:
    return SetupError(what, where=str(path), remedy=remedy)
