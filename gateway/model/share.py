# SPDX-License-Identifier: Apache-2.0
"""Share types 共享属性: what a department says of a certificate, whoever asks.

==============  ============  ==================================================================
type            word          what it means here
==============  ============  ==================================================================
unconditional   无条件共享    granted by the short procedure; item, case and operator as always
conditional     有条件共享    granted after the department has looked at the application
none            不予共享      never granted; grants that are there permit nothing
==============  ============  ==================================================================
"""

from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

ShareType = Literal["unconditional", "conditional", "none"]

#: Of a certificate of which nothing is said.
DEFAULT_SHARE: Final[ShareType] = "conditional"


class Share(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The share type of one certificate.

    Attributes:
        certificate: name of the certificate type.
        type: `unconditional`, `conditional` or `none`.
        reason: the law, regulation or decision of the State Council that forbids sharing it; has
            to be there for `none`.
    """

    certificate: Annotated[str, Meta(min_length=1, max_length=64)]
    type: ShareType
    reason: Annotated[str, Meta(max_length=200)] = ""

    def __post_init__(self) -> None:
        """What is not shared has its legal reason."""
        if self.type == "none" and not self.reason.strip():
            raise ValueError("`none` needs the legal reason in `reason`")
