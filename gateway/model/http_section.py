# SPDX-License-Identifier: Apache-2.0
"""`[http]` of `gateway.toml`: the port, its limits and its TLS.

The word certificate is kept for what departments certify; X.509 certificates are called X.509.
"""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta


class HTTPSection(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`[http]`: where agencies reach the gateway."""

    host: Annotated[
        str, Meta(description="Address to listen on. Loopback unless you mean otherwise.")
    ] = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65535, description="TCP port; 0 takes a free one.")] = 8080
    authorities: Annotated[
        tuple[str, ...],
        Meta(
            description="Host names (with port, unless it is the scheme's own) by which agencies "
            "call the gateway, lower case. Empty: `host:port` as listened on."
        ),
    ] = ()
    workers: Annotated[int, Meta(ge=1, le=64, description="Worker processes.")] = 1
    max_body_bytes: Annotated[int, Meta(ge=1024, le=65536, description="Largest request body.")] = (
        65536
    )
    header_timeout_s: Annotated[
        float, Meta(gt=0, le=60, description="Seconds for a request's head to arrive.")
    ] = 10
    body_timeout_s: Annotated[
        float,
        Meta(gt=0, le=60, description="Seconds for a request's body, within lookup.deadline_s."),
    ] = 10
    idle_timeout_s: Annotated[
        float, Meta(ge=1, le=3600, description="Seconds that a connection may wait for a request.")
    ] = 75
    max_connections: Annotated[
        int,
        Meta(
            ge=16,
            le=1_000_000,
            description="Open connections per worker; further ones are closed. Fewer where the "
            "limit of open files is lower.",
        ),
    ] = 4096
    max_wait_ms: Annotated[
        int,
        Meta(
            ge=1,
            le=1000,
            description="Milliseconds of work that may wait in a worker. What comes beyond it is "
            "refused at once as GATEWAY_BUSY, agencies with more than their share first.",
        ),
    ] = 50
    drain_s: Annotated[
        float, Meta(gt=0, le=300, description="Seconds that requests in flight get at a stop.")
    ] = 20
    tls_chain: Annotated[
        str | None,
        Meta(
            description="The gateway's X.509 certificate and its intermediates in PEM, relative to "
            "the site. With it and `tls_key` the port speaks TLS only."
        ),
    ] = None
    tls_key: Annotated[
        str | None, Meta(description="The private key of `tls_chain` in PEM, mode 0600.")
    ] = None
    tls_minimum: Annotated[
        Literal["1.2", "1.3"], Meta(description="Oldest version of TLS that is spoken.")
    ] = "1.3"
    client_ca: Annotated[
        str | None,
        Meta(
            description="Authorities in PEM, relative to the site, that issue the X.509 "
            "certificates of clients. With it clients may present one."
        ),
    ] = None
    client_x509: Annotated[
        Literal["optional", "required"],
        Meta(
            description="`optional`: asked of agencies that have `x509_sha256`. `required`: of "
            "every connection and every agency."
        ),
    ] = "optional"

    def __post_init__(self) -> None:
        """Refuse halves of a setting."""
        if (self.tls_chain is None) != (self.tls_key is None):
            raise ValueError("tls_chain and tls_key belong together")
        if self.client_ca is not None and self.tls_chain is None:
            raise ValueError("client_ca needs tls_chain and tls_key")
        if self.client_x509 == "required" and self.client_ca is None:
            raise ValueError("client_x509 needs client_ca")
