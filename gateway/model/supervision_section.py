# SPDX-License-Identifier: Apache-2.0
"""`[supervision]` of `gateway.toml`: within how many working days what is due."""

from typing import Annotated

import msgspec
from msgspec import Meta

from gateway.model.material import WorkingDayCount


class SupervisionSection(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`[supervision]`: deadlines in working days, and how far a replay looks around."""

    complaint_working_days: Annotated[
        WorkingDayCount, Meta(description="Working days to answer a complaint 投诉.")
    ] = 5
    rating_working_days: Annotated[
        WorkingDayCount, Meta(description="Working days to mend what a bad rating 差评 is about.")
    ] = 15
    corrective_working_days: Annotated[
        WorkingDayCount, Meta(description="Working days to take a corrective measure 整改.")
    ] = 20
    correction_working_days: Annotated[
        WorkingDayCount,
        Meta(
            description="Working days in which a department answers a correction request 数据校核."
        ),
    ] = 10
    replay_minutes: Annotated[
        int,
        Meta(
            ge=1,
            le=1440,
            description="Minutes before and after a demand in which a replay looks how the "
            "department did.",
        ),
    ] = 60
