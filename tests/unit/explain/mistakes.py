# SPDX-License-Identifier: Apache-2.0
"""A client written out by hand whose every step can go wrong, as clients do.

The signature base is built here, line by line (RFC 9421 §2.5), and not taken from the product.
"""

from base64 import b64encode
from collections.abc import Callable
from hashlib import sha256
from typing import Any, Final

import msgspec

from gateway.crypto.keys import generate_private_key, load_signer, load_verifier, public_pem
from gateway.explain.capture import Capture, parse_capture
from gateway.explain.inspect import Key, Rules

NOW_S: Final = 1_795_334_400
HOST: Final = "gateway.example"
BODY: Final = '{"certificate":"a.b","purpose":"提取","max_age_s":null}'.encode()
PRIVATE: Final = generate_private_key("ecdsa-p256-sha256")
OTHER: Final = generate_private_key("ecdsa-p256-sha256")
EDWARDS: Final = generate_private_key("ed25519")
COVERED: Final = ("@method", "@authority", "@path", "@query", "content-type", "content-digest")
REGISTERED: Final = load_verifier(public_pem(PRIVATE), "ecdsa-p256-sha256")
KEYS: Final = {
    "k-1": Key(REGISTERED, is_agency_active=True),
    "k-revoked": Key(REGISTERED, is_revoked=True, is_agency_active=True),
    "k-past": Key(REGISTERED, not_after_s=NOW_S - 1, is_agency_active=True),
    "k-disabled": Key(REGISTERED, is_agency_active=False),
}
RULES: Final = Rules(
    KEYS.get,
    others=(
        load_verifier(public_pem(OTHER), "ecdsa-p256-sha256"),
        load_verifier(public_pem(EDWARDS), "ed25519"),
    ),
    authorities=(HOST,),
    at_s=NOW_S,
    knows_agencies=True,
)


def b64(content: bytes) -> str:
    return b64encode(content).decode()


def digest_of(body: bytes) -> str:
    return f"sha-256=:{b64(sha256(body).digest())}:"


def same(value: Any) -> Any:
    return value


class Client(msgspec.Struct, frozen=True):
    """One way to sign; each member is a step, and the default is right.

    Attributes:
        values: changes what stands in the base, by component.
        fields: changes what is sent, by lower-case field name, after signing.
    """

    method: str = "POST"
    target: str = "/v1/lookups"
    host: str = HOST
    body: bytes = BODY
    sent_body: bytes | None = None
    private: bytes = PRIVATE
    content_digest: str | None = None
    covered: tuple[str, ...] = COVERED
    listed: Callable[[str], str] = same
    parameters: str = (
        f';created={NOW_S};nonce="pWY7lTfmpAR3wdby0BMPUtJC";keyid="k-1"'
        ';alg="ecdsa-p256-sha256";tag="yizheng-v1"'
    )
    values: dict[str, str] = {}
    base: Callable[[str], str] = same
    message: Callable[[bytes], bytes] = same
    signature: Callable[[bytes], str] = lambda value: f":{b64(value)}:"
    label: str = "sig1"
    fields: dict[str, str | None] = {}
    sent_target: str | None = None

    def raw(self) -> bytes:
        """Sign, and write the request as it goes over the wire."""
        path, mark, query = self.target.partition("?")
        fields = {
            "host": self.host,
            "content-type": "application/json",
            "content-digest": self.content_digest or digest_of(self.body),
        }
        values = fields | {
            "@method": self.method,
            "@authority": self.host,
            "@path": path,
            "@query": mark + query or "?",
        }
        values |= self.values
        names = " ".join(f'"{name}"' for name in self.covered)
        member = self.listed(f"({names})") + self.parameters
        lines = "".join(f'"{name}": {values[name]}\n' for name in self.covered)
        base = self.base(f'{lines}"@signature-params": {member}')
        value = load_signer(self.private, "k-1").sign(self.message(base.encode()))
        body = self.body if self.sent_body is None else self.sent_body
        sent = fields | {
            "content-length": str(len(body)),
            "signature-input": f"sig1={member}",
            "signature": f"{self.label}={self.signature(value)}",
        }
        written = "".join(
            f"{name}: {text}\r\n" for name, text in (sent | self.fields).items() if text is not None
        )
        target = self.sent_target or self.target
        return f"{self.method} {target} HTTP/1.1\r\n{written}\r\n".encode() + body

    def signed_base(self) -> bytes:
        """The base that `raw` signs, as the client would show it."""
        seen: list[bytes] = []

        def keep(base: bytes) -> bytes:
            seen.append(base)
            return base

        msgspec.structs.replace(self, message=keep).raw()
        return seen[0]

    def capture(self) -> Capture:
        """The request as somebody caught it."""
        return parse_capture(self.raw(), name="request.http", read_file=lambda _: b"")
