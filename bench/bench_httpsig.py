# SPDX-License-Identifier: Apache-2.0
"""What a signature costs a request and a response: our own work alone, and with each algorithm."""

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from gateway.admission.admission import Admission, KeyRecord
from gateway.crypto.digest import sha256
from gateway.crypto.keys import generate_private_key, load_signer, load_verifier, public_pem
from gateway.httpsig import (
    SignedRequest,
    content_digest,
    parse_request_signature,
    request_signature_headers,
    response_signature_headers,
    signature_base,
    verify_content_digest,
)
from gateway.model.agency import Agency, Algorithm

ALGORITHMS: tuple[Algorithm, ...] = ("ecdsa-p256-sha256", "ed25519")
PRIVATE = {algorithm: generate_private_key(algorithm) for algorithm in ALGORITHMS}
SIGNERS = {algorithm: load_signer(PRIVATE[algorithm], "yq-gjj-1") for algorithm in ALGORITHMS}
VERIFIERS = {
    algorithm: load_verifier(public_pem(PRIVATE[algorithm]), algorithm) for algorithm in ALGORITHMS
}
BODY = b'{"certificate":"public_security.identity","fields":["name"]}'
DIGEST = content_digest(BODY)


class Paper:
    """Signs and verifies without a key, so that what remains is our own work."""

    keyid = "yq-gjj-1"
    algorithm: Algorithm = "ecdsa-p256-sha256"

    def sign(self, message: bytes) -> bytes:
        return message[:64]

    def verify(self, signature: bytes, message: bytes) -> None:
        assert signature
        assert message


def signed(algorithm: Algorithm) -> SignedRequest:
    lines = {"content-type": ("application/json",), "content-digest": (DIGEST,)}
    request = SignedRequest(
        method="POST",
        authority="gw.example",
        path="/v1/lookups",
        query="?",
        lines=lambda name: lines.get(name, ()),
        has_body=True,
    )
    headers = request_signature_headers(
        request, signer=SIGNERS[algorithm], created=1795348800, nonce="AAECAwQFBgcICQoLDA0ODw"
    )
    lines |= {name.lower(): (text,) for name, text in headers.items()}
    return request


REQUESTS = {algorithm: signed(algorithm) for algorithm in ALGORITHMS}


def base(request: SignedRequest) -> bytes:
    return signature_base(parse_request_signature(request))


def verify(request: SignedRequest, algorithm: Algorithm) -> bytes:
    signature = parse_request_signature(request)
    digest = verify_content_digest(request.lines("content-digest"), BODY)
    VERIFIERS[algorithm].verify(signature.value, signature_base(signature))
    return digest


def test_parse_and_base_without_the_signature(benchmark: BenchmarkFixture) -> None:
    request = REQUESTS["ecdsa-p256-sha256"]
    signature = parse_request_signature(request)
    VERIFIERS["ecdsa-p256-sha256"].verify(signature.value, base(request))
    benchmark(base, request)


def test_admit_a_request_without_the_signature(benchmark: BenchmarkFixture) -> None:
    agency = Agency("yq-gjj", "公积金中心")
    record = KeyRecord(agency, Paper(), Paper.algorithm, float("-inf"), float("inf"))
    admission = Admission(
        [agency],
        authorities=["gw.example"],
        clock_window_s=60,
        clock=lambda: 1795348801.0,
        records_of=lambda _: {Paper.keyid: record},
    )
    request = REQUESTS["ecdsa-p256-sha256"]
    assert benchmark(admission.identify, request, BODY, "203.0.113.7").agency is agency


def test_digest_of_a_small_body(benchmark: BenchmarkFixture) -> None:
    assert benchmark(verify_content_digest, (DIGEST,), BODY) == sha256(BODY)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_verify_a_request(benchmark: BenchmarkFixture, algorithm: Algorithm) -> None:
    assert benchmark(verify, REQUESTS[algorithm], algorithm) == sha256(BODY)


@pytest.mark.parametrize("signer", [Paper(), *SIGNERS.values()], ids=["nothing", *SIGNERS])
def test_sign_a_response(benchmark: BenchmarkFixture, signer: Paper) -> None:
    signature = parse_request_signature(REQUESTS["ecdsa-p256-sha256"])
    signature_input, value = benchmark(
        response_signature_headers,
        status=200,
        content_type="application/json",
        digest=DIGEST,
        receipt='log="gw.example/log", index=7',
        request=signature,
        signer=signer,
        created=1795348800,
    )
    assert signature_input.startswith('gateway=("@status" ')
    assert len(value) == len("gateway=::") + 88
