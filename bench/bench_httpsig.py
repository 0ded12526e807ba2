# SPDX-License-Identifier: Apache-2.0
"""What a signature costs a request and a response: our own work alone, and with each algorithm.

The figure to hold is `test_own_work_to_admit_a_request[usual spelling]`: from the request's fields
to the caller, with the body's digest and without the verification itself (bench/README.md).
"""

from collections.abc import Callable

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from gateway.admission.admission import Admission, KeyRecord
from gateway.crypto.digest import sha256
from gateway.crypto.keys import (
    Verifier,
    generate_private_key,
    load_signer,
    load_verifier,
    public_pem,
)
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

CREATED = 1795348800
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


# The same signature, as nearly everyone writes it and as RFC 8941 lets one write it.
SPELLINGS: dict[str, Callable[[str], str]] = {
    "usual spelling": lambda text: text,
    "two members": lambda text: f'{text}, proxy=("@path");tag="other"',
    "more spaces": lambda text: text.replace(";", "; "),
}


def signed(algorithm: Algorithm, spelling: str = "usual spelling") -> SignedRequest:
    fields = {"content-type": ["application/json"], "content-digest": [DIGEST]}
    request = SignedRequest(
        method="POST",
        authority="gw.example",
        path="/v1/lookups",
        query="?",
        lines=lambda name: fields.get(name, ()),  # as `gateway.web.request` holds them
        has_body=True,
    )
    headers = request_signature_headers(
        request, signer=SIGNERS[algorithm], created=CREATED, nonce="AAECAwQFBgcICQoLDA0ODw"
    )
    fields |= {name.lower(): [value] for name, value in headers.items()}
    fields["signature-input"] = [SPELLINGS[spelling](headers["Signature-Input"])]
    return request


REQUESTS = {algorithm: signed(algorithm) for algorithm in ALGORITHMS}


def door(algorithm: Algorithm, verifier: Verifier) -> Admission:
    agency = Agency("yq-gjj", "公积金中心")
    record = KeyRecord(agency, verifier, algorithm, float("-inf"), float("inf"))
    return Admission(
        [agency],
        authorities=["gw.example"],
        clock_window_s=60,
        clock=lambda: CREATED + 1.0,
        records_of=lambda _: {"yq-gjj-1": record},
    )


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_own_work_to_admit_a_request(benchmark: BenchmarkFixture, spelling: str) -> None:
    request = signed("ecdsa-p256-sha256", spelling)
    admission = door("ecdsa-p256-sha256", Paper())
    caller = benchmark(admission.identify, request, BODY, "203.0.113.7")
    assert (caller.agency.id, caller.digest) == ("yq-gjj", sha256(BODY))
    signature = caller.signature
    VERIFIERS["ecdsa-p256-sha256"].verify(signature.value, signature_base(signature))


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_admit_a_request(benchmark: BenchmarkFixture, algorithm: Algorithm) -> None:
    admission = door(algorithm, VERIFIERS[algorithm])
    caller = benchmark(admission.identify, REQUESTS[algorithm], BODY, "203.0.113.7")
    assert caller.digest == sha256(BODY)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_verify_a_signature_alone(benchmark: BenchmarkFixture, algorithm: Algorithm) -> None:
    signature = parse_request_signature(REQUESTS[algorithm])
    benchmark(VERIFIERS[algorithm].verify, signature.value, signature_base(signature))


def test_parse_a_request_and_print_its_base(benchmark: BenchmarkFixture) -> None:
    request = REQUESTS["ecdsa-p256-sha256"]
    base = benchmark(lambda: signature_base(parse_request_signature(request)))
    VERIFIERS["ecdsa-p256-sha256"].verify(parse_request_signature(request).value, base)


def test_digest_of_a_small_body(benchmark: BenchmarkFixture) -> None:
    assert benchmark(verify_content_digest, (DIGEST,), BODY) == sha256(BODY)


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
        created=CREATED,
    )
    assert signature_input.startswith('gateway=("@status" ')
    assert len(value) == len("gateway=::") + 88
