# SPDX-License-Identifier: Apache-2.0
"""What a crash or a failed sync left in SQLite's write-ahead log (sqlite.org/fileformat2.html §4).

SQLite drops what is unfinished without a word; an operator should know. A frame of the present
generation bears the salts of the file's header. One that lies behind the last commit was never
acknowledged.
"""

import os
import struct
from pathlib import Path
from typing import Final

_HEADER: Final = struct.Struct(">4x4xI4x8s8x")  # page size, salts
_FRAME: Final = struct.Struct(">4x4x8s8x")  # salts
_CHUNK_BYTES: Final = 1 << 20


def unfinished_frames(wal: Path, committed_count: int) -> int:
    """Count the frames behind the last commit, a torn one included.

    Args:
        committed_count: frames that SQLite has found good.

    Raises:
        OSError: the file cannot be read.
    """
    if not wal.exists():
        return 0
    found = 0
    with wal.open("rb") as file:
        header = file.read(_HEADER.size)
        if len(header) < _HEADER.size:
            return 0
        page_bytes, salts = _HEADER.unpack(header)
        frame_bytes = _FRAME.size + page_bytes
        file.seek(_HEADER.size + committed_count * frame_bytes)
        while len(frame := file.read(frame_bytes)) >= _FRAME.size:
            if _FRAME.unpack_from(frame)[0] != salts:
                break
            found += 1
    return found


def write_again(wal: Path) -> None:
    """Make the file durable where it is: write each byte again as it is read, then sync.

    A sync alone proves nothing once another has failed: the kernel may take pages for clean that
    are on no disk. What is written is dirty again. Who reads meanwhile reads the same; nobody else
    may write.

    Raises:
        OSError: it may not be durable.
    """
    fd, at = os.open(wal, os.O_RDWR | os.O_CLOEXEC), 0
    try:
        while chunk := os.pread(fd, _CHUNK_BYTES, at):
            at += os.pwrite(fd, chunk, at)
        os.fsync(fd)
    finally:
        os.close(fd)
