# SPDX-License-Identifier: Apache-2.0
"""Strangers to this code base meet the running gateway: nothing here signs or verifies with ours.

`http-message-signatures` signs the request and verifies the answer; `sd-jwt` on `jwcrypto` reads
the sealed certificate with the keys that the gateway publishes.
"""

import secrets
from collections.abc import Mapping
from typing import Any

import aiohttp
import msgspec
import pytest
from http_message_signatures import (
    HTTPMessageSigner,
    HTTPMessageVerifier,
    HTTPSignatureAlgorithm,
    InvalidSignature,
    MappingKeyResolver,
    algorithms,
)
from jwcrypto.jwk import JWKSet
from sd_jwt.verifier import SDJWTVerifier

from fixtures.world import KEYIDS, World
from gateway.model.agency import Algorithm

pytestmark = pytest.mark.integration

PEERS: dict[Algorithm, type[HTTPSignatureAlgorithm]] = {
    "ecdsa-p256-sha256": algorithms.ECDSA_P256_SHA256,
    "ed25519": algorithms.ED25519,
}
COVERED = ("@method", "@authority", "@path", "@query", "content-type", "content-digest")
ANSWER = ("@status", "content-type", "content-digest", "audit-receipt")


class PeerRequest:
    """A request as the library takes it."""

    def __init__(self, url: str, body: bytes) -> None:
        self.method = "POST"
        self.url = url
        self.body = body
        self.headers = {"Content-Type": "application/json"}


class PeerResponse:
    """A response as the library takes it."""

    def __init__(self, request: PeerRequest, status: int, headers: Mapping[str, str]) -> None:
        self.request = request
        self.status_code = status
        self.headers = headers


def question(world: World, **changes: Any) -> PeerRequest:
    citizen = world.citizen_with_account()
    body = msgspec.json.encode(world.request(citizen.id_number, **changes))
    return PeerRequest(f"{world.url}/v1/lookups", body)


def sign(world: World, request: PeerRequest, algorithm: Algorithm, **options: Any) -> None:
    keyid = KEYIDS[algorithm]
    private = world.agency_key(algorithm).read_bytes()
    HTTPMessageSigner(
        signature_algorithm=PEERS[algorithm],
        key_resolver=MappingKeyResolver(public_keys={}, private_keys={keyid: private}),
    ).sign(
        request,
        key_id=keyid,
        nonce=secrets.token_urlsafe(18),
        tag="yizheng-v1",
        covered_component_ids=COVERED,
        body=request.body,
        **options,
    )


async def send(request: PeerRequest) -> tuple[PeerResponse, bytes]:
    async with (
        aiohttp.ClientSession() as session,
        session.post(request.url, data=request.body, headers=request.headers) as response,
    ):
        return PeerResponse(request, response.status, response.headers), await response.read()


async def published_keys(world: World) -> JWKSet:
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"{world.url}/.well-known/jwks.json") as response,
    ):
        return JWKSet.from_json(await response.text())


async def verify(world: World, response: PeerResponse, body: bytes, label: str) -> None:
    """Verify with the key that the gateway publishes under the keyid of its signature."""
    keys = await published_keys(world)
    keyid = response.headers["Signature-Input"].partition('keyid="')[2].partition('"')[0]
    public = keys.get_key(keyid).export_to_pem()
    HTTPMessageVerifier(
        signature_algorithm=algorithms.ECDSA_P256_SHA256,
        key_resolver=MappingKeyResolver(public_keys={keyid: public}, private_keys={}),
    ).verify(
        response,
        expect_tag="yizheng-v1-response",
        require_components=[
            *ANSWER,
            *(f'"{name}";req' for name in COVERED),
            f'"signature-input";key="{label}";req',
        ],
        body=body,
    )


@pytest.mark.parametrize("algorithm", PEERS)
@pytest.mark.parametrize("include_alg", [True, False])
async def test_a_request_that_a_stranger_signs_is_answered_and_the_answer_verifies(
    world: World, algorithm: Algorithm, *, include_alg: bool
) -> None:
    request = question(world)
    sign(world, request, algorithm, label="theirs", include_alg=include_alg)
    response, body = await send(request)
    assert (response.status_code, msgspec.json.decode(body)["outcome"]) == (200, "found")
    await verify(world, response, body, "theirs")


async def test_a_refusal_verifies_too(world: World) -> None:
    request = question(world, fields=("household_address",))
    sign(world, request, "ed25519", label="theirs")
    response, body = await send(request)
    assert (response.status_code, msgspec.json.decode(body)["code"]) == (403, "FIELD_NOT_GRANTED")
    await verify(world, response, body, "theirs")


async def test_an_answer_does_not_verify_for_another_request_or_body(world: World) -> None:
    first, second = question(world), question(world)
    for request in (first, second):
        sign(world, request, "ecdsa-p256-sha256", label="theirs")
    response, body = await send(first)
    with pytest.raises(InvalidSignature):
        await verify(world, PeerResponse(second, 200, response.headers), body, "theirs")
    with pytest.raises(InvalidSignature):
        await verify(world, PeerResponse(first, 403, response.headers), body, "theirs")
    with pytest.raises(InvalidSignature):
        await verify(world, response, body.replace(b"found", b"other"), "theirs")


@pytest.mark.parametrize(
    "fields", [("name", "valid_to"), ("sex_code",), ("valid_to", "birth_date")]
)
async def test_a_stranger_reads_exactly_the_fields_that_were_asked(
    world: World, fields: tuple[str, ...]
) -> None:
    citizen = world.citizen_with_account()
    request = question(world, fields=fields)
    sign(world, request, "ecdsa-p256-sha256")
    _, body = await send(request)
    answer = msgspec.json.decode(body)
    keys = await published_keys(world)
    payload: dict[str, Any] = SDJWTVerifier(
        answer["sealed"], lambda _, header: keys.get_key(header["kid"])
    ).get_verified_payload()
    assert len(payload.pop("jti")) == 22
    assert isinstance(payload.pop("iat"), int)
    assert payload == {
        "iss": "https://gateway.yq.example",
        "vct": "public_security.identity",
        "as_of": answer["as_of"],
    } | {name: getattr(citizen, name) for name in fields}
