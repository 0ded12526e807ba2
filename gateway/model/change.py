# SPDX-License-Identifier: Apache-2.0
"""One change of what is published, as a line of a change log (`changes.jsonl`)."""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

Action = Literal["import", "review", "publish", "end", "retire"]
#: Who and why, as a person gives them.
Who = Annotated[str, Meta(min_length=1, max_length=64, pattern=r"^[^\x00-\x1f\x7f]+$")]
Note = Annotated[str, Meta(max_length=500)]


class Change(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Written before it takes effect.

    Attributes:
        at: RFC 3339, UTC.
        by: who says to have made it; whoever may write the site's folder may say any name.
        action: what was done.
        name: code of the item, or name of the list.
        version: of what was changed.
        now: status after it.
        was: status before it; absent for what is new.
        fields: places that differ from what was there before.
        note: why.
        content: all of it as it is after the change, so that any version can be shown again.
    """

    at: str
    by: Who
    action: Action
    name: str
    version: int
    now: str
    was: str | None = None
    fields: tuple[str, ...] = ()
    note: Note = ""
    content: Any = None
