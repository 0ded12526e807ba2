# SPDX-License-Identifier: Apache-2.0
"""What can be asked here, and what of it one agency is granted: `GET /v1/certificates`."""

from datetime import date

import msgspec

from gateway.errors import Text
from gateway.model.certificate import FieldType, Sensitivity
from gateway.model.holder import Scheme
from gateway.model.lookup import Operation
from gateway.model.share import ShareType


class OfferedField(msgspec.Struct, frozen=True):
    """One field of a certificate type."""

    name: str
    title: Text
    type: FieldType
    sensitivity: Sensitivity


class GrantedScope(msgspec.Struct, frozen=True):
    """What one grant of the caller covers; a member without entries is without that bound.

    Attributes:
        grant: `id@version`, as answers name it.
        daily_cap: permitted requests a day; null is without a cap.
    """

    grant: str
    operations: tuple[Operation, ...]
    fields: tuple[str, ...]
    items: tuple[str, ...]
    valid_from: date
    valid_until: date
    daily_cap: int | None
    divisions: tuple[str, ...]
    hours: tuple[str, ...]
    networks: tuple[str, ...]


class OfferedCertificate(msgspec.Struct, frozen=True):
    """One certificate type.

    Attributes:
        share: the share type 共享属性; of `none` no grant permits anything.
        share_reason: why it is not shared; empty otherwise.
        schemes: which holder numbers it can be asked by.
        key_fields: fields to state in `claims` besides the number.
        grants: of the caller; those that were revoked or have ended are left out.
    """

    name: str
    title: Text
    share: ShareType
    share_reason: str
    schemes: tuple[Scheme, ...]
    fields: tuple[OfferedField, ...]
    key_fields: tuple[str, ...]
    grants: tuple[GrantedScope, ...]


class Offered(msgspec.Struct, frozen=True):
    """The answer, by name of certificate type."""

    agency: str
    certificates: tuple[OfferedCertificate, ...]
