# SPDX-License-Identifier: Apache-2.0
"""One HTTP request as its connection framed it: whole, and not yet believed."""

from collections.abc import Sequence
from typing import Final

from gateway.crypto.x509 import ConnectionX509

Fields = dict[str, list[str]]


class Request:
    """A message that has arrived to its last byte.

    Attributes:
        method: as sent.
        target: the request target as sent; Latin-1, so that no byte is lost.
        version: `1.1`, or what else was claimed.
        fields: lines by lower-case field name, in the order received; Latin-1.
        body: the content, without its framing.
        address: the peer's IP address; empty where there is none.
        x509: what the connection presented.
    """

    __slots__ = ("address", "body", "fields", "method", "target", "version", "x509")

    def __init__(
        self,
        method: str,
        target: str,
        version: str,
        fields: Fields,
        *,
        address: str = "",
        x509: ConnectionX509 | None = None,
    ) -> None:
        self.method: Final = method
        self.target: Final = target
        self.version: Final = version
        self.fields: Final = fields
        self.address: Final = address
        self.x509: Final = x509
        self.body = b""

    @property
    def path(self) -> str:
        """The target without its query."""
        return self.target.partition("?")[0]

    @property
    def content_length(self) -> int:
        """As stated; 0 where nothing is, the parser has refused what is no number."""
        lines = self.fields.get("content-length")
        return int(lines[0]) if lines else 0

    def lines(self, name: str) -> Sequence[str]:
        """The lines of a field by its lower-case name; none when it is absent."""
        return self.fields.get(name, ())
