# SPDX-License-Identifier: Apache-2.0
"""What the very same words came to before: a question that need not be understood twice.

Systems ask again: a page is opened anew, the next window of a case repeats the last one's request.
The body is then the same to the byte, and so is everything that follows from it and from nothing
else. What is remembered is a *permit with its arguments*:

1. It holds for the same body, agency, address and day, the same grants, items and operators
   (`AccessPolicy.version`), and while the cache makes the same keys. If any of them is another one,
   everything is decided anew.
2. Only permits are remembered. Limits, nonce, quota, the cache's answer and the record are each
   request's own.
3. When it is asked a third time, the answer's and the entry's unchanging bytes are kept as well.
   They are cut out of what the one encoder wrote; no second one knows the format.
4. It is remembered as long as the cache keeps the answer, and a wording as long as that is the
   same: number, name and fields are gone soon after. Each second looks at a part of all that is
   known. What is forgotten while its answer is on the way is understood once more, and no worse.
"""

import secrets
from datetime import date
from typing import Final

import msgspec
from cachebox import LRUCache

from gateway.crypto.digest import b64url_encode, sha256
from gateway.crypto.identity import EpochCipher
from gateway.crypto.random import random_piece
from gateway.exchange.reply import JSON, Reply
from gateway.model.answer import Sealed
from gateway.model.certificate import CertificateType
from gateway.model.entry import Entry, HolderMark, RequestMark, ResponseMark, format_entry
from gateway.model.grant import Permit
from gateway.model.holder import Holder
from gateway.model.lookup import LookupAnswer, LookupRequest
from gateway.ports import Caller, ResultCache

#: Permitted requests that are remembered in their very words; about 6 KB each.
_KNOWN_COUNT: Final = 4096
#: Looked at each second: all in 16 s, and a quarter of a millisecond of a turn.
_LOOKED_AT_COUNT: Final = 256
_encode: Final = msgspec.json.Encoder().encode
#: Stands where a value goes that differs each time; nobody outside can write it.
_GAP: Final = f"gap-{secrets.token_hex(16)}"
_GAPS: Final = {name: f"{_GAP}-{name}" for name in ("id", "salt", "time", "holder", "input",
                                                    "request", "response")}  # fmt: skip
_ID_START: Final = b'{"request_id":"'


class Known(msgspec.Struct):
    """A permitted request, understood.

    Attributes:
        version: of the policy that permitted it.
        keying: of the cache, when `key` was made.
        asked: names of all fields that the answer tells something about.
        adapter: name of the one that answers for the request's division.
        key: of the cache; None where nothing is kept.
        is_verified_there: a verification that the department does by itself: no cache answers it.
        is_watched: its case, as it is now, is looked at each time (`office_port.CaseGate`).
        hit_count: answers from the cache, as far as it matters.
        wording: of the last of them.
    """

    caller: Caller
    version: object
    keying: object
    today: date
    request: LookupRequest
    asked: tuple[str, ...]
    holder: Holder
    certificate: CertificateType
    adapter: str
    permit: Permit
    key: bytes | None
    is_verified_there: bool
    is_watched: bool = False
    hit_count: int = 0
    wording: "Wording | None" = None

    def holds(self, caller: Caller, version: object, keying: object, today: date) -> bool:
        """Whether this caller, now, comes to the same; the body has been compared."""
        mine = self.caller
        return (
            self.version is version
            and self.keying is keying
            and self.today == today
            and mine.agency is caller.agency
            and mine.address == caller.address
        )

    def learn(self, answer: LookupAnswer, entry: Entry, kept: object, cipher: EpochCipher) -> None:
        """Keep the wording of an answer from the cache, once it is not the first."""
        if isinstance(kept, Sealed):
            self.hit_count += 1
            if self.hit_count > 1:
                self.wording = Wording(answer, entry, kept, cipher)


class Wording:
    """The bytes of an answer from the cache and of its entry, but for what differs each time.

    Args:
        answer: as it was given.
        entry: as it was recorded under `cipher`.
        sealed: what the answer was made of; another one makes another answer.
    """

    __slots__ = ("_cipher", "_keyid", "_outcome", "_parts", "_sealed", "_tail")

    def __init__(
        self, answer: LookupAnswer, entry: Entry, sealed: Sealed, cipher: EpochCipher
    ) -> None:
        self._sealed: Final = sealed
        self._keyid: Final = entry.keyid
        self._cipher: Final = cipher
        self._outcome: Final = answer.outcome
        self._tail: Final = _encode(answer)[len(_ID_START) + len(answer.request_id) :]
        self._parts: Final = _cut(entry)

    def is_of(self, kept: object) -> bool:
        """Whether it is the wording of this answer."""
        return kept is self._sealed

    def fits(self, kept: object, cipher: EpochCipher, keyid: str) -> bool:
        """Whether the same answer would be given and recorded."""
        return kept is self._sealed and cipher is self._cipher and keyid == self._keyid

    def reply(self, request_id: str) -> Reply:
        """The answer to one request."""
        body = b"".join((_ID_START, request_id.encode("ascii"), self._tail))
        return Reply(200, JSON, body, sha256(body), self._outcome)

    def entry(
        self, caller: Caller, request_id: str, holder: Holder, reply: Reply, time: str
    ) -> bytes:
        """The entry of one request."""
        signature, cipher = caller.signature, self._cipher
        p = self._parts
        text = (
            f"{p[0]}{request_id}{p[1]}{b64url_encode(random_piece())}{p[2]}{time}"
            f"{p[3]}{cipher.seal_number(holder.number, request_id)}{p[4]}"
        )
        rest = (
            f"{p[5]}{cipher.seal_request(caller.digest, signature.value, request_id)}"
            f"{p[6]}{reply.digest.hex()}{p[7]}"
        )
        # The signature's parameters are the caller's words, with quotes in them.
        return b"".join((text.encode(), _encode(signature.member)[1:-1], rest.encode()))


class KnownRequests:
    """What is remembered, by the SHA-256 of its words.

    Args:
        cache: keeps the answers.
    """

    def __init__(self, cache: ResultCache) -> None:
        self._cache: Final = cache
        self._known: Final = LRUCache[bytes, Known](_KNOWN_COUNT)
        self._unseen: list[bytes] = []

    def __len__(self) -> int:
        return len(self._known)

    def find(self, digest: bytes) -> Known | None:
        """What these words came to before; whether it still holds is another question."""
        return self._known.get(digest)

    def remember(self, digest: bytes, known: Known) -> None:
        """Instead of whoever was not asked for longest, if need be."""
        self._known.insert(digest, known)

    def let_go(self) -> None:
        """Forget what has no answer any more, of a part of all; called each second."""
        if not self._unseen:
            self._unseen = list(self._known)
        for digest in self._unseen[-_LOOKED_AT_COUNT:]:
            known: Known | None = self._known.peek(digest)
            if known is None:
                continue
            kept = None if known.key is None else self._cache.peek(known.key)
            if kept is None:
                self._known.pop(digest)
            if known.wording is not None and not known.wording.is_of(kept):
                known.wording = None
        del self._unseen[-_LOOKED_AT_COUNT:]


def _cut(entry: Entry) -> tuple[str, ...]:
    """The text between the gaps."""
    assert isinstance(entry.holder, HolderMark)
    gapped = msgspec.structs.replace(
        entry,
        id=_GAPS["id"],
        salt=_GAPS["salt"],
        time=_GAPS["time"],
        holder=msgspec.structs.replace(entry.holder, ct=_GAPS["holder"]),
        request=RequestMark(entry.request.epoch, _GAPS["input"], _GAPS["request"]),
        response=ResponseMark(_GAPS["response"]),
    )
    text, parts = format_entry(gapped).decode(), []
    for gap in _GAPS.values():
        part, _, text = text.partition(gap)
        parts.append(part)
    return (*parts, text)
