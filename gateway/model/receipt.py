# SPDX-License-Identifier: Apache-2.0
"""The answer of `GET /v1/receipts/{index}` (wire v1)."""

import msgspec


class Receipt(msgspec.Struct, frozen=True):
    """A record of the log and its proof.

    Attributes:
        log: origin of the log.
        index: of the record.
        entry: the record; its UTF-8 bytes are what is hashed.
        proof: C2SP tlog-proof, with the signed checkpoint in it.
    """

    log: str
    index: int
    entry: str
    proof: str
