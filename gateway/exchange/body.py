# SPDX-License-Identifier: Apache-2.0
"""The body of a lookup: bytes from outside are decoded into a type, never looked at by hand."""

import re
from typing import Final

import msgspec

from gateway.errors import RequestError
from gateway.model.lookup import LookupRequest

_parse = msgspec.json.Decoder(LookupRequest).decode

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
        return _parse(body)
    except msgspec.ValidationError as error:
        raise RequestError("BODY_MALFORMED", _what_is_wrong(str(error))) from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise RequestError("BODY_MALFORMED", "the body is not one JSON object in UTF-8") from None


def _what_is_wrong(message: str) -> str:
    if said := _SAFE.fullmatch(message):
        return f"{said[1]} at {said[2] or '$'}"
    path = message.rpartition(" - at ")[2].strip("`")
    return f"a value is not allowed at {path if path.startswith('$') else '$'}"
