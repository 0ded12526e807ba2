# SPDX-License-Identifier: Apache-2.0
"""The one signature of a message that bears a tag (RFC 9421 §4, §7.2.7).

Labels are not signed, so a signature is chosen by its tag alone. Others may stand beside it, as
proxies add them; two with our tag are refused, since nobody could tell which one counts.
"""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from typing import Final

import msgspec

from gateway.errors import RequestError
from gateway.httpsig import sfv
from gateway.httpsig.component import FieldLines

MEMBER_MAX_CHARS: Final = 1024
LABEL_MAX_CHARS: Final = 64
KEYID_MAX_CHARS: Final = 64


class Tagged(msgspec.Struct, frozen=True):
    """A signature as the fields hold it.

    Attributes:
        label: its key in both fields.
        member: the inner list with its parameters, in the order received.
        listed: the inner list alone.
        parameters: the text of each parameter by name.
        value: the signature's bytes.
    """

    label: str
    member: str
    listed: str
    parameters: Mapping[str, str]
    value: bytes

    def string(self, name: str) -> str | None:
        """The String parameter of that name, or None.

        Raises:
            RequestError: SIGNATURE_MALFORMED; another type.
        """
        text = self.parameters.get(name)
        return None if text is None else sfv.parse_string(text, name)

    def seconds(self, name: str) -> int | None:
        """The Integer parameter of that name, or None.

        Raises:
            RequestError: SIGNATURE_MALFORMED; another type.
        """
        text = self.parameters.get(name)
        return None if text is None else sfv.parse_integer(text, name)


def parse_tagged(lines: FieldLines, tag: str, *, allowed: AbstractSet[str]) -> Tagged:
    """Find the signature whose `tag` is that one.

    Args:
        lines: the message's fields.
        tag: of the profile.
        allowed: names of the parameters that it may have.

    Raises:
        RequestError: SIGNATURE_MISSING; SIGNATURE_MALFORMED; COMPONENT_MISSING for a parameter
            that every profile needs.
    """
    input_lines, value_lines = lines("signature-input"), lines("signature")
    if not input_lines or not value_lines:
        absent = "Signature" if input_lines else "Signature-Input"
        raise RequestError("SIGNATURE_MISSING", f"the field {absent} is absent")
    label, member = _choose(sfv.parse_dictionary(input_lines, field="Signature-Input"), f'"{tag}"')
    if len(member.text) > MEMBER_MAX_CHARS or len(label) > LABEL_MAX_CHARS:
        raise RequestError("SIGNATURE_MALFORMED", "Signature-Input: the member is too long")
    if not member.parameters.keys() <= allowed:
        unknown = min(member.parameters.keys() - allowed)
        raise RequestError("SIGNATURE_MALFORMED", f"the parameter {unknown} is not allowed")
    value = sfv.parse_dictionary(value_lines, field="Signature").get(label)
    if value is None:
        raise RequestError("SIGNATURE_MISSING", "Signature has no member of the signature's label")
    signature = sfv.parse_bytes(value.text, "the signature")
    return Tagged(label, member.text, member.value, member.parameters, signature)


def _choose(inputs: Mapping[str, sfv.Member], tag: str) -> tuple[str, sfv.Member]:
    chosen = [label for label, member in inputs.items() if member.parameters.get("tag") == tag]
    if not chosen:
        raise RequestError("SIGNATURE_MISSING", f"no signature has tag={tag}")
    if len(chosen) > 1:
        raise RequestError("SIGNATURE_MALFORMED", f"more than one signature has tag={tag}")
    member = inputs[chosen[0]]
    if member.value[0] != "(":
        raise RequestError("SIGNATURE_MALFORMED", "Signature-Input: not a list of components")
    return chosen[0], member
