# SPDX-License-Identifier: Apache-2.0
"""The names by which agencies call this gateway: `@authority` of RFC 9421 §2.2.3."""

import socket

from gateway.model.http_section import HTTPSection


def default_port(section: HTTPSection) -> str:
    """The port that the scheme implies, as it is left out of a name."""
    return ":80" if section.tls_chain is None else ":443"


def authorities_of(section: HTTPSection, sock: socket.socket) -> tuple[str, ...]:
    """The names that are accepted; without configuration, the address listened on."""
    if section.authorities:
        return section.authorities
    host, port = sock.getsockname()[:2]
    named = f"[{host}]" if ":" in host else host
    hosts = {named, "localhost"} if host in {"127.0.0.1", "::1"} else {named}
    return tuple(f"{name}:{port}".removesuffix(default_port(section)) for name in sorted(hosts))
