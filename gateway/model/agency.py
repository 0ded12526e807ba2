# SPDX-License-Identifier: Apache-2.0
"""Agencies 用证单位, their keys and their operators, as the site folder holds them."""

from datetime import datetime
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from gateway.model.events_section import Subscription
from gateway.model.limits import Burst, PerSecond

Algorithm = Literal["ecdsa-p256-sha256", "ed25519"]
Name = Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]
Label = Annotated[str, Meta(min_length=1, max_length=64)]
Time = Annotated[datetime, Meta(tz=True)]
Fingerprint = Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]


class AgencyKey(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A public key that signs requests for the agency.

    Attributes:
        id: the `keyid` of signatures; unique in the site.
        algorithm: fixed here; a signature's own `alg` may only repeat it.
        public: SubjectPublicKeyInfo in PEM.
        not_before: aware; None is since ever.
        not_after: aware; None is for ever.
        revoked: never valid again.
    """

    id: Label
    algorithm: Algorithm
    public: str
    not_before: Time | None = None
    not_after: Time | None = None
    revoked: bool = False


class Operator(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A registered 经办人; both members must match a request's.

    Attributes:
        id: stands in the log, so it is no personal number.
        name: the person's name; it never stands in the log.
    """

    id: Label
    name: Label


class Agency(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One agency with what signs and who works for it.

    Attributes:
        id: stable; the file is named after it.
        name: in words.
        uscc: its unified social credit code.
        division: 6- or 12-digit division code.
        active: a disabled agency is refused, its keys notwithstanding.
        keys: what its systems sign with.
        operators: who may be named as handling a case.
        per_s: requests per second, in place of `limits.agency_per_s`; 0 is without a limit.
        burst: requests at once under `per_s`; 0 is one second's worth.
        x509_sha256: of the X.509 certificates (DER) that its connections may present. Where there
            are any, a request over another connection is refused.
        events: where its events are delivered; it can always fetch them.
    """

    id: Name
    name: str
    uscc: str | None = None
    division: str | None = None
    active: bool = True
    keys: tuple[AgencyKey, ...] = ()
    operators: tuple[Operator, ...] = ()
    per_s: PerSecond | None = None
    burst: Burst = 0
    x509_sha256: tuple[Fingerprint, ...] = ()
    events: Subscription | None = None
