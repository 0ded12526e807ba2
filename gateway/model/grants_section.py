# SPDX-License-Identifier: Apache-2.0
"""`[grants]`: how long a department may take over an application. Local rules differ."""

from typing import Annotated

import msgspec
from msgspec import Meta

Days = Annotated[int, Meta(ge=1, le=250)]


class GrantsSection(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`[grants]`: periods of the procedure, in working days.

    Attributes:
        unconditional_days: to reply, where the certificate is shared unconditionally 无条件共享.
        conditional_days: to reply, where it is shared conditionally 有条件共享.
        extension_days: by which the reply may be put off, once and at most.
        provide_days: from the consent to the data.
        needs_assessment: whether a sensitive field takes the reference of an impact assessment
            个人信息保护影响评估 before it is granted.
    """

    unconditional_days: Annotated[
        Days, Meta(description="Working days to reply, where sharing is unconditional.")
    ] = 1
    conditional_days: Annotated[
        Days, Meta(description="Working days to reply, where sharing is conditional.")
    ] = 10
    extension_days: Annotated[
        Days, Meta(description="Working days by which a reply may be put off, once and at most.")
    ] = 10
    provide_days: Annotated[
        Days, Meta(description="Working days from the consent to the data.")
    ] = 20
    needs_assessment: Annotated[
        bool,
        Meta(description="Whether sensitive fields take the reference of an impact assessment."),
    ] = True
