# SPDX-License-Identifier: Apache-2.0
"""Requests made before they are sent: each with its own nonce, signed, as bytes for the wire.

A file of requests holds, for each, its length as eight digits and a line feed, and then itself; a
Lua script reads that as easily as Python does.

1. `created` is the second in which a request will be sent, since the gateway's clock window stays
   what it is in production: who signs for a minute ahead spreads the seconds over it.
2. Each has a field of random padding. LuaJIT hashes a long string by a few of its bytes, and nearly
   equal ones would all fall together.
"""

import mmap
import secrets
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from fixtures.world import World
from gateway.crypto.digest import b64_encode, b64url_encode, sha256
from gateway.crypto.keys import Signer
from gateway.httpsig import content_digest

PATH: Final = "/v1/lookups"
#: Keys of the cache that hits are spread over.
WARM_COUNT: Final = 50
_LISTED: Final = '("@method" "@authority" "@path" "@query" "content-type" "content-digest")'
_LENGTH_DIGITS: Final = 8
_TOKEN_LIFE_S: Final = 3600

#: From a body and the second of sending to the bytes of one request.
Writer = Callable[[bytes, int], bytes]


def warm_bodies(world: World, **changes: Any) -> list[bytes]:
    """The few questions that are asked over and over."""
    return [
        msgspec.json.encode(world.request(citizen.id_number, **changes))
        for citizen in world.citizens[:WARM_COUNT]
    ]


def verify_bodies(world: World) -> list[bytes]:
    """The same holders, asked whether they have the name that they have."""
    return [
        msgspec.json.encode(
            world.request(
                citizen.id_number, operation="verify", fields=(), claims={"name": citizen.name}
            )
        )
        for citizen in world.citizens[:WARM_COUNT]
    ]


def cold_bodies(world: World, count: int) -> list[bytes]:
    """Questions that no cache can answer: each is asked in a case of its own."""
    prefix = f"YQ{secrets.token_hex(6)}"
    return [
        msgspec.json.encode(
            world.request(
                world.citizens[number % WARM_COUNT].id_number,
                attribution__case=f"{prefix}-{number:06}",
            )
        )
        for number in range(count)
    ]


def signed_writer(signer: Signer, authority: str) -> Writer:
    """Write requests under the profile `yizheng-v1` (docs/reference/wire.md)."""
    target = f'"@method": POST\n"@authority": {authority}\n"@path": {PATH}\n"@query": ?\n'
    end = f'";keyid="{signer.keyid}";alg="{signer.algorithm}";tag="yizheng-v1"'
    head = f"POST {PATH} HTTP/1.1\r\nHost: {authority}\r\nContent-Type: application/json\r\n"
    sign = signer.sign

    def write(body: bytes, created: int) -> bytes:
        digest = content_digest(body)
        member = f'{_LISTED};created={created};nonce="{_random(18)}{end}'
        base = (
            f'{target}"content-type": application/json\n"content-digest": {digest}\n'
            f'"@signature-params": {member}'
        )
        value = b64_encode(sign(base.encode()))
        fields = (
            f"{head}Content-Digest: {digest}\r\nContent-Length: {len(body)}\r\n"
            f"X-Pad: {_random(96)}\r\n"
            f"Signature-Input: sig1={member}\r\nSignature: sig1=:{value}:\r\n\r\n"
        )
        return fields.encode() + body

    return write


def token_writer(signer: Signer, authority: str) -> Writer:
    """Write requests that bear an ES256 token (RFC 7519) for their body's digest."""
    header = b64url_encode(msgspec.json.encode({"alg": "ES256", "typ": "JWT", "kid": signer.keyid}))
    head = f"POST {PATH} HTTP/1.1\r\nHost: {authority}\r\nContent-Type: application/json\r\n"

    def write(body: bytes, created: int) -> bytes:
        claims = {
            "iss": signer.keyid,
            "iat": created,
            "exp": created + _TOKEN_LIFE_S,
            "jti": _random(18),
            "body": b64url_encode(sha256(body)),
        }
        signed = f"{header}.{b64url_encode(msgspec.json.encode(claims))}"
        token = f"{signed}.{b64url_encode(signer.sign(signed.encode()))}"
        fields = (
            f"{head}Content-Length: {len(body)}\r\nX-Pad: {_random(96)}\r\n"
            f"Authorization: Bearer {token}\r\n\r\n"
        )
        return fields.encode() + body

    return write


def write_requests(
    path: Path,
    write: Writer,
    bodies: Sequence[bytes],
    numbers: range,
    *,
    at_s: float,
    per_s: float,
) -> None:
    """Append requests that will be sent from `at_s` on, `per_s` a second, to a file.

    Args:
        numbers: which of them, from 0.
    """
    with path.open("ab") as file:
        for number in numbers:
            request = write(bodies[number % len(bodies)], int(at_s + number / per_s))
            file.write(f"{len(request):0{_LENGTH_DIGITS}}\n".encode())
            file.write(request)


def read_requests(path: Path) -> Iterator[bytes]:
    """The requests of a file, in order, each read when it is asked for."""
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        at, end = 0, len(content)
        while at < end:
            start = at + _LENGTH_DIGITS + 1
            at = start + int(content[at : start - 1])
            yield content[start:at]


def _random(count: int) -> str:
    return b64url_encode(secrets.token_bytes(count))
