# SPDX-License-Identifier: Apache-2.0
"""Changing files of a site that may be serving: whole or not at all, one change at a time.

1. A draft beside the file, fsync, rename, fsync of the folder. Mode and owner stay.
2. The folder is locked from reading to writing.
"""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from gateway.errors import SetupError

_NEW_FILE: Final = 0o644
_NEW_FOLDER: Final = 0o777


@contextlib.contextmanager
def locked(folder: Path, *, mode: int = _NEW_FOLDER) -> Iterator[None]:
    """Make the folder if need be, and keep other changers out.

    Args:
        mode: of a folder that is made.

    Raises:
        SetupError: it cannot be written.
    """
    try:
        folder.mkdir(mode, exist_ok=True)
        fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX)
            yield
            os.fsync(fd)  # the rename, too
        finally:
            os.close(fd)
    except OSError as error:
        raise SetupError(
            f"cannot be written: {error.strerror}",
            where=str(folder),
            remedy="check the folder's owner, permissions and free space.",
        ) from None


def write_whole(file: Path, text: str) -> None:
    """Put `text` in the place of what the file says; inside `locked`."""
    write_whole_bytes(file, text.encode())


def keep_owner(fd: int, status: os.stat_result, *, group: bool = True) -> None:
    """Let what is open belong to whom the file of that status belongs.

    So a command that root ran locks nobody out of a file that was theirs.

    Args:
        group: also to that group; of no use where the mode lets a group do nothing.

    Raises:
        OSError: it is another's, and only root gives files away.
    """
    os.fchown(fd, status.st_uid, status.st_gid if group else -1)


def write_whole_bytes(file: Path, content: bytes) -> None:
    """The same for what is no text."""
    status = file.stat() if file.exists() else None
    draft = file.with_name(f".{file.name}.new")
    try:
        with draft.open("wb") as writer:
            if status is None:
                os.fchmod(writer.fileno(), _NEW_FILE)
            else:
                keep_owner(writer.fileno(), status)
                os.fchmod(writer.fileno(), status.st_mode & 0o7777)
            writer.write(content)
            writer.flush()
            os.fsync(writer.fileno())
        draft.replace(file)
    finally:
        draft.unlink(missing_ok=True)
