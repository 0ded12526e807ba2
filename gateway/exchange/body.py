# SPDX-License-Identifier: Apache-2.0
r"""The body of a lookup: bytes from outside are decoded into a type, never looked at by hand.

1. Unknown members are refused, and so is a member that is given twice (RFC 8259 §4 leaves open
   which one counts): the caller's parser and ours may not read one signed body in two ways.
2. Names are compared as decoded, so `"\u0068older"` repeats `"holder"`.
"""

import re
from typing import Any, Final

import msgspec

from gateway.errors import RequestError
from gateway.model.lookup import LookupRequest

_parse = msgspec.json.Decoder(LookupRequest).decode
_parse_members = msgspec.json.Decoder(dict[str, Any]).decode
_STRING: Final = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"')

# What msgspec says, as far as it can hold nothing of the body but a well-formed member name.
_SAFE: Final = re.compile(
    r"(Expected `[a-z |]+`(?:, got `[a-z]+`| matching regex '[^']*'| of length [<>=]+ [0-9]+"
    r"| [<>=]+ [0-9]+)|Object (?:missing required|contains unknown) field `[a-z_]{1,40}`)"
    r"(?: - at `(\$[^`]*)`)?"
)


def parse_lookup(body: bytes) -> LookupRequest:
    """Decode a request strictly.

    Raises:
        RequestError: BODY_MALFORMED; says what was expected and where, never what stood there.
    """
    try:
        request = _parse(body)
    except msgspec.ValidationError as error:
        raise RequestError("BODY_MALFORMED", _what_is_wrong(str(error))) from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise RequestError("BODY_MALFORMED", "the body is not one JSON object in UTF-8") from None
    if _repeats_a_member(body):
        raise RequestError("BODY_MALFORMED", "an object has two members of the same name")
    return request


def _repeats_a_member(body: bytes) -> bool:
    """Whether a body that decodes has more members than remain when it is decoded.

    There is one colon for each member, and any other stands inside a string.
    """
    whole = _parse_members(body)
    attribution = whole["attribution"]
    kept = (
        len(whole)
        + len(whole["holder"])
        + len(attribution)
        + len(attribution["operator"])
        + len(whole.get("claims", ()))
    )
    return body.count(b":") != kept and _STRING.sub(b"", body).count(b":") != kept


def _what_is_wrong(message: str) -> str:
    if said := _SAFE.fullmatch(message):
        return f"{said[1]} at {said[2] or '$'}"
    path = message.rpartition(" - at ")[2].strip("`")
    return f"a value is not allowed at {path if path.startswith('$') else '$'}"
