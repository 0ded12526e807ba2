# SPDX-License-Identifier: Apache-2.0
"""The holder 持证主体 that a certificate is about."""

from typing import Literal

import msgspec

from gateway.model.discreet import Discreet

Scheme = Literal["cn-id", "cn-uscc"]


class Holder(Discreet, msgspec.Struct, frozen=True):
    """A person or an organisation whose number has passed every check.

    Made by `gateway.model.ids.parse_holder` only.

    Attributes:
        scheme: `cn-id` (GB 11643) or `cn-uscc` (GB 32100).
        number: 18 upper-case characters, check digit verified.
        name: normalised, or None where the caller gave none.
    """

    scheme: Scheme
    number: str
    name: str | None = None

    @property
    def masked(self) -> str:
        """First three and last two characters, the rest as `*`."""
        return f"{self.number[:3]}{'*' * (len(self.number) - 5)}{self.number[-2:]}"
