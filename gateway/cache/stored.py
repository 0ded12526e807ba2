# SPDX-License-Identifier: Apache-2.0
"""An answer as the store keeps it, and how old it is.

::

    name   = MAC(run id of the store, key of the question)
    value  = sealed MessagePack array [asked_at_ms, life_ms, marks, token, as_of]

1. **Marks** are three random texts that the store keeps for a holder's certificate, for the
   certificate type and for everything. Whoever asks a department has read them before (and made
   those that were missing); what he stores is good as long as they are the same. So a change that
   deletes a mark voids what is stored *and* what is on its way, without anybody's clock, and a mark
   that the store lost by itself does the same.
2. A store that was started again may have forgotten deletions. It has another run id then, and so
   have all names.
3. Age is the greater of two: by the clocks on the walls of who wrote and who reads, and by what the
   store says is left of its life. The first cannot be changed by the store; the second holds when
   a node's clock is wrong. An answer from the future, beyond `SKEW_S`, is none.
"""

from typing import Final

import msgspec

from gateway.cache.key import TAG_BYTES
from gateway.crypto.shared import SharedCipher

#: Seconds that another node's clock may be ahead.
SKEW_S: Final = 5.0
MARK_BYTES: Final = 16


class StoredAnswer(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """What a node leaves for the others.

    Attributes:
        asked_at_ms: UNIX milliseconds at which the department was asked.
        life_ms: for how long it may be of use from then on, stale use included.
        marks: as they were before the department was asked.
        token: the sealed certificate; empty where there is none.
        as_of: RFC 3339 UTC, seconds; of a *not found*.
    """

    asked_at_ms: int
    life_ms: int
    marks: bytes
    token: str = ""
    as_of: str = ""

    def __repr__(self) -> str:
        return "StoredAnswer(…)"  # it holds personal data

    def age_s(self, now_s: float, left_ms: int) -> float | None:
        """Seconds since the department was asked; None where that cannot be told.

        Args:
            now_s: UNIX seconds.
            left_ms: what the store says is left of its life; negative where it is over.
        """
        by_walls_s = now_s - self.asked_at_ms / 1000
        if by_walls_s < -SKEW_S:
            return None
        by_store_s = (self.life_ms - max(left_ms, 0)) / 1000
        return max(by_walls_s, by_store_s, 0.0)


_encode: Final = msgspec.msgpack.Encoder().encode
_decode: Final = msgspec.msgpack.Decoder(StoredAnswer).decode


def format_answer(cipher: SharedCipher, name: bytes, answer: StoredAnswer) -> bytes:
    """Write the value of a name."""
    return cipher.seal(name, _encode(answer))


def parse_answer(cipher: SharedCipher, name: bytes, value: bytes) -> StoredAnswer | None:
    """Inverse of `format_answer`; None for whatever it would not have written."""
    content = cipher.open(name, value)
    if content is None:
        return None
    try:
        return _decode(content)
    except msgspec.DecodeError:  # of another version of this program
        return None


class Names:
    """Names in one life of the store.

    Args:
        run_id: which the store made for itself when it was started.
    """

    __slots__ = ("_cipher", "_everything", "_run_id", "stream")

    def __init__(self, cipher: SharedCipher, run_id: bytes) -> None:
        self._cipher: Final = cipher
        self._run_id: Final = run_id
        self._everything: Final = self._name(b"everything", b"")
        self.stream: Final = self._name(b"stream", b"")

    def answer(self, key: bytes) -> bytes:
        """Of an answer, by the key of its question."""
        return self._name(b"answer", key)

    def marks(self, key: bytes, certificate: str) -> tuple[bytes, bytes, bytes]:
        """Of the three marks that an answer depends on."""
        return self.holder(key[:TAG_BYTES]), self.certificate(certificate), self._everything

    def holder(self, tag: bytes) -> bytes:
        """Of the mark of one certificate type of one holder."""
        return self._name(b"holder", tag)

    def certificate(self, name: str) -> bytes:
        """Of the mark of a certificate type."""
        return self._name(b"certificate", name.encode())

    @property
    def everything(self) -> bytes:
        """Of the mark that all answers depend on."""
        return self._everything

    def _name(self, kind: bytes, what: bytes) -> bytes:
        return self._cipher.name(_encode((kind, self._run_id, what)))
