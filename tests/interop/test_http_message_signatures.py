# SPDX-License-Identifier: Apache-2.0
"""Our profile against the independent implementation on PyPI, in both directions."""

from datetime import UTC, datetime, timedelta
from typing import Any

import http_sf
import pytest
from http_message_signatures import (
    HTTPMessageSigner,
    HTTPMessageVerifier,
    HTTPSignatureAlgorithm,
    InvalidSignature,
    MappingKeyResolver,
    algorithms,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.crypto.keys import generate_private_key, load_signer, load_verifier, public_pem
from gateway.errors import RequestError
from gateway.httpsig import (
    RESPONSE_TAG,
    TAG,
    FieldLines,
    SignedRequest,
    content_digest,
    parse_request_signature,
    request_signature_headers,
    response_signature_headers,
    signature_base,
    verify_response_signature,
)
from gateway.httpsig.sfv import format_dictionary, parse_dictionary
from gateway.model.agency import Algorithm

ALGORITHMS: tuple[Algorithm, ...] = ("ecdsa-p256-sha256", "ed25519")
PEERS: dict[Algorithm, type[HTTPSignatureAlgorithm]] = {
    "ecdsa-p256-sha256": algorithms.ECDSA_P256_SHA256,
    "ed25519": algorithms.ED25519,
}
PRIVATE = {algorithm: generate_private_key(algorithm) for algorithm in ALGORITHMS}
PUBLIC = {algorithm: public_pem(PRIVATE[algorithm]) for algorithm in ALGORITHMS}

BODY = b'{"certificate":"public_security.identity"}'
NONCE = "AAECAwQFBgcICQoLDA0ODw"
COVERED = ("@method", "@authority", "@path", "@query", "content-type", "content-digest")


class PeerRequest:
    """A request as the other implementation takes it."""

    def __init__(self, url: str, headers: dict[str, str]) -> None:
        self.method = "POST"
        self.url = url
        self.headers = headers


class PeerResponse:
    """A response as the other implementation takes it."""

    def __init__(self, request: PeerRequest, headers: dict[str, str]) -> None:
        self.status_code = 200
        self.request = request
        self.headers = headers


def peer_request(path_and_query: str = "/v1/lookups") -> PeerRequest:
    headers = {"Content-Type": "application/json", "Content-Digest": content_digest(BODY)}
    return PeerRequest(f"https://GW.example:443{path_and_query}", headers)


def lines_of(headers: dict[str, str]) -> FieldLines:
    lines = {name.lower(): (text,) for name, text in headers.items()}
    return lambda name: lines.get(name, ())


def as_ours(request: PeerRequest) -> SignedRequest:
    path, mark, query = request.url.removeprefix("https://GW.example:443").partition("?")
    return SignedRequest(
        method=request.method,
        authority="gw.example",
        path=path,
        query=(mark or "?") + query,
        lines=lines_of(request.headers),
        has_body=True,
    )


def keys(algorithm: Algorithm) -> dict[str, Any]:
    resolver = MappingKeyResolver(
        public_keys={"k-1": PUBLIC[algorithm].encode()}, private_keys={"k-1": PRIVATE[algorithm]}
    )
    return {"signature_algorithm": PEERS[algorithm], "key_resolver": resolver}


def now_s() -> int:
    return int(datetime.now(UTC).timestamp())


def sign_as_peer(request: PeerRequest, algorithm: Algorithm, **changed: Any) -> None:
    options = {
        "key_id": "k-1",
        "nonce": NONCE,
        "tag": TAG,
        "covered_component_ids": COVERED,
        "use_existing_digest": True,
    }
    HTTPMessageSigner(**keys(algorithm)).sign(request, **{**options, **changed})


def verify_as_ours(request: PeerRequest, algorithm: Algorithm) -> None:
    signature = parse_request_signature(as_ours(request))
    verifier = load_verifier(PUBLIC[algorithm], algorithm)
    verifier.verify(signature.value, signature_base(signature))


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize(
    "target", ["/v1/lookups", "/v1/lookups?", "/a%7eb?x=%5B1%5D&y=", "/v1/items/yq-gjj-001"]
)
@pytest.mark.parametrize("include_alg", [True, False])
def test_we_accept_what_the_peer_signs(
    algorithm: Algorithm, target: str, *, include_alg: bool
) -> None:
    request = peer_request(target)
    sign_as_peer(
        request,
        algorithm,
        include_alg=include_alg,
        expires=datetime.now(UTC) + timedelta(minutes=1),
    )
    verify_as_ours(request, algorithm)


def test_we_accept_components_that_the_peer_covers_besides() -> None:
    request = peer_request()
    request.headers |= {"X-List": "a=1;p,  b, c=(1 2)", "X-Plain": "  text  ", "X-Empty": ""}
    more = ('"x-list";key="a"', '"x-list";key="b"', '"x-list";bs', "x-plain", "x-empty")
    digest = '"content-digest";sf'
    sign_as_peer(request, "ed25519", covered_component_ids=(*COVERED, *more, digest))
    verify_as_ours(request, "ed25519")


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_the_peer_accepts_what_we_sign(algorithm: Algorithm) -> None:
    request = peer_request("/v1/lookups?a=b")
    request.headers |= request_signature_headers(
        as_ours(request),
        signer=load_signer(PRIVATE[algorithm], "k-1"),
        created=now_s(),
        nonce=NONCE,
    )
    (result,) = HTTPMessageVerifier(**keys(algorithm)).verify(
        request, expect_tag=TAG, require_components=COVERED, body=BODY
    )
    assert (result.nonce, result.parameters["keyid"]) == (NONCE, "k-1")


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_the_peer_accepts_our_response_bound_to_its_request(algorithm: Algorithm) -> None:
    request = peer_request()
    sign_as_peer(request, algorithm, label="peer")
    signature = parse_request_signature(as_ours(request))
    answer = b'{"outcome":"not_found"}'
    receipt = 'log="gw.example/log", index=7'
    signature_input, value = response_signature_headers(
        status=200,
        content_type="application/json",
        digest=content_digest(answer),
        receipt=receipt,
        request=signature,
        signer=load_signer(PRIVATE[algorithm], "k-1"),
        created=now_s(),
    )
    headers = {
        "Content-Type": "application/json",
        "Content-Digest": content_digest(answer),
        "Audit-Receipt": receipt,
        "Signature-Input": signature_input,
        "Signature": value,
    }
    bound = [f'"{name}";req' for name in COVERED]
    verifier = HTTPMessageVerifier(**keys(algorithm))
    verifier.verify(
        PeerResponse(request, headers),
        expect_tag=RESPONSE_TAG,
        require_components=["@status", *bound, '"signature-input";key="peer";req'],
        body=answer,
    )
    request.method = "PUT"
    with pytest.raises(InvalidSignature):
        verifier.verify(PeerResponse(request, headers), expect_tag=RESPONSE_TAG)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_our_client_accepts_a_response_that_the_peer_signs(algorithm: Algorithm) -> None:
    request = peer_request()
    sign_as_peer(request, algorithm, label="peer")
    answer = b'{"outcome":"not_found"}'
    response = PeerResponse(
        request, {"Content-Type": "application/json", "Content-Digest": content_digest(answer)}
    )
    bound = [f'"{name}";req' for name in COVERED]
    HTTPMessageSigner(**keys(algorithm)).sign(
        response,
        key_id="k-1",
        tag=RESPONSE_TAG,
        use_existing_digest=True,
        covered_component_ids=(
            "@status",
            "content-type",
            "content-digest",
            *bound,
            '"signature-input";key="peer";req',
        ),
    )
    verify_response_signature(
        status=200,
        lines=lines_of(response.headers),
        body=answer,
        request=parse_request_signature(as_ours(request)),
        find_verifier={"k-1": load_verifier(PUBLIC[algorithm], algorithm)}.get,
        require_receipt=False,
    )


@settings(max_examples=400)
@given(st.text(alphabet='ab=,;:"\\()?01.-* \tA/+Q', max_size=16))
def test_a_dictionary_that_we_accept_the_peer_prints_the_same(text: str) -> None:
    try:
        members = parse_dictionary([text], field="X")
    except RequestError:
        return
    if members:
        peer = http_sf.ser(http_sf.parse(text.encode(), tltype="dictionary"))
        assert format_dictionary(members) == peer
