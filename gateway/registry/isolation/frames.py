# SPDX-License-Identifier: Apache-2.0
"""What a worker and an adapter's process say to each other, over a Unix stream socket.

::

    u32 length of body │ u32 number of the call │ body: one tagged MessagePack array      big-endian

The form is that of the sequencer's frames. The worker speaks first (`Start`); `Ready` or `Unready`
answers it. Then each `Ask` gets one reply under its number, in any order, unless `Cancel` under the
same number comes first. `Tell` goes the other way, under a number of the child's own counting, and
gets one `Told` when the change is known everywhere. Both ends run on one machine and share its
monotonic clock, so a deadline is passed on as the instant that it is.
"""

import asyncio
import struct
from datetime import datetime
from typing import Any, Final, Literal, TypeVar

import msgspec

from gateway.model.certificate import Value
from gateway.model.discreet import Discreet
from gateway.model.holder import Holder

#: An answer of the largest size that a kit accepts fits into it.
MAX_FRAME_BYTES: Final = 4 << 20
_HEADER: Final = struct.Struct(">II")
T = TypeVar("T")


Method = Literal["lookup", "verify", "ping"]


class _Frame(Discreet, msgspec.Struct, frozen=True, array_like=True):
    """Base of all messages; their representations show nothing."""


class Start(_Frame, frozen=True, tag="start"):
    """Make and open the adapter.

    Attributes:
        path: where modules are imported from.
        module: of the adapter's class.
        qualname: of the class in it.
        declaration: what the class was made from, where it stands in no module.
        name: of the adapter in the site.
        folder: the site's, for secrets.
        settings: as the site's file has them; references, never a secret.
    """

    path: list[str]
    module: str
    qualname: str
    name: str
    folder: str
    settings: dict[str, Any]
    declaration: str | None = None


class Ask(_Frame, frozen=True, tag="ask"):
    """A call of one method. All but `method` and `at_s` belong to a `Query`; a ping has none.

    Attributes:
        at_s: the deadline, on the monotonic clock.
        certificate: name of the type.
    """

    method: Method
    at_s: float
    certificate: str = ""
    holder: Holder | None = None
    request_id: str = ""
    agency: str = ""
    operator: str = ""
    item: str = ""
    case: str = ""
    purpose: str = ""
    claims: dict[str, Value] = {}
    division: str | None = None


class Cancel(_Frame, frozen=True, tag="cancel"):
    """Nobody waits for this call any more."""


class Beat(_Frame, frozen=True, tag="beat"):
    """Answer with `Alive`, at once."""


class Told(_Frame, frozen=True, tag="told"):
    """A `Tell` of this number has come to every cache, or was wrong.

    Attributes:
        mistake: the text of the `ValueError`, if it was.
    """

    mistake: str | None = None


class Ready(_Frame, frozen=True, tag="ready"):
    """The adapter is open."""


class Unready(_Frame, frozen=True, tag="unready"):
    """It cannot be opened; the parts of a `SetupError`."""

    detail: str
    where: str


class Alive(_Frame, frozen=True, tag="alive"):
    """The child's loop runs."""


class Left(_Frame, frozen=True, tag="left"):
    """Calls left tasks behind; these are the names of their functions."""

    names: list[str]


class Tell(_Frame, frozen=True, tag="tell"):
    """The adapter has learned that a holder's records have changed; see `gateway.sdk.Changed`."""

    scheme: str
    number: str
    certificates: list[str]


class Answered(_Frame, frozen=True, tag="answered"):
    """A method returned; what it returned has been checked where it was made.

    Attributes:
        kind: the type's name; `None` for a ping, and for a verification that is left to us.
        values: fields of a `Found`, results of a `Verified`.
    """

    kind: Literal["Found", "NotFound", "Verified", "None"]
    values: dict[str, Any] = {}
    as_of: datetime | None = None


class Failed(_Frame, frozen=True, tag="failed"):
    """A method raised a department error, or something that counts as one.

    Attributes:
        is_code: no department said so: the adapter's own code is at fault.
    """

    code: str
    cause: str
    retry_after_s: int | None
    is_code: bool


_encode = msgspec.msgpack.Encoder().encode
parse_order = msgspec.msgpack.Decoder(Start | Ask | Cancel | Beat | Told).decode
parse_reply = msgspec.msgpack.Decoder(
    Ready | Unready | Alive | Left | Tell | Answered | Failed
).decode


def format_frame(number: int, message: _Frame) -> bytes:
    """Write one frame."""
    body = _encode(message)
    return _HEADER.pack(len(body), number) + body


async def read_frame(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    """Read the next frame: number and body.

    Raises:
        EOFError: the stream ended, or what comes is no frame.
    """
    length, number = _HEADER.unpack(await reader.readexactly(_HEADER.size))
    if length > MAX_FRAME_BYTES:
        raise EOFError(f"a frame of {length} bytes")
    return number, await reader.readexactly(length)
