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


class TicketsSection(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`[orders.tickets]`: lookups that take longer than anybody should hold a connection for."""

    wait_s: Annotated[
        float,
        Meta(
            ge=0,
            le=60,
            description="Seconds for which a lookup is waited for, before its ticket is answered.",
        ),
    ] = 2
    deadline_s: Annotated[
        float,
        Meta(
            ge=1,
            le=300,
            description="Seconds that such a lookup may take; its adapter's own "
            "`timeout_s` counts besides.",
        ),
    ] = 45
    keep_s: Annotated[
        int,
        Meta(ge=10, le=86_400, description="Seconds for which a result is kept to be fetched."),
    ] = 3600
    max_open: Annotated[
        int,
        Meta(ge=0, le=10_000, description="Tickets of one agency that may run at once; 0 is none."),
    ] = 32


class OrdersSection(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`[orders]`: how the gateway does later what an agency has signed: deferrals and tickets."""

    first_pause_s: Annotated[
        float,
        Meta(ge=0.1, le=86_400, description="Seconds before a deferral's first try; then doubled."),
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
            "than `lookup.deadline_s` and `orders.tickets.deadline_s`: else a slow answer would be "
            "asked for twice.",
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
    tickets: Annotated[
        TicketsSection, Meta(description="Lookups that take longer than a connection is held for.")
    ] = TicketsSection()

    def __post_init__(self) -> None:
        """A lease outlasts what it is for."""
        if self.lease_s <= self.tickets.deadline_s:
            raise ValueError("`lease_s` is no longer than `tickets.deadline_s`")
