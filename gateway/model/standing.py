# SPDX-License-Identifier: Apache-2.0
"""As what somebody who signed stands to supervision; `gateway.supervision.rights` says what for."""

from typing import Literal

import msgspec

Side = Literal["agency", "department", "auditor"]


class Standing(msgspec.Struct, frozen=True):
    """Who signed, as supervision sees them.

    Attributes:
        id: of the agency, the department or the auditor; stands in the change log.
        adapters: of a department: the names that matters concern it by.
        may_read: of an auditor: has the role `read` or `supervise`.
        may_change: of an auditor: has the role `supervise`.
    """

    side: Side
    id: str
    adapters: tuple[str, ...] = ()
    may_read: bool = True
    may_change: bool = True
