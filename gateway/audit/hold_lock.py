# SPDX-License-Identifier: Apache-2.0
"""One at a time: a hold is recorded, or an epoch's keys end.

`keys/holds.lock`, beside `epochs.json`, under an exclusive flock. A hold is acknowledged while the
keys that it keeps are there, or it is refused: never in between. Not the lock of `epochs.json`
itself, which is taken within.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from gateway.errors import SetupError

HOLD_LOCK: Final = "holds.lock"
_PRIVATE: Final = 0o600


@contextmanager
def hold_lock(keys: Path) -> Iterator[None]:
    """Wait for the lock in the folder of the keys, and hold it.

    Raises:
        SetupError: the file cannot be opened or locked.
    """
    path = keys / HOLD_LOCK
    try:
        fd = os.open(path, os.O_RDWR | os.O_CREAT, _PRIVATE)
    except OSError as error:
        raise _unusable(path, error) from None
    try:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX)
        except OSError as error:
            raise _unusable(path, error) from None
        yield
    finally:
        os.close(fd)


def _unusable(path: Path, error: OSError) -> SetupError:
    return SetupError(
        f"cannot be locked: {error.strerror}",
        where=str(path),
        remedy="check the folder's owner and permissions.",
    )
