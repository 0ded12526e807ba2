# SPDX-License-Identifier: Apache-2.0
"""What workers and the sequencer say to each other, over a Unix stream socket.

::

    u32 length of body │ u32 request id │ body: one tagged MessagePack array          big-endian

The sequencer speaks first (`Hello`, request id 0). Then each request gets one reply with its id, in
any order; `Follow` gets none, but from then on the sequencer sends `Drop` with ids of its own, each
answered by `Dropped` (`gateway.audit.spread`). A body is at most `MAX_FRAME_BYTES`; more, or a body
that does not decode, ends the connection: after it nothing could be trusted to begin where it seems
to.
"""

import struct
from typing import Final, Literal, final

import msgspec

from gateway.errors import AuditError
from gateway.model.forget import CacheState, Forget
from gateway.ports import Claim, Verdict

MAX_FRAME_BYTES: Final = 16_384
_HEADER: Final = struct.Struct(">II")
#: The frame of `Durable`: header, an array of two, its tag, an unsigned of 64 bits.
_DURABLE: Final = struct.Struct(">IIB8sBQ")
_DURABLE_BYTES: Final = _DURABLE.size - _HEADER.size


class _Frame(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """Base of all messages."""


class Decide(_Frame, frozen=True, tag="decide"):
    """Decide a claim without writing anything."""

    claim: Claim


class Ping(_Frame, frozen=True, tag="ping"):
    """Ask whether the log can be written; the answer is `Accepted` or `Failed`."""


class Append(_Frame, frozen=True, tag="append"):
    """Make an entry durable.

    Attributes:
        generation: of the sequencer that has accepted the claim already; None if none has.
    """

    entry: bytes
    claim: Claim | None
    generation: int | None


class Announce(_Frame, frozen=True, tag="announce"):
    """Make a record durable, then have every worker forget; the answer follows when all have.

    Attributes:
        entry: the record of the change.
        forget: nothing of it says whom the change is about, without the caches' secret.
    """

    entry: bytes
    claim: Claim | None
    forget: Forget


class Survey(_Frame, frozen=True, tag="survey"):
    """Ask every worker for the state of its cache."""


class Follow(_Frame, frozen=True, tag="follow"):
    """Have this connection told what to forget."""


class Dropped(_Frame, frozen=True, tag="dropped"):
    """The worker has forgotten."""

    state: CacheState


class Hello(_Frame, frozen=True, tag="hello"):
    """Which log this is.

    Attributes:
        secret: under which the workers' caches know holders.
    """

    origin: str
    secret: bytes


class Drop(_Frame, frozen=True, tag="drop"):
    """Forget this now."""

    forget: Forget


class Accepted(_Frame, frozen=True, tag="accepted"):
    """The claim is held, in this life of the sequencer."""

    generation: int


class Decided(_Frame, frozen=True, tag="decided"):
    """The claim is not accepted; nothing was written."""

    verdict: Verdict


class Durable(_Frame, frozen=True, tag="durable"):
    """The entry is written, synced and under a signed checkpoint."""

    index: int


class Failed(_Frame, frozen=True, tag="failed"):
    """There is no answer.

    Attributes:
        reason: `failed`: the store is away, or the claim is out of time; `overloaded`: too much is
            waiting, or too many nonces are remembered; `unacceptable`: an entry that no verifier
            would accept.
    """

    reason: Literal["failed", "overloaded", "unacceptable"]


class Surveyed(_Frame, frozen=True, tag="surveyed"):
    """What the workers said, by process id."""

    states: tuple[CacheState, ...]


#: What is answered in order, by groups.
Request = Decide | Append | Ping | Announce
#: What is about caches, and not about the log.
Notice = Follow | Dropped | Survey
Reply = Accepted | Decided | Durable | Failed | Surveyed
_encode = msgspec.msgpack.Encoder().encode
parse_request = msgspec.msgpack.Decoder(Request | Notice).decode
parse_reply = msgspec.msgpack.Decoder(Hello | Reply | Drop).decode


def format_frame(request_id: int, message: Request | Notice | Hello | Reply | Drop) -> bytes:
    """Write one frame."""
    body = _encode(message)
    return _HEADER.pack(len(body), request_id) + body


def format_durable(request_id: int, index: int) -> bytes:
    """Write the frame of `Durable(index)`: the most frequent one, of a fixed form."""
    return _DURABLE.pack(_DURABLE_BYTES, request_id, 0x92, b"\xa7durable", 0xCF, index)


@final
class FrameBuffer:
    """Cuts a stream into frames; holds at most one unfinished frame."""

    __slots__ = ("_pending",)

    def __init__(self) -> None:
        self._pending = b""

    def feed(self, chunk: bytes) -> list[tuple[int, bytes]]:
        """Take what has arrived.

        Returns:
            Request id and body of each frame that is complete now.

        Raises:
            AuditError: a frame is too long.
        """
        stream = self._pending + chunk
        frames, at = [], 0
        while len(stream) - at >= _HEADER.size:
            length, request_id = _HEADER.unpack_from(stream, at)
            if length > MAX_FRAME_BYTES:
                raise AuditError("AUDIT_UNAVAILABLE", f"a frame of {length} bytes")
            end = at + _HEADER.size + length
            if end > len(stream):
                break
            frames.append((request_id, stream[at + _HEADER.size : end]))
            at = end
        self._pending = stream[at:]
        return frames
