# SPDX-License-Identifier: Apache-2.0
"""Signatures of responses: tag `yizheng-v1-response` (DESIGN §3, docs/reference/wire.md).

Rules:

1. A response's signature covers its status, type, digest and, when it has one, its audit receipt.
2. It covers every component of the request's signature with `req`, and that signature's own
   parameters (`"signature-input";key="<label>";req`), so its nonce too: an answer fits one request
   only, and no key can be exchanged for another (RFC 9421 §2.4, §7.3.7).
3. A client takes nothing from a response before all of it verifies.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Final

from gateway.crypto.keys import Signer, Verifier
from gateway.errors import GatewayError, TrustError
from gateway.httpsig import sfv
from gateway.httpsig.base import base_template, format_base
from gateway.httpsig.component import FieldLines, identify, parse_components, read_values
from gateway.httpsig.digest import verify_content_digest
from gateway.httpsig.message import RequestSignature, SignedResponse
from gateway.httpsig.tagged import Tagged, parse_tagged

RESPONSE_TAG: Final = "yizheng-v1-response"

#: Of the signature in both fields.
_LABEL: Final = "gateway"
_PARAMETERS: Final = frozenset({"created", "keyid", "alg", "tag"})
_ANSWER: Final = ('"@status"', '"content-type"', '"content-digest"')
_RECEIPT: Final = '"audit-receipt"'


def response_signature_headers(
    *,
    status: int,
    content_type: str,
    digest: str,
    receipt: str | None,
    request: RequestSignature,
    signer: Signer,
    created: int,
) -> tuple[str, str]:
    """Sign a response to a signed request.

    Args:
        status: HTTP status.
        content_type: value of Content-Type.
        digest: value of Content-Digest.
        receipt: value of Audit-Receipt, or None when the response has none.
        request: the signature that this answers.
        signer: the gateway's key.
        created: UNIX seconds.

    Returns:
        The values of Signature-Input and Signature.
    """
    member, base = response_signature_base(
        status=status,
        content_type=content_type,
        digest=digest,
        receipt=receipt,
        request=request,
        signer=signer,
        created=created,
    )
    return response_signature_values(member, signer.sign(base))


def response_signature_base(
    *,
    status: int,
    content_type: str,
    digest: str,
    receipt: str | None,
    request: RequestSignature,
    signer: Signer,
    created: int,
) -> tuple[str, bytes]:
    """What `response_signature_headers` signs, for who signs it later.

    Returns:
        The member that names what is covered, and the signature base.
    """
    listed, template = _plan(request.listed, request.label, receipt is not None)
    member = f"{listed};created={created}{_signed_by(signer.keyid, signer.algorithm)}"
    recorded = () if receipt is None else (receipt,)
    values = (str(status), content_type, digest, *recorded, *request.values, request.member, member)
    return member, (template % values).encode("ascii")


def response_signature_values(member: str, signature: bytes) -> tuple[str, str]:
    """The values of Signature-Input and Signature."""
    return f"{_LABEL}={member}", f"{_LABEL}={sfv.format_bytes(signature)}"


# As many as there are lists and labels that clients sign.
@lru_cache(maxsize=256)
def _plan(of_request: str, label: str, with_receipt: bool) -> tuple[str, str]:  # noqa: FBT001 - a key
    """What is covered, and the base with a place for each value."""
    listed = _listed(of_request, label, with_receipt=with_receipt)
    return listed, base_template(listed)


@lru_cache(maxsize=16)
def _signed_by(keyid: str, algorithm: str) -> str:
    """The parameters that are the same in all signatures of a key."""
    return f';keyid={sfv.format_string(keyid)};alg="{algorithm}";tag="{RESPONSE_TAG}"'


def verify_response_signature(
    *,
    status: int,
    lines: FieldLines,
    body: bytes,
    request: RequestSignature,
    find_verifier: Callable[[str], Verifier | None],
    require_receipt: bool,
) -> None:
    """Return when a response is the gateway's answer to this very request.

    Args:
        status: HTTP status.
        lines: the response's fields.
        body: exactly as received, before any content coding is undone.
        request: `parse_request_signature` of the request as it was sent.
        find_verifier: the trusted key of a keyid, or None.
        require_receipt: whether an Audit-Receipt must be there; one that is there must be covered.

    Raises:
        TrustError: RESPONSE_UNTRUSTED; the detail names the check.
    """
    response = SignedResponse(str(status), lines)
    with_receipt = require_receipt or bool(lines("audit-receipt"))
    try:
        tagged = parse_tagged(lines, RESPONSE_TAG, allowed=_PARAMETERS)
        components = parse_components(tagged.listed, in_response=True)
        required = _listed(request.listed, request.label, with_receipt=with_receipt)
        _verify_coverage(tagged.listed, required)
        verifier = _verifier(tagged, find_verifier)
        values = read_values(components, response, request.request)
        base = format_base(tagged.listed, values, tagged.member)
        verifier.verify(tagged.value, base)
        verify_content_digest(lines("content-digest"), body)
    except GatewayError as error:
        raise TrustError("RESPONSE_UNTRUSTED", error.detail or error.refusal.title.en) from error


def _listed(of_request: str, label: str, *, with_receipt: bool) -> str:
    answer = [*_ANSWER, _RECEIPT] if with_receipt else _ANSWER
    echo = [f"{item.text};req" for item in sfv.parse_items(of_request)]
    return f'({" ".join([*answer, *echo])} "signature-input";key="{label}";req)'


def _verify_coverage(listed: str, required: str) -> None:
    covered = {identify(item) for item in sfv.parse_items(listed)}
    for item in sfv.parse_items(required):
        if identify(item) not in covered:
            raise TrustError("RESPONSE_UNTRUSTED", f"the signature does not cover {item.text}")


def _verifier(tagged: Tagged, find_verifier: Callable[[str], Verifier | None]) -> Verifier:
    if tagged.seconds("created") is None:
        raise TrustError("RESPONSE_UNTRUSTED", "the parameter created is absent")
    verifier = find_verifier(tagged.string("keyid") or "")
    if verifier is None:
        raise TrustError("RESPONSE_UNTRUSTED", "the key is not one that is trusted")
    if tagged.string("alg") not in {None, verifier.algorithm}:
        raise TrustError("RESPONSE_UNTRUSTED", "alg is not the key's algorithm")
    return verifier
