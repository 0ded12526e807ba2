# SPDX-License-Identifier: Apache-2.0
"""The site's own private keys: made once by `yizheng keys init`, read at start-up.

::

    keys/gateway.pem         P-256    signs responses
    keys/log.pem             Ed25519  signs checkpoints; used by the sequencer only
    keys/log.vkey            its public half in C2SP form, for auditors
    keys/seal-<adapter>.pem  P-256    seals that department's certificates
    keys/audit.kek           32 bytes wraps the epoch keys of the log
    keys/epochs.json         wrapped epoch keys; who destroys one, erases its holders from the log

Beside each private key stands its public half as `.pub.pem`, for whoever has to trust it. Private
files have mode 0600 and their folder 0700; wider ones are refused.
"""

import os
import secrets
from base64 import b64decode, b64encode
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Final

from gateway.config import Site
from gateway.crypto.identity import EpochCipher, ensure_epoch, load_epoch
from gateway.crypto.keys import (
    Signer,
    generate_private_key,
    keyid_of,
    load_signer,
    public_jwk,
    public_pem,
)
from gateway.errors import GatewayError, SetupError
from gateway.model.agency import Algorithm
from gateway.tlog.note import NoteSigner, NoteVerifier, parse_vkey

_KEK_BYTES: Final = 32
_PRIVATE: Final = 0o600
_PRIVATE_FOLDER: Final = 0o700
_OTHERS: Final = 0o077


def make_missing_keys(site: Site) -> tuple[Path, ...]:
    """Make every key that the site needs and does not have.

    Returns:
        The private files that were made.

    Raises:
        SetupError: a file cannot be written.
    """
    made = []
    try:
        site.keys.mkdir(mode=_PRIVATE_FOLDER, exist_ok=True)
        for path, algorithm in _private_keys(site).items():
            if not path.exists():
                write_key_pair(path, algorithm)
                made.append(path)
        vkey = site.keys / "log.vkey"
        if not vkey.exists():
            vkey.write_text(log_signer(site).public.vkey + "\n")
        kek = site.keys / "audit.kek"
        if not kek.exists():
            write_private(kek, b64encode(secrets.token_bytes(_KEK_BYTES)) + b"\n")
            made.append(kek)
    except OSError as error:
        raise SetupError(
            f"cannot be written: {error.strerror}",
            where=str(error.filename),
            remedy="check the folder's owner and permissions.",
        ) from None
    return tuple(made)


def write_key_pair(path: Path, algorithm: Algorithm) -> None:
    """Make a key pair: `path` (private) and the `.pub.pem` beside it."""
    private = generate_private_key(algorithm)
    write_private(path, private)
    path.with_suffix(".pub.pem").write_text(public_pem(private))


def write_private(path: Path, content: bytes) -> None:
    """Write a new file that only its owner can read; an existing one is never replaced."""
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _PRIVATE)
    with os.fdopen(fd, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def gateway_signer(site: Site) -> Signer:
    """The key that signs responses."""
    return _load(site.keys / "gateway.pem", "gateway")


def log_signer(site: Site) -> NoteSigner:
    """The key that signs checkpoints; its name is the log's origin (C2SP tlog-checkpoint)."""
    path = site.keys / "log.pem"
    private = read_private(path)
    try:
        return NoteSigner.from_pem(site.config.site.origin, private)
    except GatewayError:
        raise _unusable(path, "is not an Ed25519 private key in PEM") from None


def log_verifier(site: Site) -> NoteVerifier:
    """The public half of the log's key, from `keys/log.vkey`."""
    return read_verifier(site.keys / "log.vkey")


def read_verifier(path: Path) -> NoteVerifier:
    """Read a C2SP verifier key."""
    try:
        return parse_vkey(path.read_text().strip())
    except OSError as error:
        raise SetupError(
            f"cannot be read: {error.strerror}",
            where=str(path),
            remedy="run `yizheng keys init --site FOLDER`, or name another with --vkey.",
        ) from None
    except GatewayError:
        raise _unusable(path, "is not a C2SP verifier key") from None


def seal_signers(site: Site) -> Mapping[str, Signer]:
    """The sealing key of each adapter."""
    return {
        adapter.name: _load(site.keys / f"seal-{adapter.name}.pem", f"seal-{adapter.name}")
        for adapter in site.adapters
        if adapter.enabled
    }


def seal_public_keys(site: Site) -> Mapping[str, str]:
    """Public PEM of every sealing key by key id, for the published key set."""
    keys = {}
    for adapter in site.adapters:
        public = public_pem(read_private(site.keys / f"seal-{adapter.name}.pem"))
        keys[keyid_of(f"seal-{adapter.name}", public)] = public
    return keys


def gateway_jwk(site: Site) -> dict[str, str]:
    """The public half of the response key, for the published key set."""
    private = read_private(site.keys / "gateway.pem")
    return public_jwk(public_pem(private), gateway_signer(site).keyid)


def check_epoch_key(site: Site) -> None:
    """See that epoch keys can be wrapped and opened; writes nothing."""
    _kek(site)


def prepare_epoch(site: Site, now: datetime) -> str:
    """Make sure that the current month has an epoch key, and name it."""
    epoch = _epoch(site, now)
    ensure_epoch(site.keys / "epochs.json", _kek(site), epoch)
    return epoch


def epoch_cipher(site: Site, epoch: str) -> EpochCipher:
    """The keys under which the log knows holders in that epoch."""
    return load_epoch(site.keys / "epochs.json", _kek(site), epoch)


def _epoch(site: Site, now: datetime) -> str:
    zone = timezone(timedelta(hours=site.config.site.utc_offset_h))
    return now.astimezone(zone).strftime("%Y-%m")


def _private_keys(site: Site) -> dict[Path, Algorithm]:
    keys: dict[Path, Algorithm] = {
        site.keys / "gateway.pem": "ecdsa-p256-sha256",
        site.keys / "log.pem": "ed25519",
    }
    for adapter in site.adapters:
        keys[site.keys / f"seal-{adapter.name}.pem"] = "ecdsa-p256-sha256"
    return keys


def _load(path: Path, role: str) -> Signer:
    private = read_private(path)
    try:
        return load_signer(private, keyid_of(role, public_pem(private)))
    except (GatewayError, ValueError):
        raise _unusable(path, "is not a private key in PEM") from None


def _kek(site: Site) -> bytes:
    path = site.keys / "audit.kek"
    try:
        kek = b64decode(read_private(path), validate=False)
    except ValueError:
        kek = b""
    if len(kek) != _KEK_BYTES:
        raise _unusable(path, f"does not hold {_KEK_BYTES} bytes in base64")
    return kek


def read_private(path: Path) -> bytes:
    """Read a private file.

    Raises:
        SetupError: missing, or readable by others.
    """
    try:
        mode = path.stat().st_mode
        content = path.read_bytes()
    except OSError as error:
        raise SetupError(
            f"cannot be read: {error.strerror}",
            where=str(path),
            remedy="run `yizheng keys init --site FOLDER`, or restore it from your backup.",
        ) from None
    if mode & _OTHERS:
        raise SetupError(
            "can be read by others", where=str(path), remedy=f"run `chmod 600 {path.name}`."
        )
    return content


def _unusable(path: Path, what: str) -> SetupError:
    return SetupError(what, where=str(path), remedy="restore it from your backup.")
