# SPDX-License-Identifier: Apache-2.0
"""A ZIP file (APPNOTE 6.3.10) with one spelling: equal members make equal bytes.

Rules:

1. Members are stored, not compressed, sorted by name; names are ASCII.
2. Every field that could vary is fixed: version 2.0, no flags, 1980-01-01 00:00, no attributes, no
   extra fields, no comments, no data descriptors.
3. So whoever writes the members again and compares has checked every byte, those that ZIP readers
   ignore included.
"""

import struct
from collections.abc import Mapping
from typing import Final
from zlib import crc32

_LOCAL: Final = struct.Struct("<4s5H3L2H")
_CENTRAL: Final = struct.Struct("<4s6H3L5H2L")
_END: Final = struct.Struct("<4s4H2LH")
_VERSION: Final = 20
_DATE: Final = 1 << 5 | 1  # 1980-01-01


def format_archive(members: Mapping[str, bytes]) -> bytes:
    """Write members as one archive.

    Raises:
        ValueError: a name is not ASCII.
    """
    body, directory = bytearray(), bytearray()
    for name in sorted(members):
        encoded, content = name.encode("ascii"), members[name]
        size = len(content)
        fixed = (_VERSION, 0, 0, 0, _DATE, crc32(content), size, size, len(encoded), 0)
        directory += _CENTRAL.pack(b"PK\x01\x02", _VERSION, *fixed, 0, 0, 0, 0, len(body)) + encoded
        body += _LOCAL.pack(b"PK\x03\x04", *fixed) + encoded + content
    count = len(members)
    end = _END.pack(b"PK\x05\x06", 0, 0, count, count, len(directory), len(body), 0)
    return bytes(body + directory + end)
