# SPDX-License-Identifier: Apache-2.0
"""Auditors 审计人员: who may read the log, and by which keys their acts are known."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from gateway.model.agency import AgencyKey, Label, Name

#: `read`: search, view, export, report, evidence, and ask for an unmasking. `approve`: approve
#: another person's. `keep`: legal holds and erasure. `supervise`: read matters of supervision, and
#: take steps about them.
Role = Literal["read", "approve", "keep", "supervise"]


class Auditor(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One person who answers for what is done with the log.

    Attributes:
        id: stable, no personal number; the file is named after it.
        name: in words.
        roles: what the person may do.
        active: one who has left is refused, keys notwithstanding.
        keys: public keys that the person's acts are signed with.
    """

    id: Name
    name: Label
    roles: Annotated[tuple[Role, ...], Meta(min_length=1)]
    active: bool = True
    keys: tuple[AgencyKey, ...] = ()
