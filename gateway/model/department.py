# SPDX-License-Identifier: Apache-2.0
"""Departments 数据提供部门 as callers: by which keys their change signals are known."""

from typing import Annotated

import msgspec
from msgspec import Meta

from gateway.model.agency import AgencyKey, Fingerprint, Label, Name


class Department(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One department that may say that a record has changed.

    Attributes:
        id: stable; the file is named after it.
        name: in words.
        adapters: names of the adapters whose certificates it may have forgotten.
        active: a disabled department is refused, its keys notwithstanding.
        keys: what its systems sign with.
        x509_sha256: of the X.509 certificates (DER) that its connections may present. Where there
            are any, a request over another connection is refused.
    """

    id: Name
    name: Label
    adapters: Annotated[tuple[Label, ...], Meta(min_length=1)]
    active: bool = True
    keys: tuple[AgencyKey, ...] = ()
    x509_sha256: tuple[Fingerprint, ...] = ()
