# SPDX-License-Identifier: Apache-2.0
"""TLS at the public port (RFC 8446, RFC 5246): its files, and connections that shake hands.

1. TLS 1.3 unless configured: every handshake is forward secret and encrypts the client's X.509
   certificate, with nothing left to choose wrongly. Of 1.2 only ECDHE with AEAD is spoken.
2. No compression, no renegotiation, no tickets. ALPN knows `http/1.1` only. TLS 1.2 resumes by
   session id all the same, and connections last; so the end of a client's X.509 certificate is
   looked at with each request (`gateway.web.edge.x509_of`).
3. A handshake has a deadline and counts as a connection from its first byte: the event loop tells
   a protocol of its connection only afterwards, so connections are accepted here.
4. The files are read at start-up and at SIGHUP. What cannot be used leaves the last good ones in
   force, for workers that are started later, too.
"""

import asyncio
import contextlib
import math
import socket
import ssl
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Self

import msgspec
import structlog

from gateway.crypto.x509 import read_connection_x509
from gateway.errors import RequestError, SetupError
from gateway.keyring import read_private
from gateway.model.http_section import HTTPSection
from gateway.web.connection import Connection
from gateway.web.connections import Connections

_log = structlog.get_logger()

_VERSIONS: Final = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}
_CIPHERS_OF_1_2: Final = "ECDHE+AESGCM:ECDHE+CHACHA20"
# For the peer's farewell, after which a connection is cut: an answer fits into socket buffers.
_FAREWELL_S: Final = 2.0
# Connections accepted in one turn of the loop; readiness is level-triggered, so none is lost.
_AT_ONCE: Final = 16
# Until it is tried again when descriptors have run out, as in asyncio.
_RETRY_S: Final = 1.0
# Between two lines of the log about handshakes: anybody can fail as often as he likes.
_TELL_EVERY_S: Final = 1.0


class TLSFiles(msgspec.Struct, frozen=True):
    """What `[http]` says of TLS.

    Attributes:
        chain: the gateway's X.509 certificate and its intermediates, PEM.
        key: its private key, PEM.
        client_ca: authorities of clients' certificates, PEM; None asks for no certificate.
        client_required: a client without certificate is refused by the handshake.
        minimum: oldest version, `1.2` or `1.3`.
    """

    chain: Path
    key: Path
    client_ca: Path | None = None
    client_required: bool = False
    minimum: str = "1.3"


class LiveTLS:
    """The files as they were when they could last be used.

    Raises:
        SetupError: they cannot be used now.
    """

    def __init__(self, files: TLSFiles) -> None:
        self._files: Final = files
        self.context = load_context(files)
        self.state = "ok"

    @classmethod
    def of(cls, section: HTTPSection, folder: Path) -> Self | None:
        """As `[http]` of the site in `folder` says; None where the port speaks plain HTTP.

        Raises:
            SetupError: files that cannot be used.
        """
        if section.tls_chain is None or section.tls_key is None:
            return None
        ca = section.client_ca
        return cls(
            TLSFiles(
                chain=folder / section.tls_chain,
                key=folder / section.tls_key,
                client_ca=None if ca is None else folder / ca,
                client_required=section.client_x509 == "required",
                minimum=section.tls_minimum,
            )
        )

    def reload(self) -> None:
        """Take the files as they are now; connections that are open stay as they are."""
        try:
            self.context = load_context(self._files)
        except SetupError as error:
            self.state = "stale"
            _log.error("TLS not reloaded, the last good files stay", error=error.detail)
        except Exception as error:  # noqa: BLE001 - whatever a library says of a file: rule 4
            self.state = "stale"
            _log.error("TLS not reloaded, the last good files stay", kind=type(error).__name__)
        else:
            self.state = "ok"
            _log.info("TLS reloaded")


def load_context(files: TLSFiles) -> ssl.SSLContext:
    """Read the files; one that has expired is told in the log and used.

    Raises:
        SetupError: missing, readable by others, not PEM, or not belonging together.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = _VERSIONS[files.minimum]
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_TICKET
    context.num_tickets = 0
    context.set_ciphers(_CIPHERS_OF_1_2)
    context.set_alpn_protocols(["http/1.1"])
    _load_own(context, files)
    if files.client_ca is not None:
        try:
            context.load_verify_locations(cafile=files.client_ca)
        except OSError as error:
            raise _unusable(files.client_ca, error, "is not a list of X.509 in PEM") from None
        context.verify_mode = ssl.CERT_REQUIRED if files.client_required else ssl.CERT_OPTIONAL
    return context


def _load_own(context: ssl.SSLContext, files: TLSFiles) -> None:
    if b"ENCRYPTED" in read_private(files.key):
        raise SetupError(
            "is encrypted", where=str(files.key), remedy="decrypt it with `openssl pkey`."
        )
    try:
        own = read_connection_x509(files.chain.read_bytes())
        context.load_cert_chain(files.chain, files.key, password="")  # never asks on a terminal
    except OSError as error:
        raise _unusable(files.chain, error, f"and {files.key.name} are no pair in PEM") from None
    except RequestError as error:
        what = "holds a private key" if error.code == "KEY_PRIVATE" else "is no X.509 in PEM"
        raise SetupError(what, where=str(files.chain), remedy=_REMEDY) from None
    if not own.not_before <= datetime.now(UTC) <= own.not_after:
        _log.warning("the X.509 certificate of the port is not valid now", ends=str(own.not_after))


_REMEDY: Final = "docs/how-to/serve-tls.md says how to make it."


def _unusable(path: Path, error: OSError, what: str) -> SetupError:
    is_content = isinstance(error, ssl.SSLError)
    said = what if is_content else f"cannot be read: {error.strerror}"
    return SetupError(said, where=str(path), remedy=_REMEDY)


class TLSPort:
    """Accepts connections and gives each its handshake.

    Args:
        connections: count those that shake hands, too.
        sock: bound.
    """

    def __init__(self, connections: Connections, sock: socket.socket, tls: LiveTLS) -> None:
        self._connections: Final = connections
        self._sock: Final = sock
        self._tls: Final = tls
        self._loop: Final = asyncio.get_running_loop()
        self._shaking: Final[set[asyncio.Task[None]]] = set()
        self._retry: asyncio.TimerHandle | None = None
        self._told_at_s = -math.inf

    def listen(self, backlog: int) -> None:
        """Accept connections from now on."""
        self._sock.settimeout(0)
        self._sock.listen(backlog)
        self._watch()

    def accept(self, count: int) -> None:
        """Accept what waits, so many at most: a flood must not hold the loop."""
        with contextlib.suppress(BlockingIOError, ConnectionAbortedError):
            for _ in range(count):
                self._begin(self._sock.accept()[0])

    def close(self) -> None:
        """Accept nothing any more; handshakes go on."""
        self._loop.remove_reader(self._sock)
        if self._retry is not None:
            self._retry.cancel()
        self._sock.close()

    def cut(self) -> None:
        """End the handshakes that have not come to their end."""
        for task in self._shaking:
            task.cancel()

    def _watch(self) -> None:
        self._retry = None
        self._loop.add_reader(self._sock, self._on_readable)

    def _on_readable(self) -> None:
        try:
            self.accept(_AT_ONCE)
        except OSError:  # no descriptors: level-triggered, it would spin
            self._loop.remove_reader(self._sock)
            self._retry = self._loop.call_later(_RETRY_S, self._watch)

    def _begin(self, accepted: socket.socket) -> None:
        connection = Connection(self._connections)
        if not self._connections.admit(connection):
            accepted.close()
            return
        task = self._loop.create_task(self._shake_hands(connection, accepted))
        self._shaking.add(task)
        task.add_done_callback(self._shaking.discard)

    async def _shake_hands(self, connection: Connection, accepted: socket.socket) -> None:
        try:
            await self._loop.connect_accepted_socket(
                lambda: connection,
                accepted,
                ssl=self._tls.context,
                ssl_handshake_timeout=self._connections.limits.header_timeout_s,
                ssl_shutdown_timeout=_FAREWELL_S,
            )
        except OSError as error:
            self._connections.forget(connection)
            self._tell(error)
        except asyncio.CancelledError:
            self._connections.forget(connection)

    def _tell(self, error: OSError) -> None:
        """Say in OpenSSL's words why: the client may see no more than a connection that ends."""
        now_s = self._loop.time()
        if now_s < self._told_at_s + _TELL_EVERY_S:
            return
        self._told_at_s = now_s
        reason = getattr(error, "verify_message", "") or getattr(error, "reason", None)
        _log.info("handshake failed", reason=reason or type(error).__name__)
