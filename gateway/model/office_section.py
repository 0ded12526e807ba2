# SPDX-License-Identifier: Apache-2.0
"""`[office]` and `[cases]` of `gateway.toml`: the office store, and how cases have to be known."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta


class OfficeSection(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`[office]`: the store of cases, `var/office/office.sqlite`."""

    key: Annotated[
        str,
        Meta(
            pattern=r"^(file|env):.+$",
            description="Reference to the 32 bytes (base64) under which the store knows holders; "
            "`keys init` makes the file. With another key no holder in it is known any more.",
        ),
    ] = "file:keys/office.key"


class CasesSection(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`[cases]`: whether what is asked has to belong to a case that its agency registered."""

    registration: Annotated[
        Literal["open", "within", "required"],
        Meta(
            description="`open`: any case number will do. `within`: the first lookup opens the "
            "case, for its own holder and item; to be registered within `within_minutes`. "
            "`required`: registered before the first lookup.",
        ),
    ] = "open"
    within_minutes: Annotated[
        int,
        Meta(
            ge=1,
            le=10_080,
            description="With `within`: minutes from the first lookup of a case, after which an "
            "unregistered one is refused.",
        ),
    ] = 30
    exclusion_years: Annotated[
        int,
        Meta(
            ge=0,
            le=30,
            description="Years for which an applicant whose commitment 告知承诺 was false cannot "
            "make another; 0: no such rule.",
        ),
    ] = 3
