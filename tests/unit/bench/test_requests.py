# SPDX-License-Identifier: Apache-2.0
"""Requests that are made before they are sent."""

import re
from pathlib import Path

import pytest

from bench.system.requests import (
    Writer,
    read_requests,
    signed_writer,
    token_writer,
    write_requests,
)
from gateway.crypto.digest import b64url_decode
from gateway.crypto.keys import generate_private_key, load_signer, load_verifier, public_pem
from gateway.httpsig import (
    SignedRequest,
    parse_request_signature,
    signature_base,
    verify_content_digest,
)
from gateway.model.agency import Algorithm

AUTHORITY = "127.0.0.1:8080"
BODIES = ['{"a":"测试"}'.encode(), b'{"b":2}']


def fields_of(request: bytes) -> dict[str, str]:
    head = request.partition(b"\r\n\r\n")[0].decode()
    return {
        name.lower(): value
        for name, value in (line.split(": ", 1) for line in head.split("\r\n")[1:])
    }


def writer(algorithm: Algorithm = "ed25519") -> Writer:
    return signed_writer(load_signer(generate_private_key(algorithm), "agency-1"), AUTHORITY)


@pytest.mark.parametrize("algorithm", ["ecdsa-p256-sha256", "ed25519"])
def test_a_request_verifies_as_the_gateway_verifies_it(algorithm: Algorithm) -> None:
    private = generate_private_key(algorithm)
    raw = signed_writer(load_signer(private, "agency-1"), AUTHORITY)(BODIES[0], 1_000)
    fields = fields_of(raw)
    body = raw.partition(b"\r\n\r\n")[2]
    assert body == BODIES[0]
    assert fields["content-length"] == str(len(body))
    signature = parse_request_signature(
        SignedRequest(
            method="POST",
            authority=fields["host"],
            path="/v1/lookups",
            query="?",
            lines=lambda name: (fields[name],),
            has_body=True,
        )
    )
    assert (signature.created, signature.keyid) == (1_000, "agency-1")
    verify_content_digest((fields["content-digest"],), body)
    load_verifier(public_pem(private), algorithm).verify(signature.value, signature_base(signature))


def test_a_token_verifies_and_names_its_body() -> None:
    private = generate_private_key("ecdsa-p256-sha256")
    raw = token_writer(load_signer(private, "agency-1"), AUTHORITY)(BODIES[1], 1_000)
    signed, _, value = fields_of(raw)["authorization"].removeprefix("Bearer ").rpartition(".")
    load_verifier(public_pem(private), "ecdsa-p256-sha256").verify(
        b64url_decode(value), signed.encode()
    )
    assert b'"iat":1000' in b64url_decode(signed.partition(".")[2])


def test_a_file_gives_its_requests_back_in_order(tmp_path: Path) -> None:
    path = tmp_path / "requests"
    write = writer()
    write_requests(path, write, BODIES, range(3), at_s=50.5, per_s=2)
    write_requests(path, write, BODIES, range(3, 5), at_s=50.5, per_s=2)
    found = list(read_requests(path))
    assert [raw.partition(b"\r\n\r\n")[2] for raw in found] == [*BODIES * 2, BODIES[0]]
    created = [int(re.findall(rb"created=(\d+)", raw)[0]) for raw in found]
    assert created == [50, 51, 51, 52, 52]  # the seconds in which they will be sent
    assert len({re.findall(rb'nonce="([^"]+)"', raw)[0] for raw in found}) == 5
