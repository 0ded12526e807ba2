# SPDX-License-Identifier: Apache-2.0
"""Signatures of requests: profile `yizheng-v1` of RFC 9421 (DESIGN §3, docs/reference/wire.md).

Rules:

1. Exactly one signature has our tag. It covers the method, authority, path and query, and with a
   body its type and digest too; in any order, with any other component that can be resolved.
2. It states `created`, `nonce`, `keyid`, `tag`; it may state `alg` and `expires`; nothing else.
3. Parsing decides form and coverage only. Key, time, replay and the signature itself come after.
"""

import re
from functools import lru_cache
from typing import Final

from gateway.crypto.keys import Signer
from gateway.errors import RequestError
from gateway.httpsig import sfv
from gateway.httpsig.base import format_base
from gateway.httpsig.component import Component, parse_components, read_values
from gateway.httpsig.message import RequestSignature, SignedRequest
from gateway.httpsig.tagged import KEYID_MAX_CHARS, parse_tagged

TAG: Final = "yizheng-v1"

TARGET: Final = ('"@method"', '"@authority"', '"@path"', '"@query"')
CONTENT: Final = ('"content-type"', '"content-digest"')

_PARAMETERS: Final = frozenset({"created", "nonce", "keyid", "tag", "alg", "expires"})
#: Base64url of at least 16 bytes. Spare bits are free: random text is a good nonce, and nonces are
#: compared as text. One character over a multiple of four encodes nothing.
_NONCE: Final = re.compile(r"(?=.{22,64}\Z)(?:[A-Za-z0-9_-]{4})*(?:[A-Za-z0-9_-]{2,3})?")


def parse_request_signature(request: SignedRequest) -> RequestSignature:
    """Parse the signature of a request under this profile, and read what it covers.

    Raises:
        RequestError: SIGNATURE_MISSING, SIGNATURE_MALFORMED or COMPONENT_MISSING; the detail
            names the component or the parameter.
    """
    tagged = parse_tagged(request.lines, TAG, allowed=_PARAMETERS)
    components = _plan(tagged.listed, TARGET + CONTENT if request.has_body else TARGET)
    if f'"signature-input";key="{tagged.label}"' in tagged.listed:
        # The response covers it anyway, and may not name it twice.
        raise RequestError("SIGNATURE_MALFORMED", "the signature covers its own parameters")
    created, nonce, keyid = (
        tagged.seconds("created"),
        tagged.string("nonce"),
        tagged.string("keyid"),
    )
    if created is None or nonce is None or keyid is None:
        absent = "created" if created is None else "nonce" if nonce is None else "keyid"
        raise RequestError("COMPONENT_MISSING", f"the parameter {absent} is absent")
    if _NONCE.fullmatch(nonce) is None:
        raise RequestError(
            "SIGNATURE_MALFORMED", "nonce is not base64url without padding of 16 to 48 bytes"
        )
    if not 0 < len(keyid) <= KEYID_MAX_CHARS:
        raise RequestError("SIGNATURE_MALFORMED", "keyid is empty or too long")
    return RequestSignature(
        label=tagged.label,
        listed=tagged.listed,
        components=components,
        values=read_values(components, request, request),
        member=tagged.member,
        created=created,
        expires=tagged.seconds("expires"),
        nonce=nonce,
        keyid=keyid,
        alg=tagged.string("alg"),
        value=tagged.value,
        request=request,
    )


def signature_base(signature: RequestSignature) -> bytes:
    """Return the bytes that the signature is over (RFC 9421 §2.5)."""
    return format_base(signature.listed, signature.values, signature.member)


def request_signature_headers(
    request: SignedRequest, *, signer: Signer, created: int, nonce: str, label: str = "sig1"
) -> dict[str, str]:
    """Sign a request that has its Content-Type and Content-Digest already, if it has a body.

    Args:
        request: what is to be sent.
        signer: the agency's key.
        created: UNIX seconds.
        nonce: base64url of 16 to 48 random bytes, new for each request.
        label: key of the signature in both fields.

    Returns:
        The fields Signature-Input and Signature.

    Raises:
        RequestError: COMPONENT_MISSING or SIGNATURE_MALFORMED; the request cannot be signed.
    """
    covered = TARGET + CONTENT if request.has_body else TARGET
    listed = f"({' '.join(covered)})"
    member = (
        f"{listed};created={created};nonce={sfv.format_string(nonce)}"
        f';keyid={sfv.format_string(signer.keyid)};alg="{signer.algorithm}";tag="{TAG}"'
    )
    components = _plan(listed, covered)
    base = format_base(listed, read_values(components, request, request), member)
    return {
        "Signature-Input": f"{label}={member}",
        "Signature": f"{label}={sfv.format_bytes(signer.sign(base))}",
    }


# The lists that clients sign are few: each is parsed and checked against the profile once.
@lru_cache(maxsize=256)
def _plan(listed: str, required: tuple[str, ...]) -> tuple[Component, ...]:
    components = parse_components(listed, in_response=False)
    covered = {component.text for component in components}
    for text in required:
        if text not in covered:
            raise RequestError("COMPONENT_MISSING", f"the signature does not cover {text}")
    return components
