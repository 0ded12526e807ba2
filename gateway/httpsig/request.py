# SPDX-License-Identifier: Apache-2.0
"""Signatures of requests: profile `yizheng-v1` of RFC 9421 (DESIGN §3, docs/reference/wire.md).

Rules:

1. Exactly one signature has our tag. It covers the method, authority, path and query, and with a
   body its type and digest too; in any order, with any other component that can be resolved.
2. It states `created`, `nonce`, `keyid`, `tag`; it may state `alg` and `expires`; nothing else.
3. Parsing decides form and coverage only. Key, time, replay and the signature itself come after.
4. What nearly every client prints is read by one pattern, anything else by `tagged` and `sfv`. The
   pattern takes a strict part of what those take and reads the same from it: it is there for speed,
   and when in doubt it gives way.
"""

import re
from functools import lru_cache
from typing import Final

from gateway.crypto.digest import b64_decode
from gateway.crypto.keys import Signer
from gateway.errors import RequestError
from gateway.httpsig import sfv
from gateway.httpsig.base import format_base
from gateway.httpsig.component import Component, parse_components, read_values
from gateway.httpsig.message import RequestSignature, SignedRequest
from gateway.httpsig.spelling import KEY
from gateway.httpsig.tagged import (
    KEYID_MAX_CHARS,
    LABEL_MAX_CHARS,
    MEMBER_MAX_CHARS,
    parse_tagged,
)

TAG: Final = "yizheng-v1"

TARGET: Final = ('"@method"', '"@authority"', '"@path"', '"@query"')
CONTENT: Final = ('"content-type"', '"content-digest"')

_TARGET_AND_CONTENT: Final = TARGET + CONTENT
_PARAMETERS: Final = frozenset({"created", "nonce", "keyid", "tag", "alg", "expires"})
#: Base64url of at least 16 bytes. Spare bits are free: random text is a good nonce, and nonces are
#: compared as text. One character over a multiple of four encodes nothing.
_NONCE: Final = re.compile(r"(?=.{22,64}\Z)(?:[A-Za-z0-9_-]{4})*(?:[A-Za-z0-9_-]{2,3})?")

# One signature: components without parameters, then its own parameters in any order. Each begins
# with a semicolon: more of these than parameters found, and one is repeated or holds a semicolon.
_INTEGER: Final = "(0|[1-9][0-9]{0,14})"
_TEXT: Final = r"[ !#-\[\]-~]"
_USUAL: Final = re.compile(
    rf'({KEY})=(\("[@a-z0-9-]+"(?: "[@a-z0-9-]+")*\))'
    rf'(?:;(?:created={_INTEGER}|nonce="([A-Za-z0-9_-]{{22,64}})"'
    rf'|keyid="({_TEXT}{{1,{KEYID_MAX_CHARS}}})"|tag="({TAG})"|alg="({_TEXT}*)"'
    rf"|expires={_INTEGER}))+"
)


def parse_request_signature(request: SignedRequest) -> RequestSignature:
    """Parse the signature of a request under this profile, and read what it covers.

    Raises:
        RequestError: SIGNATURE_MISSING, SIGNATURE_MALFORMED or COMPONENT_MISSING; the detail
            names the component or the parameter.
    """
    return _parse_usual(request) or _parse_any(request)


def required_components(request: SignedRequest) -> tuple[str, ...]:
    """What the profile has a signature cover (rule 1), as it is listed."""
    return _TARGET_AND_CONTENT if request.has_body else TARGET


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
    covered = required_components(request)
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


def _parse_usual(request: SignedRequest) -> RequestSignature | None:
    inputs, values = request.lines("signature-input"), request.lines("signature")
    if len(inputs) != 1 or len(values) != 1:
        return None
    match = _USUAL.fullmatch(inputs[0])
    if match is None:
        return None
    found = match.groups()
    label, listed, created, nonce, keyid, tag, alg, expires = found
    member = inputs[0][len(label) + 1 :]
    if len(label) > LABEL_MAX_CHARS or len(member) > MEMBER_MAX_CHARS:
        return None
    in_doubt = member.count(";") + found.count(None) != len(_PARAMETERS)
    if in_doubt or not (created and nonce and keyid and tag) or len(nonce) % 4 == 1:
        return None
    value = _only_bytes(label, values[0])
    if value is None:
        return None
    components = _plan(listed, required_components(request))
    return RequestSignature(
        label=label,
        listed=listed,
        components=components,
        values=read_values(components, request, request),
        member=member,
        created=int(created),
        expires=None if expires is None else int(expires),
        nonce=nonce,
        keyid=keyid,
        alg=alg,
        value=value,
        request=request,
    )


def _only_bytes(label: str, text: str) -> bytes | None:
    """Read a dictionary of one member, bytes of that label; None when it is anything else."""
    head = f"{label}=:"
    if not (text.startswith(head) and text.endswith(":", len(head))):
        return None
    try:
        return b64_decode(text[len(head) : -1])
    except ValueError:
        return None


def _parse_any(request: SignedRequest) -> RequestSignature:
    tagged = parse_tagged(request.lines, TAG, allowed=_PARAMETERS)
    components = _plan(tagged.listed, required_components(request))
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


# The lists that clients sign are few: each is parsed and checked against the profile once.
@lru_cache(maxsize=256)
def _plan(listed: str, required: tuple[str, ...]) -> tuple[Component, ...]:
    components = parse_components(listed, in_response=False)
    covered = {component.text for component in components}
    for text in required:
        if text not in covered:
            raise RequestError("COMPONENT_MISSING", f"the signature does not cover {text}")
    return components
