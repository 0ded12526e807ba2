# SPDX-License-Identifier: Apache-2.0
"""Calls whose bodies travel sealed: what `HttpSource` asks of whoever seals and opens them."""

from collections.abc import Mapping
from typing import Protocol


class SealedCall(Protocol):
    """One call, sealed."""

    @property
    def body(self) -> bytes:
        """What is sent in place of the body."""

    @property
    def headers(self) -> Mapping[str, str]:
        """What is sent besides the call's own headers."""

    def open(self, answer: bytes) -> bytes:
        """Open the answer to this call.

        Raises:
            AdapterContractBroken: it is not sealed, not to us, or not by the department.
        """


class Envelope(Protocol):
    """Seals calls; each call by itself, and again when it is sent again."""

    def seal(self, body: bytes) -> SealedCall:
        """Seal a body with the clock's time and a fresh nonce."""
