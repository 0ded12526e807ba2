# SPDX-License-Identifier: Apache-2.0
"""What an adapter answers, and what the sealing room makes of it. All of it is personal data."""

from collections.abc import Mapping
from datetime import datetime
from typing import Final

import msgspec

from gateway.model.certificate import Value
from gateway.model.discreet import Discreet
from gateway.model.lookup import ClaimResult

#: Seconds beyond which a department is asked for no answer: the longest `lookup.deadline_s`. So
#: long caches remember what has changed.
MAX_LOAD_S: Final = 300


class Found(Discreet, msgspec.Struct, frozen=True):
    """The source has the record.

    Attributes:
        fields: values by field name, only names of the `CertificateType`.
        as_of: aware; the instant for which the source vouches. None is the moment of the answer.
    """

    fields: Mapping[str, Value]
    as_of: datetime | None = None


class NotFound(msgspec.Struct, frozen=True):
    """The source answered, and it has no such record. Never used for a source that is away."""

    as_of: datetime | None = None


class Verified(Discreet, msgspec.Struct, frozen=True):
    """The source has the record, and compared by itself. Holds no value, so nothing is sealed.

    Attributes:
        results: `match` or `mismatch` for each claim that was asked about, and no other.
        as_of: aware; the instant for which the source vouches. None is the moment of the answer.
    """

    results: Mapping[str, ClaimResult]
    as_of: datetime | None = None


class Sealed(Discreet, msgspec.Struct, frozen=True, gc=False):
    """A certificate under its department's signature; this is what is cached.

    It is kept as it was before it was written in base64, in one piece and without containers of its
    own, so that a million of them fit into a process. `gateway.crypto.sdjwt` packs and unpacks it.

    Attributes:
        head: the issuer-signed part up to its first dot; one object for all that a key sealed.
        content: signature, payload and disclosures in bytes; its form is that room's.
        names: the fields, in the order of the disclosures; one object for all of a kind.
        as_of: RFC 3339 UTC, seconds.
    """

    head: str
    content: bytes
    names: tuple[str, ...]
    as_of: str


class Absent(msgspec.Struct, frozen=True, gc=False):
    """A cached *not found*."""

    as_of: str
