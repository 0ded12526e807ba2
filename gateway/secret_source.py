# SPDX-License-Identifier: Apache-2.0
"""Secret references: `file:<path>` (relative to the site folder) or `env:<NAME>`.

An error repeats a reference, never a content. Text that is neither form may itself be a secret that
somebody wrote into the file, so it is not repeated at all.
"""

import os
from collections.abc import Callable
from pathlib import Path

from gateway.errors import SetupError


def secret_source(folder: Path, where: str) -> Callable[[str], str]:
    """Return the resolver of references; an adapter's context offers one.

    Args:
        folder: the site folder.
        where: the file that refers, for errors.
    """

    def secret(reference: str) -> str:
        text = _read(reference, folder, where).strip()
        if not text:
            raise SetupError(
                f"the secret {reference} is empty", where=where, remedy="put the secret there."
            )
        return text

    return secret


def _read(reference: str, folder: Path, where: str) -> str:
    scheme, _, name = reference.partition(":")
    match scheme:
        case "file":
            try:
                return (folder / name).read_text(encoding="utf-8")
            except (OSError, ValueError) as error:
                raise SetupError(
                    f"the secret {reference} cannot be read: {type(error).__name__}",
                    where=where,
                    remedy="make the file readable for the gateway's user, as UTF-8.",
                ) from None
        case "env":
            try:
                return os.environ[name]
            except KeyError:
                raise SetupError(
                    f"the secret {reference} is not in the environment",
                    where=where,
                    remedy="set the variable for the gateway's process.",
                ) from None
        case _:
            raise SetupError(
                "a secret stands where a reference to one belongs",
                where=where,
                remedy="write `file:<path>` or `env:<NAME>`.",
            )
