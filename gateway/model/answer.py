# SPDX-License-Identifier: Apache-2.0
"""What an adapter answers, and what the sealing room makes of it. All of it is personal data."""

from collections.abc import Mapping
from datetime import datetime

import msgspec

from gateway.model.certificate import Value
from gateway.model.discreet import Discreet
from gateway.model.lookup import ClaimResult


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


class Disclosure(Discreet, msgspec.Struct, frozen=True):
    """One field of a sealed certificate.

    Attributes:
        encoded: the SD-JWT disclosure, base64url of `[salt, name, value]`.
        value: the value inside it.
    """

    encoded: str
    value: Value


class Sealed(Discreet, msgspec.Struct, frozen=True):
    """A certificate under its department's signature; this is what is cached.

    Attributes:
        jwt: the issuer-signed part, three base64url segments.
        disclosures: by field name, in the order of the certificate type.
        as_of: RFC 3339 UTC, seconds.
    """

    jwt: str
    disclosures: Mapping[str, Disclosure]
    as_of: str


class Absent(msgspec.Struct, frozen=True):
    """A cached *not found*."""

    as_of: str
