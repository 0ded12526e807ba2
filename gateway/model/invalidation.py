# SPDX-License-Identifier: Apache-2.0
"""`POST /v1/invalidations` as values (wire format v1, docs/reference/wire.md)."""

from datetime import datetime
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from gateway.model.discreet import Discreet
from gateway.model.lookup import Short


class HolderNumber(Discreet, msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A holder as the department wrote it; nothing is checked yet."""

    scheme: Literal["cn-id", "cn-uscc"]
    number: Annotated[str, Meta(max_length=64)]


class Invalidation(Discreet, msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The record of one holder has changed.

    Without `certificates` all that the department answers for are meant.
    """

    holder: HolderNumber
    changed_at: Annotated[datetime, Meta(tz=True)]
    certificates: Annotated[tuple[Short, ...], Meta(max_length=64)] = ()


class Invalidated(msgspec.Struct, frozen=True):
    """A 200 answer: no worker of this gateway serves what it kept of the holder before."""

    request_id: str
    certificates: tuple[str, ...]
    changed_at: str
