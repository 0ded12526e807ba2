# SPDX-License-Identifier: Apache-2.0
r"""The body of a request: bytes from outside are decoded into a type, never looked at by hand.

1. Unknown members are refused, and so is a member that is given twice (RFC 8259 §4 leaves open
   which one counts): the caller's parser and ours may not read one signed body in two ways.
2. Names are compared as decoded, so `"\u0068older"` repeats `"holder"`.
"""

import re
from collections.abc import Callable
from typing import Any, Final, TypeVar

import msgspec

from gateway.errors import RequestError
from gateway.model.case import CaseClosing, CaseRegistration
from gateway.model.commitment import CommitmentRequest
from gateway.model.deferral import DeferralClosing, DeferralRequest
from gateway.model.invalidation import Invalidation
from gateway.model.lookup import LookupRequest
from gateway.model.plan import MaterialsRequest

T = TypeVar("T")

_parse = msgspec.json.Decoder(LookupRequest).decode
_parse_change = msgspec.json.Decoder(Invalidation).decode
_parse_registration = msgspec.json.Decoder(CaseRegistration).decode
_parse_closing = msgspec.json.Decoder(CaseClosing).decode
_parse_commitment = msgspec.json.Decoder(CommitmentRequest).decode
_parse_materials = msgspec.json.Decoder(MaterialsRequest).decode
_parse_deferral = msgspec.json.Decoder(DeferralRequest).decode
_parse_deferral_closing = msgspec.json.Decoder(DeferralClosing).decode
_parse_members = msgspec.json.Decoder(dict[str, Any]).decode
_STRING: Final = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"')

# What msgspec says, as far as it can hold nothing of the body but a well-formed member name.
_SAFE: Final = re.compile(
    r"(Expected `[a-z |]+`(?:, got `[a-z]+`| matching regex '[^']*'| of length [<>=]+ [0-9]+"
    r"| [<>=]+ -?[0-9]+)|Object (?:missing required|contains unknown) field `[a-z_]{1,40}`)"
    r"(?: - at `(\$[^`]*)`)?"
)


def parse_lookup(body: bytes) -> LookupRequest:
    """Decode a request strictly.

    Raises:
        RequestError: BODY_MALFORMED; says what was expected and where, never what stood there.
    """
    request = _decoded(_parse, body)
    whole = _parse_members(body)
    attribution = whole["attribution"]
    _refuse_repeated(
        body,
        len(whole)
        + len(whole["holder"])
        + len(attribution)
        + len(attribution["operator"])
        + len(whole.get("claims", ())),
    )
    return request


def parse_invalidation(body: bytes) -> Invalidation:
    """Decode a change signal strictly.

    Raises:
        RequestError: as `parse_lookup`.
    """
    change = _decoded(_parse_change, body)
    whole = _parse_members(body)
    _refuse_repeated(body, len(whole) + len(whole["holder"]))
    return change


def parse_registration(body: bytes) -> CaseRegistration:
    """Decode the registration of a case strictly.

    Raises:
        RequestError: as `parse_lookup`.
    """
    registration = _decoded(_parse_registration, body)
    _refuse_repeated(body, _count_members(_parse_members(body)))
    return registration


def parse_closing(body: bytes) -> CaseClosing:
    """Decode the end of a case strictly.

    Raises:
        RequestError: as `parse_lookup`.
    """
    closing = _decoded(_parse_closing, body)
    _refuse_repeated(body, _count_members(_parse_members(body)))
    return closing


def parse_commitment(body: bytes) -> CommitmentRequest:
    """Decode a commitment strictly.

    Raises:
        RequestError: as `parse_lookup`.
    """
    asked = _decoded(_parse_commitment, body)
    _refuse_repeated(body, _count_members(_parse_members(body)))
    return asked


def parse_materials(body: bytes) -> MaterialsRequest:
    """Decode a request for all materials of a case strictly.

    Raises:
        RequestError: as `parse_lookup`.
    """
    asked = _decoded(_parse_materials, body)
    _refuse_repeated(body, _count_members(_parse_members(body)))
    return asked


def parse_deferral(body: bytes) -> DeferralRequest:
    """Decode what opens a deferral strictly.

    Raises:
        RequestError: as `parse_lookup`.
    """
    asked = _decoded(_parse_deferral, body)
    _refuse_repeated(body, _count_members(_parse_members(body)))
    return asked


def parse_deferral_closing(body: bytes) -> DeferralClosing:
    """Decode the end of a deferral strictly.

    Raises:
        RequestError: as `parse_lookup`.
    """
    closing = _decoded(_parse_deferral_closing, body)
    _refuse_repeated(body, _count_members(_parse_members(body)))
    return closing


def parse_body(body: bytes, form: type[T]) -> T:
    """Decode a body of supervision strictly; such are few, so no decoder is kept for them.

    Raises:
        RequestError: as `parse_lookup`.
    """
    asked = _decoded(msgspec.json.Decoder(form).decode, body)
    _refuse_repeated(body, _count_members(_parse_members(body)))
    return asked


def _count_members(value: Any) -> int:
    """Members of all objects inside; what was decoded before is not nested deeply."""
    if isinstance(value, dict):
        return len(value) + sum(map(_count_members, value.values()))
    return sum(map(_count_members, value)) if isinstance(value, list) else 0


def _decoded(decode: Callable[[bytes], T], body: bytes) -> T:
    try:
        return decode(body)
    except msgspec.ValidationError as error:
        raise RequestError("BODY_MALFORMED", _what_is_wrong(str(error))) from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise RequestError("BODY_MALFORMED", "the body is not one JSON object in UTF-8") from None


def _refuse_repeated(body: bytes, kept_count: int) -> None:
    """Refuse a body that decodes and has more members than remain when it is decoded.

    There is one colon for each member, and any other stands inside a string.
    """
    if body.count(b":") != kept_count and _STRING.sub(b"", body).count(b":") != kept_count:
        raise RequestError("BODY_MALFORMED", "an object has two members of the same name")


def _what_is_wrong(message: str) -> str:
    if said := _SAFE.fullmatch(message):
        return f"{said[1]} at {said[2] or '$'}"
    path = message.rpartition(" - at ")[2].strip("`")
    return f"a value is not allowed at {path if path.startswith('$') else '$'}"
