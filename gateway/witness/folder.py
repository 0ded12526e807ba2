# SPDX-License-Identifier: Apache-2.0
"""A witness's folder.

::

    witness.pem      Ed25519 private key, mode 0600; the folder has 0700
    witness.vkey     its public half (type 0x04): what goes into the policies of logs
    witness.sqlite3  what has been seen (`gateway.witness.state`)
"""

import os
from pathlib import Path
from typing import Final

from gateway.crypto.keys import generate_private_key
from gateway.errors import GatewayError, SetupError
from gateway.tlog.note import COSIGNER_KEY, NoteSigner, parse_vkey
from gateway.witness.state import State

KEY_FILE: Final = "witness.pem"
VKEY_FILE: Final = "witness.vkey"
_OTHERS: Final = 0o077


def make_witness(folder: Path, name: str) -> str:
    """Make a key and an empty state in a new folder.

    Args:
        name: a schema-less URL; stands in every cosignature.

    Returns:
        The verifier key.

    Raises:
        SetupError: the name or the folder cannot be used.
    """
    private = generate_private_key("ed25519")
    try:
        vkey = NoteSigner.from_pem(name, private, COSIGNER_KEY).public.vkey
    except GatewayError as error:
        raise SetupError(
            error.detail, where="--name", remedy="use a schema-less URL, like witness.example/w1."
        ) from None
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        fd = os.open(folder / KEY_FILE, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(fd, "wb") as file:
            file.write(private)
            file.flush()
            os.fsync(file.fileno())
        State(folder).make()
        (folder / VKEY_FILE).write_text(f"{vkey}\n")
    except OSError as error:
        raise SetupError(
            f"cannot be made: {error.strerror}",
            where=str(error.filename),
            remedy="name a new folder that you may write to.",
        ) from None
    return vkey


def load_signer(folder: Path) -> NoteSigner:
    """The witness's key.

    Raises:
        SetupError: it cannot be read, or others can read it.
    """
    path = folder / KEY_FILE
    try:
        public = parse_vkey((folder / VKEY_FILE).read_text().strip(), COSIGNER_KEY)
        private, mode = path.read_bytes(), path.stat().st_mode
        signer = NoteSigner.from_pem(public.name, private, COSIGNER_KEY)
    except OSError as error:
        raise SetupError(
            f"cannot be read: {error.strerror}",
            where=str(error.filename),
            remedy="run `yizheng witness init FOLDER --name NAME`, or restore your backup.",
        ) from None
    except (GatewayError, ValueError):
        raise _unusable(path, "and witness.vkey are no key pair") from None
    if signer.public.vkey != public.vkey:
        raise _unusable(path, "is not the key of witness.vkey")
    if mode & _OTHERS:
        raise SetupError(
            "can be read by others", where=str(path), remedy=f"run `chmod 600 {KEY_FILE}`."
        )
    return signer


def _unusable(path: Path, what: str) -> SetupError:
    return SetupError(what, where=str(path), remedy="restore the folder from your backup.")
