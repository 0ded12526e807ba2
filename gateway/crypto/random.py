# SPDX-License-Identifier: Apache-2.0
"""Random bytes from the kernel's generator, fetched for many uses at once.

A call of the kernel costs a microsecond, and a lookup needs five: two nonces, a salt, an id, a key.

1. Each piece is dealt once: taking one from a deque is a single step under the interpreter's lock,
   so threads never share one.
2. A supply never crosses a fork: two processes would deal out the same bytes.
"""

import os
from collections import deque
from typing import Final

#: Bytes of a piece: 128 bits, enough for an id, a salt or a nonce.
PIECE_BYTES: Final = 16
_FETCH_COUNT: Final = 256

_supply: Final[deque[bytes]] = deque()
os.register_at_fork(after_in_child=_supply.clear)


def random_piece() -> bytes:
    """16 random bytes that nobody else gets."""
    while True:
        try:
            return _supply.popleft()
        except IndexError:
            fetched = os.urandom(PIECE_BYTES * _FETCH_COUNT)
            _supply.extend(
                fetched[at : at + PIECE_BYTES] for at in range(0, len(fetched), PIECE_BYTES)
            )
