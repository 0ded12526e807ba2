# SPDX-License-Identifier: Apache-2.0
"""`[emergency]` of `gateway.toml`: which figures raise an alarm, and what it proposes."""

from typing import Annotated

import msgspec
from msgspec import Meta

from gateway.model.incident import Figure
from gateway.model.rung import Rung


class AlarmRule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`[[emergency.alarms]]`: one threshold."""

    name: Annotated[
        str,
        Meta(pattern=r"^[a-z0-9][a-z0-9_-]{0,39}$", description="In alarms and events."),
    ]
    figure: Annotated[
        Figure,
        Meta(
            description="`queue_depth`: lookups that wait for a place at the department, of all "
            "workers. `refusal_share`: the part of the window's questions to which there was no "
            "sound answer, 0 to 1; of the site, replies that gateway or departments refused. "
            "`p95_ms`: of what was asked in the window; 10000 is *that or more*."
        ),
    ]
    threshold: Annotated[float, Meta(ge=0, description="The figure is above it.")]
    department: Annotated[
        str | None,
        Meta(
            description="An adapter's name; `*` for the site as a whole; left out for each "
            "department by itself."
        ),
    ] = None
    window_s: Annotated[
        float, Meta(ge=1, le=3600, description="Seconds over which shares and times are taken.")
    ] = 60
    hold_s: Annotated[
        float,
        Meta(
            ge=0,
            le=3600,
            description="Seconds for which the figure stays above before the alarm is raised, and "
            "not above before it is cleared.",
        ),
    ] = 30
    min_count: Annotated[
        int,
        Meta(ge=1, description="Questions in the window below which nothing is known of it."),
    ] = 20
    proposes: Annotated[Rung, Meta(description="The rung of the degrade ladder.")] = "cache"
    automatic: Annotated[
        bool,
        Meta(
            description="Take the rung without asking: the alarm opens an incident, or raises the "
            "open one. It never takes a rung back."
        ),
    ] = False


class EmergencySection(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`[emergency]`: alarms; without any, nobody looks."""

    look_s: Annotated[
        float, Meta(ge=0.1, le=300, description="Seconds between two looks at the figures.")
    ] = 5
    alarms: tuple[AlarmRule, ...] = ()
