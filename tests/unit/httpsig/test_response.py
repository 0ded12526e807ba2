# SPDX-License-Identifier: Apache-2.0
"""The profile of responses: an answer is believed only for the request that it was signed for."""

import pytest

from gateway.crypto.digest import sha256, sha512
from gateway.crypto.keys import Verifier
from gateway.errors import TrustError
from gateway.httpsig import (
    RESPONSE_TAG,
    RequestSignature,
    content_digest,
    parse_request_signature,
    request_signature_headers,
    response_signature_headers,
    verify_response_signature,
)
from gateway.httpsig.sfv import format_bytes
from gateway.model.agency import Algorithm
from tests.unit.httpsig.messages import (
    ALGORITHMS,
    CREATED,
    SIGNERS,
    VERIFIERS,
    body_fields,
    lines_of,
    request_with,
    signed_fields,
    signed_request,
)

BODY = b'{"outcome":"not_found"}'
RECEIPT = 'log="gw.example/log", index=7'
REQUEST = signed_request()


def answer(
    request: RequestSignature = REQUEST,
    *,
    receipt: str | None = RECEIPT,
    algorithm: Algorithm = "ed25519",
    digest: str = content_digest(BODY),
) -> dict[str, str]:
    """Fields of a response as the gateway makes them."""
    signature_input, signature = response_signature_headers(
        status=200,
        content_type="application/json",
        digest=digest,
        receipt=receipt,
        request=request,
        signer=SIGNERS[algorithm],
        created=CREATED,
    )
    fields = {
        "content-type": "application/json",
        "content-digest": digest,
        "signature-input": signature_input,
        "signature": signature,
    }
    return fields if receipt is None else {**fields, "audit-receipt": receipt}


def verify(
    fields: dict[str, str],
    *,
    request: RequestSignature = REQUEST,
    status: int = 200,
    body: bytes = BODY,
    require_receipt: bool = True,
    keys: dict[str, Verifier] | None = None,
) -> None:
    keys = {"yq-gjj-1": VERIFIERS["ed25519"]} if keys is None else keys
    verify_response_signature(
        status=status,
        lines=lines_of(fields),
        body=body,
        request=request,
        find_verifier=keys.get,
        require_receipt=require_receipt,
    )


def refusal(fields: dict[str, str], **changed: object) -> str:
    with pytest.raises(TrustError) as refused:
        verify(fields, **changed)  # type: ignore[arg-type] # one keyword of `verify` at a time
    assert refused.value.code == "RESPONSE_UNTRUSTED"
    return refused.value.detail


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("receipt", [RECEIPT, None])
def test_what_the_gateway_signs_a_client_believes(
    algorithm: Algorithm, receipt: str | None
) -> None:
    verify(
        answer(receipt=receipt, algorithm=algorithm),
        require_receipt=receipt is not None,
        keys={"yq-gjj-1": VERIFIERS[algorithm]},
    )


def test_the_fields_are_those_of_the_profile() -> None:
    assert answer()["signature-input"] == (
        'gateway=("@status" "content-type" "content-digest" "audit-receipt" '
        '"@method";req "@authority";req "@path";req "@query";req "content-type";req '
        '"content-digest";req "signature-input";key="sig1";req)'
        f';created={CREATED};keyid="yq-gjj-1";alg="ed25519";tag="{RESPONSE_TAG}"'
    )


def test_the_base_is_printed_as_the_profile_says() -> None:
    class Paper:
        keyid = "gw-1"
        algorithm: Algorithm = "ed25519"
        base = b""

        def sign(self, message: bytes) -> bytes:
            self.base = message
            return bytes(64)

    paper = Paper()
    response_signature_headers(
        status=200,
        content_type="application/json",
        digest=content_digest(BODY),
        receipt=RECEIPT,
        request=REQUEST,
        signer=paper,
        created=CREATED,
    )
    assert paper.base.decode().split("\n")[:-1] == [
        '"@status": 200',
        '"content-type": application/json',
        f'"content-digest": {content_digest(BODY)}',
        f'"audit-receipt": {RECEIPT}',
        '"@method";req: POST',
        '"@authority";req: gw.example',
        '"@path";req: /v1/lookups',
        '"@query";req: ?',
        '"content-type";req: application/json',
        f'"content-digest";req: {body_fields()["content-digest"]}',
        f'"signature-input";key="sig1";req: {REQUEST.member}',
    ]


def test_whatever_the_request_covered_is_covered_again() -> None:
    fields = {**body_fields(), "x": ("a=1", "b")}
    signed = signed_fields(fields)
    text = str(signed["signature-input"]).replace('"@method"', '"x" "@method" "x";key="b"')
    request = parse_request_signature(request_with({**signed, "signature-input": text}))
    made = answer(request)
    assert '"x";req "@method";req "x";key="b";req "@authority";req' in made["signature-input"]
    verify(made, request=request)


def test_a_proxy_may_add_its_own_signature() -> None:
    fields = answer()
    fields["signature-input"] += ', proxy=("@status");created=1'
    fields["signature"] += ", proxy=:AAAA:"
    verify(fields)


def test_a_digest_of_two_algorithms_is_believed() -> None:
    digest = f"{content_digest(BODY)}, sha-512={format_bytes(sha512(BODY))}"
    verify(answer(digest=digest))


# ---- refusals -----------------------------------------------------------------------------------


def test_the_answer_to_another_request_is_refused() -> None:
    later = {
        **body_fields(),
        **{
            name.lower(): text
            for name, text in request_signature_headers(
                request_with(body_fields()),
                signer=SIGNERS["ed25519"],
                created=CREATED,
                nonce="B" * 22,
            ).items()
        },
    }
    other = parse_request_signature(request_with(later))
    assert refusal(answer(other)) == "The signature does not verify"
    assert refusal(answer(), request=other) == "The signature does not verify"


@pytest.mark.parametrize(
    ("field", "text"),
    [("content-type", "text/html"), ("audit-receipt", RECEIPT.replace("7", "8"))],
)
def test_a_changed_field_is_refused(field: str, text: str) -> None:
    assert refusal({**answer(), field: text}) == "The signature does not verify"


def test_a_changed_status_is_refused() -> None:
    assert refusal(answer(), status=403) == "The signature does not verify"


def test_a_changed_body_is_refused() -> None:
    assert refusal(answer(), body=b"{}") == "sha-256 is of other content"
    swapped = {**answer(), "content-digest": f"sha-256={format_bytes(sha256(b'{}'))}"}
    assert refusal(swapped, body=b"{}") == "The signature does not verify"


@pytest.mark.parametrize("field", ["signature-input", "signature", "content-type", "audit-receipt"])
def test_an_absent_field_is_refused(field: str) -> None:
    fields = answer()
    del fields[field]
    assert refusal(fields)


def test_a_receipt_is_required_when_asked_for_and_covered_when_there() -> None:
    bare = answer(receipt=None)
    verify(bare, require_receipt=False)
    assert refusal(bare) == 'the signature does not cover "audit-receipt"'
    assert refusal({**bare, "audit-receipt": RECEIPT}, require_receipt=False) == (
        'the signature does not cover "audit-receipt"'
    )


@pytest.mark.parametrize(
    "text",
    [
        '"@status"',
        '"content-type"',
        '"content-digest"',
        '"audit-receipt"',
        '"@method";req',
        '"@query";req',
        '"content-digest";req',
        '"signature-input";key="sig1";req',
    ],
)
def test_narrower_coverage_is_refused(text: str) -> None:
    fields = answer()
    fields["signature-input"] = (
        fields["signature-input"].replace(f"{text} ", "").replace(f" {text})", ")")
    )
    assert refusal(fields) == f"the signature does not cover {text}"


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        (RESPONSE_TAG, "yizheng-v1", "no signature has tag"),
        (f';tag="{RESPONSE_TAG}"', "", "no signature has tag"),
        (f";created={CREATED}", "", "created is absent"),
        (f"created={CREATED}", 'created="x"', "created is not an Integer"),
        (';keyid="yq-gjj-1"', "", "not one that is trusted"),
        ("yq-gjj-1", "somebody", "not one that is trusted"),
        ("ed25519", "ecdsa-p256-sha256", "not the key's algorithm"),
        (";tag=", ';nonce="x";tag=', "nonce is not allowed"),
        (';alg="ed25519"', "", "does not verify"),
    ],
)
def test_other_parameters_are_refused(old: str, new: str, why: str) -> None:
    fields = answer()
    fields["signature-input"] = fields["signature-input"].replace(old, new)
    assert why in refusal(fields)


def test_a_key_that_is_not_trusted_is_refused() -> None:
    assert refusal(answer(), keys={}) == "the key is not one that is trusted"
    other = {"yq-gjj-1": VERIFIERS["ecdsa-p256-sha256"]}
    assert refusal(answer(), keys=other) == "alg is not the key's algorithm"
