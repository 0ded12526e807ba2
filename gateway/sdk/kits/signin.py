# SPDX-License-Identifier: Apache-2.0
"""How a request says who sends it: sign-in dialects of Chinese exchange platforms. Pure; no clock.

National data-sharing and exchange platform (国家数据共享交换平台)::

    gjgxjhpt_rid    requester
    gjgxjhpt_sid    service
    gjgxjhpt_rtime  milliseconds since the epoch, decimal
    gjgxjhpt_sign   base64(HMAC-SHA256(secret, sid ‖ rid ‖ rtime)), all UTF-8
"""

from collections.abc import Mapping
from typing import Final

import msgspec

from gateway.crypto.digest import b64_encode, hmac_sha256

REQUESTER: Final = "gjgxjhpt_rid"
SERVICE: Final = "gjgxjhpt_sid"
TIME: Final = "gjgxjhpt_rtime"
SIGNATURE: Final = "gjgxjhpt_sign"


class NationalSignIn(msgspec.Struct, frozen=True):
    """Credentials for one service of the national platform.

    Attributes:
        requester: `rid`, as the platform assigned it.
        service: `sid` of the service that is called.
        secret: shared with the platform; in no repr.
    """

    requester: str
    service: str
    secret: str

    def headers(self, now_ms: int) -> Mapping[str, str]:
        """The four headers of one request.

        Args:
            now_ms: milliseconds since the epoch; platforms accept a skew of ten minutes.
        """
        return {
            REQUESTER: self.requester,
            SERVICE: self.service,
            TIME: str(now_ms),
            SIGNATURE: sign_national(self.secret, self.service, self.requester, str(now_ms)),
        }

    def __repr__(self) -> str:
        return f"NationalSignIn({self.requester}, {self.service})"


def sign_national(secret: str, service: str, requester: str, time_ms: str) -> str:
    """The signature over the other three headers, as text; for clients and simulators alike."""
    return b64_encode(hmac_sha256(secret.encode(), f"{service}{requester}{time_ms}".encode()))
