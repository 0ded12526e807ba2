# SPDX-License-Identifier: Apache-2.0
"""A request and its response as evidence: what they were, and what was signed in them.

Rules:

1. What stands in a case is written anew from what was captured: CRLF, no line that was not caught.
   Nothing that is signed changes by that.
2. A signature base is given whole, so that whoever verifies needs no parser of structured fields:
   each of its lines names a component and can be compared with the message by eye.
3. Without the request, its base is built from what the entry says and what every lookup shares. Of
   that only the host, the path and the spelling of the content type are guessed, and the agency's
   signature decides.
4. The answer with all materials of a case holds the answer to each access as it was recorded, byte
   for byte.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import product
from typing import Final

import msgspec

from gateway.crypto.digest import b64_encode, sha256
from gateway.crypto.keys import Verifier
from gateway.errors import RequestError, SetupError, TrustError
from gateway.explain.capture import Capture
from gateway.httpsig import RESPONSE_TAG, parse_request_signature, sfv, verify_response_signature
from gateway.httpsig.base import format_base
from gateway.httpsig.component import parse_components, read_values
from gateway.httpsig.message import SignedResponse
from gateway.httpsig.tagged import parse_tagged

_STATUS_LINE: Final = re.compile(r"HTTP/1\.[01] ([1-5][0-9]{2})(?: [ -~]*)?")
_BLANK_LINE: Final = re.compile(rb"\r?\n\r?\n")
_RESPONSE_PARAMETERS: Final = frozenset({"created", "keyid", "alg", "tag"})
_CONTENT_TYPES: Final = (
    "application/json",
    "application/json; charset=utf-8",
    "application/json;charset=utf-8",
)


#: On which requests accesses are made; the first is the usual one.
_PATHS: Final = ("/v1/lookups", "/v1/materials", "/v1/tickets")


class CapturedResponse(msgspec.Struct, frozen=True):
    """A response as it was caught.

    Attributes:
        status: three digits.
        fields: name and value of each line, in order.
        body: its bytes.
    """

    status: str
    fields: tuple[tuple[str, str], ...]
    body: bytes

    def __repr__(self) -> str:
        return f"CapturedResponse({self.status})"

    def lines(self, name: str) -> tuple[str, ...]:
        """The values of a field; the name in lower case."""
        return tuple(value for key, value in self.fields if key.lower() == name)


def parse_response(content: bytes, *, name: str) -> CapturedResponse:
    """Read a response that was saved raw, as `curl -i` prints it.

    Args:
        name: of the file, for the error.

    Raises:
        SetupError: not a response that can be read.
    """
    content = content.lstrip(b"\r\n")
    blank = _BLANK_LINE.search(content)
    head, body = (content[: blank.start()], content[blank.end() :]) if blank else (content, b"")
    lines = head.decode("latin-1").splitlines()
    start = _STATUS_LINE.fullmatch(lines[0].rstrip()) if lines else None
    if start is None or blank is None:
        raise _unreadable(name, "it does not begin with `HTTP/1.1 200` and header lines")
    pairs = [line.partition(":") for line in lines[1:]]
    if not all(colon and key.strip() for key, colon, _ in pairs):
        raise _unreadable(name, "a header line has no colon")
    fields = tuple((key.strip(), value.strip(" \t")) for key, _, value in pairs)
    response = CapturedResponse(start[1], fields, body)
    length = "".join(response.lines("content-length"))
    if length.isdigit() and not body[int(length) :].strip():
        return msgspec.structs.replace(response, body=body[: int(length)])
    return response


def format_request(capture: Capture) -> bytes:
    """Write a request as a case holds it; `parse_capture` reads it back."""
    return _message(f"{capture.method} {capture.target} HTTP/1.1", capture.fields, capture.body)


def format_response(response: CapturedResponse) -> bytes:
    """Write a response as a case holds it; `parse_response` reads it back."""
    return _message(f"HTTP/1.1 {response.status}", response.fields, response.body)


def response_base(
    response: CapturedResponse, request: Capture, keyid: str, verifier: Verifier
) -> bytes:
    """What the gateway signed.

    Args:
        request: which it answers.
        keyid: of the gateway's key.

    Raises:
        TrustError: the gateway's signature does not bind this response to this request.
    """
    signature = parse_request_signature(request.view())
    verify_response_signature(
        status=int(response.status),
        lines=response.lines,
        body=response.body,
        request=signature,
        find_verifier={keyid: verifier}.get,
        require_receipt=True,
    )
    tagged = parse_tagged(response.lines, RESPONSE_TAG, allowed=_RESPONSE_PARAMETERS)
    values = read_values(
        parse_components(tagged.listed, in_response=True),
        SignedResponse(response.status, response.lines),
        signature.request,
    )
    return format_base(tagged.listed, values, tagged.member)


def rebuild_request_base(
    signature_input: str,
    digest: bytes,
    signature: bytes,
    *,
    verifier: Verifier,
    authorities: Iterable[str],
) -> bytes | None:
    """What the agency signed, without the request.

    Args:
        signature_input: as the entry holds it.
        digest: SHA-256 of the body.
        signature: of the agency.
        authorities: hosts under which the gateway may have been asked.

    Returns:
        None when the agency covered more than a lookup must have, or asked another host.
    """
    try:
        member = sfv.parse_dictionary((f"s={signature_input}",), field="signature_input")["s"]
    except RequestError:
        return None
    names = [item.text for item in sfv.parse_items(member.value)]
    for values in _guesses(names, digest, tuple(authorities)):
        base = format_base(member.value, values, member.text)
        try:
            verifier.verify(signature, base)
        except TrustError:
            continue
        return base
    return None


def _guesses(
    names: Sequence[str], digest: bytes, authorities: Sequence[str]
) -> Iterator[list[str]]:
    for path, authority, content_type in product(_PATHS, authorities, _CONTENT_TYPES):
        known = {
            '"@method"': "POST",
            '"@authority"': authority,
            '"@path"': path,
            '"@query"': "?",
            '"content-type"': content_type,
            '"content-digest"': f"sha-256=:{b64_encode(digest)}:",
        }
        if known.keys() >= set(names):
            yield [known[name] for name in names]


def find_answer(body: bytes, digest: str) -> bytes | None:
    """The answer with that SHA-256, in hex: the whole of a response's body, or that of a material.

    Returns:
        None where no answer in the body has that digest.
    """
    if sha256(body).hex() == digest:
        return body
    try:
        materials = msgspec.json.decode(body, type=_Materials).materials
    except ValueError:  # msgspec's are ValueErrors
        return None
    answers = (bytes(material.answer) for material in materials)
    return next((answer for answer in answers if sha256(answer).hex() == digest), None)


class _Material(msgspec.Struct):
    answer: msgspec.Raw = msgspec.Raw()


class _Materials(msgspec.Struct):
    materials: list[_Material]


def _message(start: str, fields: Sequence[tuple[str, str]], body: bytes) -> bytes:
    lines = [start, *(f"{name}: {value}" for name, value in fields), "", ""]
    return "\r\n".join(lines).encode("latin-1", "replace") + body


def _unreadable(name: str, what: str) -> SetupError:
    return SetupError(
        what, where=name, remedy="save the status line, the headers, a blank line and the body."
    )
