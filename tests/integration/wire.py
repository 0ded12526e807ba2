# SPDX-License-Identifier: Apache-2.0
"""Requests made by hand, byte by byte, so that each can be wrong in one way.

The signature base is written out here (RFC 9421 §2.5) and not taken from the product; responses are
verified by `gateway.httpsig`, whose own oracle is in tests/interop.
"""

import secrets
import socket
import ssl
import time
import tomllib
from base64 import b64encode
from collections.abc import Mapping, Sequence
from typing import Any, Final, cast
from urllib.parse import urlsplit
from urllib.request import urlopen

import msgspec

from fixtures.world import KEYIDS, World
from gateway.audit.store.reader import LogReader
from gateway.crypto.digest import b64url_encode, sha256
from gateway.crypto.keys import Signer, load_signer, load_verifier, thumbprint
from gateway.httpsig import SignedRequest, parse_request_signature, verify_response_signature
from gateway.model.agency import Algorithm
from gateway.model.entry import Entry
from gateway.model.record import parse_record
from gateway.sdk.kits.simulator_http import ASKED_PATH

COVERED: Final = (
    "@method",
    "@authority",
    "@path",
    "@query",
    "content-type",
    "content-digest",
)
_LIMIT_S: Final = 60.0


class Draft(msgspec.Struct, frozen=True):
    """A request as it will go over the wire; `msgspec.structs.replace` spoils it.

    Attributes:
        fields: header fields by name, as they will be written.
    """

    target: str
    fields: Mapping[str, str]
    body: bytes = b""
    method: str = "POST"
    version: str = "HTTP/1.1"

    def encode(self) -> bytes:
        """The bytes; `Content-Length` is added unless the fields frame the body themselves."""
        framed = {"Content-Length", "Transfer-Encoding"} & self.fields.keys()
        fields = {**self.fields} | ({} if framed else {"Content-Length": str(len(self.body))})
        lines = [f"{self.method} {self.target} {self.version}"]
        lines += [f"{name}: {value}" for name, value in fields.items()]
        return "\r\n".join([*lines, "", ""]).encode() + self.body

    def with_fields(self, **fields: str) -> "Draft":
        """The same with these fields; an underscore stands for a hyphen."""
        named = {name.replace("_", "-"): value for name, value in fields.items()}
        return msgspec.structs.replace(self, fields={**self.fields, **named})

    def without_fields(self, *names: str) -> "Draft":
        """The same without these fields."""
        kept = {name: value for name, value in self.fields.items() if name not in names}
        return msgspec.structs.replace(self, fields=kept)


class Answer(msgspec.Struct, frozen=True):
    """A response: `fields` by lower-case name, `raw` all its bytes."""

    status: int
    fields: Mapping[str, str]
    body: bytes
    raw: bytes

    @property
    def document(self) -> dict[str, Any]:
        """The JSON body."""
        document: dict[str, Any] = msgspec.json.decode(self.body)
        return document


def lookup_body(world: World, number: str, **changes: Any) -> dict[str, Any]:
    """A permitted request as plain JSON values; `changes` as for `World.request`."""
    document: dict[str, Any] = msgspec.to_builtins(world.request(number, **changes))
    return document


def sign(
    world: World,
    body: bytes,
    *,
    algorithm: Algorithm = "ecdsa-p256-sha256",
    signer: Signer | None = None,
    keyid: str | None = None,
    created: int | None = None,
    covered: Sequence[str] = COVERED,
    fields: Mapping[str, str] | None = None,
    target: str = "/v1/lookups",
    method: str = "POST",
) -> Draft:
    """A signed request; everything that is not given is right."""
    signer = signer or load_signer(world.agency_key(algorithm).read_bytes(), KEYIDS[algorithm])
    sent = {
        "Host": urlsplit(world.url).netloc,
        "Content-Type": "application/json",
        "Content-Digest": f"sha-256=:{b64encode(sha256(body)).decode()}:",
    } | dict(fields or {})
    path, mark, query = target.partition("?")
    values = {name.lower(): value for name, value in sent.items()} | {
        "@method": method,
        "@authority": sent["Host"],
        "@path": path,
        "@query": (mark or "?") + query,
    }
    listed = " ".join(f'"{name}"' for name in covered)
    member = (
        f"({listed});created={int(time.time()) if created is None else created}"
        f';nonce="{b64url_encode(secrets.token_bytes(18))}";keyid="{keyid or signer.keyid}"'
        ';tag="yizheng-v1"'
    )
    base = "".join(f'"{name}": {values[name]}\n' for name in covered)
    value = signer.sign(f'{base}"@signature-params": {member}'.encode())
    sent |= {
        "Signature-Input": f"sig1={member}",
        "Signature": f"sig1=:{b64encode(value).decode()}:",
    }
    return Draft(target, sent, body, method)


def connect(world: World, tls: ssl.SSLContext | None = None) -> socket.socket:
    """A connection to the gateway, after its handshake."""
    parts = urlsplit(world.url)
    sock = socket.create_connection((parts.hostname, parts.port or 80), _LIMIT_S)
    return sock if tls is None else tls.wrap_socket(sock, server_hostname=parts.hostname)


def send(world: World, request: Draft | bytes, tls: ssl.SSLContext | None = None) -> Answer:
    """Send bytes over a connection of their own and read one response."""
    with connect(world, tls) as sock:
        sock.sendall(request if isinstance(request, bytes) else request.encode())
        raw = bytearray()
        while not _is_whole(raw):
            part = sock.recv(65536)
            if not part:
                break
            raw += part
    return _parse(bytes(raw))


def verify_signed(world: World, draft: Draft, answer: Answer) -> None:
    """Return when the gateway's signature binds this answer to this request."""
    pem = (world.site / "keys/gateway.pub.pem").read_text()
    lines = {name.lower(): (value,) for name, value in draft.fields.items()}
    path, mark, query = draft.target.partition("?")
    request = SignedRequest(
        method=draft.method,
        authority=draft.fields["Host"],
        path=path,
        query=(mark or "?") + query,
        lines=lambda name: lines.get(name, ()),
        has_body=draft.method != "GET",
    )
    verify_response_signature(
        status=answer.status,
        lines=lambda name: (answer.fields[name],) if name in answer.fields else (),
        body=answer.body,
        request=parse_request_signature(request),
        find_verifier={
            f"gateway-{thumbprint(pem)[:16]}": load_verifier(pem, "ecdsa-p256-sha256")
        }.get,
        require_receipt=True,
    )


def log_entries(world: World, start: int = 0) -> list[Entry]:
    """All records of the audit log from an index on, read from the file.

    Typed as what nearly all of them are: accesses. Where auditors were at work, acts stand among
    them, and count.
    """
    reader = LogReader.open(world.site / "var/audit")
    try:
        return [cast(Entry, parse_record(line)) for _, line in reader.entries(start)]
    finally:
        reader.close()


def asked_count(world: World) -> int:
    """How often the population register was asked a signed question; pings do not count."""
    adapter = tomllib.loads((world.site / "adapters/public_security.toml").read_text())
    with urlopen(adapter["settings"]["url"] + ASKED_PATH, timeout=_LIMIT_S) as answer:
        count: int = msgspec.json.decode(answer.read())["count"]
        return count


def _is_whole(raw: bytearray) -> bool:
    head, end, body = bytes(raw).partition(b"\r\n\r\n")
    return bool(end) and len(body) >= int(_fields(head).get("content-length", 0))


def _parse(raw: bytes) -> Answer:
    head, _, body = raw.partition(b"\r\n\r\n")
    status = int(head.split(b" ", 2)[1]) if head else 0
    return Answer(status, _fields(head), body, raw)


def _fields(head: bytes) -> dict[str, str]:
    lines = head.decode("latin-1").split("\r\n")[1:]
    pairs = (line.split(": ", 1) for line in lines)
    return {name.lower(): value for name, value in pairs}
