# SPDX-License-Identifier: Apache-2.0
"""How a department delivers: the data file at once whole, and its checksum last."""

from pathlib import Path

from gateway.crypto.digest import sha256
from gateway.sdk.kits.filedrop.layout import checksum_file


def deliver(file: Path, content: bytes) -> None:
    """Write one delivery.

    Args:
        file: of the data, with the day in its name.
        content: of the file.
    """
    part = file.with_name(f"{file.name}.part")
    part.write_bytes(content)
    part.replace(file)
    line = f"{sha256(content).hex()}  {file.name}\n"
    part.write_text(line, encoding="utf-8")
    part.replace(checksum_file(file))
