# SPDX-License-Identifier: Apache-2.0
"""`[office]`, `[cases]` and `[deferrals]` of `gateway.toml`: the office store and its habits."""

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


class DeferralsSection(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`[deferrals]` (容缺受理): how the gateway asks again, and when it reminds."""

    first_pause_s: Annotated[
        float,
        Meta(ge=0.1, le=86_400, description="Seconds before the first try; doubled with each."),
    ] = 60
    max_pause_s: Annotated[
        float,
        Meta(
            ge=0.1,
            le=86_400,
            description="Longest pause between two tries. Once its department is seen to be back, "
            "a deferral is tried at once.",
        ),
    ] = 3600
    lease_s: Annotated[
        float,
        Meta(
            ge=1,
            le=3600,
            description="Seconds after which another worker takes over what one had begun. Longer "
            "than `lookup.deadline_s`, or a slow answer is asked for twice.",
        ),
    ] = 60
    remind_working_days: Annotated[
        int,
        Meta(
            ge=0,
            le=30,
            description="Working days before the due day on which `deferral.due` is sent; 0 is "
            "never.",
        ),
    ] = 1
