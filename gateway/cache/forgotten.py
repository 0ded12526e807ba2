# SPDX-License-Identifier: Apache-2.0
"""What may not be given any more, although it is still kept.

1. Keys are one-way, so what is kept of a holder is not looked for. Noted is the instant until
   which answers about that holder are void; who reads an answer compares it with when it was asked.
2. A note is dropped when nothing it could be about is left.
3. Notes are bounded: beyond `MAX_NOTES` they become one, which is about everything.
"""

from collections import OrderedDict
from typing import Final

from gateway.cache.key import TAG_BYTES
from gateway.model.forget import Forget

MAX_NOTES: Final = 100_000
_NEVER: Final = float("-inf")


class Forgotten:
    """Instants on a monotonic clock, in seconds.

    Attributes:
        is_empty: nothing is noted about a holder or a certificate type.
    """

    __slots__ = ("_all_until_s", "_certificates", "_tags", "is_empty")

    def __init__(self) -> None:
        self._tags: Final = OrderedDict[bytes, float]()
        self._certificates: Final = OrderedDict[str, float]()
        self._all_until_s = _NEVER
        self.is_empty = True

    def note(self, forget: Forget, now_s: float) -> bool:
        """Note that something is void from now on.

        Returns:
            Whether that is everything.
        """
        if not forget.everything:
            for tag in forget.tags:
                self._tags[tag] = now_s
                self._tags.move_to_end(tag)
            for name in forget.certificates:
                self._certificates[name] = now_s
                self._certificates.move_to_end(name)
        is_all = forget.everything or len(self._tags) + len(self._certificates) > MAX_NOTES
        if is_all:
            self._tags.clear()
            self._certificates.clear()
            self._all_until_s = now_s
        self._look()
        return is_all

    def prune(self, before_s: float) -> None:
        """Drop notes of instants before which nothing that is left was asked."""
        for notes in (self._tags, self._certificates):
            while notes and next(iter(notes.values())) < before_s:
                notes.popitem(last=False)
        self._look()

    def covers(self, key: bytes, certificate: str, asked_at_s: float) -> bool:
        """Whether an answer that was asked for at that instant is void."""
        return (
            asked_at_s <= self._all_until_s
            or asked_at_s <= self._tags.get(key[:TAG_BYTES], _NEVER)
            or asked_at_s <= self._certificates.get(certificate, _NEVER)
        )

    def _look(self) -> None:
        self.is_empty = not self._tags and not self._certificates
