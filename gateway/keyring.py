# SPDX-License-Identifier: Apache-2.0
"""The site's own private keys: made once by `yizheng keys init`, read at start-up.

::

    keys/gateway.pem         P-256    signs responses
    keys/log.pem             Ed25519  signs checkpoints; used by the sequencer only
    keys/log.vkey            its public half in C2SP form, for auditors
    keys/seal-<adapter>.pem  P-256    seals that department's certificates
    keys/audit.kek           32 bytes wraps the epoch keys; `[audit] kek` may name another
    keys/epochs.json         wrapped epoch keys; who destroys one, erases its holders from the log
    keys/office.key          32 bytes under which the office store knows holders; `[office] key` may
                             name another
    keys/shared-cache.key    32 bytes the same on all nodes (`[cache] url`); `[cache] key` may name
                             another
    keys/retired/            public halves of sealing keys that were replaced; published for ever

Beside each private key stands its public half as `.pub.pem`, for whoever has to trust it. Private
files have mode 0600 and their folder 0700; wider ones are refused.
"""

import os
import secrets
from base64 import b64decode, b64encode
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Final

from gateway.config import Site
from gateway.crypto import epochs
from gateway.crypto.identity import EpochCipher
from gateway.crypto.keys import (
    Signer,
    generate_private_key,
    keyid_of,
    load_signer,
    public_jwk,
    public_pem,
)
from gateway.crypto.office import OfficeCipher
from gateway.crypto.shared import SharedCipher
from gateway.errors import GatewayError, SetupError
from gateway.model.agency import Algorithm
from gateway.model.epoch import epoch_at
from gateway.secret_source import secret_source
from gateway.site_file import locked, write_whole
from gateway.tlog.note import NoteSigner, NoteVerifier, parse_vkey

_SECRET_BYTES: Final = 32
_PRIVATE: Final = 0o600
_PRIVATE_FOLDER: Final = 0o700
_RETIRED: Final = "retired"
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
        if (kek := make_secret(site, site.config.audit.kek)) is not None:
            made.append(kek)
        if (office := make_secret(site, site.config.office.key)) is not None:
            made.append(office)
        cache = site.config.cache
        if cache.url is not None and (shared := make_secret(site, cache.key)) is not None:
            made.append(shared)
    except OSError as error:
        raise _unwritable(error) from None
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
    """Public PEM of every sealing key by key id, for the published key set; replaced ones, too."""
    keys = {}
    for adapter in site.adapters:
        public = public_pem(read_private(site.keys / f"seal-{adapter.name}.pem"))
        keys[keyid_of(f"seal-{adapter.name}", public)] = public
    for path in sorted((site.keys / _RETIRED).glob("seal-*.pub.pem")):
        keyid = path.name.removesuffix(".pub.pem")
        public = path.read_text()
        try:
            is_named_so = keyid.endswith(keyid_of("", public))
        except GatewayError:
            is_named_so = False
        if not is_named_so:
            raise _unusable(path, "is not the public key that it is named after")
        keys[keyid] = public
    return keys


def rotate_seal(site: Site, adapter: str) -> str:
    """Replace an adapter's sealing key; its public half stays published. Workers take it at start.

    Returns:
        Id of the key that was replaced.

    Raises:
        SetupError: there is no such key, or a file cannot be written.
    """
    path = site.keys / f"seal-{adapter}.pem"
    public = public_pem(read_private(path))
    keyid = keyid_of(f"seal-{adapter}", public)
    draft = site.keys / f"new-seal-{adapter}.pem"
    try:
        (site.keys / _RETIRED).mkdir(exist_ok=True)
        with locked(site.keys / _RETIRED):
            write_whole(site.keys / _RETIRED / f"{keyid}.pub.pem", public)
        for left in (draft, draft.with_suffix(".pub.pem")):
            left.unlink(missing_ok=True)  # by an interrupted rotation
        write_key_pair(draft, "ecdsa-p256-sha256")
        with locked(site.keys):
            draft.replace(path)
            draft.with_suffix(".pub.pem").replace(path.with_suffix(".pub.pem"))
    except OSError as error:
        raise _unwritable(error) from None
    return keyid


def gateway_jwk(site: Site) -> dict[str, str]:
    """The public half of the response key, for the published key set."""
    private = read_private(site.keys / "gateway.pem")
    return public_jwk(public_pem(private), gateway_signer(site).keyid)


def check_epoch_key(site: Site) -> None:
    """See that epoch keys can be wrapped and opened; writes nothing."""
    _kek(site, site.config.audit.kek)


def prepare_epoch(site: Site, now: datetime) -> str:
    """Make sure that the current month has an epoch key, and name it."""
    epoch = epoch_at(now, site.config.site.utc_offset_h)
    make_epoch(site, epoch)
    return epoch


def make_epoch(site: Site, epoch: str) -> EpochCipher:
    """The keys of an epoch, made if there are none yet.

    Raises:
        SetupError: it was erased, or the file cannot be used.
    """
    kek = _kek(site, site.config.audit.kek)
    epochs.ensure_epoch(_epochs_file(site), kek, epoch)
    return epochs.load_epoch(_epochs_file(site), kek, epoch)


def epoch_cipher(site: Site, epoch: str) -> EpochCipher:
    """The keys under which the log knows holders in that epoch."""
    return epochs.load_epoch(_epochs_file(site), _kek(site, site.config.audit.kek), epoch)


def kept_epochs(site: Site) -> tuple[str, ...]:
    """The epochs whose keys were not destroyed, in order."""
    return epochs.list_epochs(_epochs_file(site))


def erase_epoch(site: Site, epoch: str) -> None:
    """Destroy an epoch's keys; durable on return. `gateway.audit.retention` says when one may."""
    epochs.erase_epoch(_epochs_file(site), epoch)


def make_secret(site: Site, reference: str) -> Path | None:
    """Make a key of 32 bytes if it is a file's and not there; returns the file that was made.

    Raises:
        OSError: it cannot be written.
    """
    scheme, _, name = reference.partition(":")
    path = site.folder / name
    if scheme != "file" or path.exists():
        return None
    write_private(path, b64encode(secrets.token_bytes(_SECRET_BYTES)) + b"\n")
    return path


def rotate_kek(site: Site, reference: str) -> tuple[int, bool]:
    """Go one step towards another key encryption key.

    With a reference that gateway.toml does not name yet, every epoch key is wrapped under it as
    well (a missing file is made). With the one that it names, all other wrappings are dropped.

    Returns:
        Number of epochs, and whether the replacement is complete.

    Raises:
        SetupError: a key cannot be used, or an epoch does not open; nothing was changed.
    """
    configured = site.config.audit.kek
    if reference == configured:
        kek = _kek(site, configured)
        return epochs.drop_other_wrappings(_epochs_file(site), kek), True
    try:
        make_secret(site, reference)
    except OSError as error:
        raise _unwritable(error) from None
    old, new = _kek(site, configured), _kek(site, reference)
    return epochs.add_wrapping(_epochs_file(site), old, new), False


def shared_cipher(site: Site) -> SharedCipher:
    """The keys under which nodes share their cache.

    Raises:
        SetupError: there is no such key.
    """
    return SharedCipher(_read_secret(site, site.config.cache.key, "cache.key"))


def office_cipher(site: Site) -> OfficeCipher:
    """The keys under which the office store knows holders.

    Raises:
        SetupError: there is no such key; `yizheng keys init` makes it.
    """
    return OfficeCipher(_read_secret(site, site.config.office.key, "office.key"))


def _epochs_file(site: Site) -> Path:
    return site.keys / "epochs.json"


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


def _kek(site: Site, reference: str) -> bytes:
    return _read_secret(site, reference, "audit.kek")


def _read_secret(site: Site, reference: str, member: str) -> bytes:
    """32 bytes by reference; `member` of gateway.toml is where it stands."""
    scheme, _, name = reference.partition(":")
    if scheme == "file":
        _check_private(site.folder / name)
    text = secret_source(site.folder, f"gateway.toml: $.{member}")(reference)
    try:
        secret = b64decode(text, validate=False)
    except ValueError:
        secret = b""
    if len(secret) != _SECRET_BYTES:
        raise SetupError(
            f"does not hold {_SECRET_BYTES} bytes in base64",
            where=str(site.folder / name) if scheme == "file" else reference,
            remedy="restore it from your backup.",
        )
    return secret


def read_private(path: Path) -> bytes:
    """Read a private file.

    Raises:
        SetupError: missing, or readable by others.
    """
    _check_private(path)
    try:
        return path.read_bytes()
    except OSError as error:
        raise _unreadable(path, error) from None


def _check_private(path: Path) -> None:
    try:
        mode = path.stat().st_mode
    except OSError as error:
        raise _unreadable(path, error) from None
    if mode & _OTHERS:
        raise SetupError(
            "can be read by others", where=str(path), remedy=f"run `chmod 600 {path.name}`."
        )


def _unreadable(path: Path, error: OSError) -> SetupError:
    return SetupError(
        f"cannot be read: {error.strerror}",
        where=str(path),
        remedy="run `yizheng keys init --site FOLDER`, or restore it from your backup.",
    )


def _unwritable(error: OSError) -> SetupError:
    return SetupError(
        f"cannot be written: {error.strerror}",
        where=str(error.filename),
        remedy="check the folder's owner and permissions.",
    )


def _unusable(path: Path, what: str) -> SetupError:
    return SetupError(what, where=str(path), remedy="restore it from your backup.")
