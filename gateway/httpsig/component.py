# SPDX-License-Identifier: Apache-2.0
"""Covered components (RFC 9421 §2): which may be named, and how each takes its value.

Rules:

1. Derived components are `@method @authority @path @query` of a request, `@status` of a response,
   with no parameter but `req`. Others need what a gateway behind a proxy cannot know.
2. Fields may have `key`, or `sf` where the field is a dictionary that we know, or `bs` alone.
3. `req` stands only in a response's signature. `tr` and everything unknown is refused.
4. A component that is repeated (the order of its parameters does not count), absent, or whose value
   is not printable ASCII is refused; nothing is skipped.
"""

import re
from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import Final, Protocol

import msgspec

from gateway.errors import RequestError
from gateway.httpsig import sfv

#: Fields whose type is known to be a dictionary (RFC 9421, RFC 9530, docs/reference/wire.md).
DICTIONARY_FIELDS: Final = frozenset(
    {"audit-receipt", "content-digest", "signature", "signature-input"}
)
REQUEST_PARTS: Final = {
    "@method": "method",
    "@authority": "authority",
    "@path": "path",
    "@query": "query",
}
RESPONSE_PARTS: Final = {"@status": "status"}

_FIELD_NAME: Final = re.compile(r"[a-z0-9!#$%&'*+.^_`|~-]+")
_UNPRINTABLE: Final = re.compile(r"[^\t -~]")


#: Lower-case field name → its lines in order, `()` when the field is absent.
FieldLines = Callable[[str], Sequence[str]]


class Message(Protocol):
    """What has fields: a request or a response."""

    @property
    def lines(self) -> FieldLines:
        """The fields."""


Reader = Callable[[Message], str]


class Component(msgspec.Struct, frozen=True):
    """One covered component.

    Attributes:
        text: its identifier as received, e.g. `"content-digest";req`.
        name: lower-case.
        key: of the dictionary member, or None.
        req: whether a response's signature takes it from the request.
        read: takes its value from a message; raises RequestError when it is absent.
    """

    text: str
    name: str
    key: str | None
    req: bool
    read: Reader


def parse_components(listed: str, *, in_response: bool) -> tuple[Component, ...]:
    """Parse the inner list of a Signature-Input member, spelled as `sfv` gives it.

    Raises:
        RequestError: SIGNATURE_MALFORMED, by the rules above.
    """
    items = sfv.parse_items(listed)
    if len({identify(item) for item in items}) != len(items):
        raise RequestError("SIGNATURE_MALFORMED", "Signature-Input: a component is repeated")
    return tuple(_component(item, in_response=in_response) for item in items)


def identify(item: sfv.Member) -> tuple[str, frozenset[tuple[str, str]]]:
    """Return what makes a component itself: the order of its parameters does not count (§2)."""
    return item.value, frozenset(item.parameters.items())


def read_values(
    components: Sequence[Component], message: Message, request: Message
) -> tuple[str, ...]:
    """Take the value of each component from a message, or with `req` from the request before it.

    Raises:
        RequestError: COMPONENT_MISSING: a field or member is absent; SIGNATURE_MALFORMED: it does
            not parse, or is not printable ASCII.
    """
    values = tuple([c.read(request if c.req else message) for c in components])
    together = "".join(values)
    if not (together.isascii() and together.isprintable()):
        _refuse_unprintable(components, values)
    return values


def _component(item: sfv.Member, *, in_response: bool) -> Component:
    name = sfv.parse_string(item.value, "a component's name")
    parameters = dict(item.parameters)
    req = "req" in parameters
    if req and not (in_response and parameters.pop("req") == sfv.TRUE):
        raise RequestError("SIGNATURE_MALFORMED", f'"{name}": req stands only in a response')
    if name.startswith("@"):
        parts = RESPONSE_PARTS if in_response and not req else REQUEST_PARTS
        if name not in parts or parameters:
            supported = " ".join(parts)
            raise RequestError(
                "SIGNATURE_MALFORMED", f"derived components are {supported}, without parameters"
            )
        return Component(item.text, name, None, req, attrgetter(parts[name]))
    if _FIELD_NAME.fullmatch(name) is None:
        raise RequestError("SIGNATURE_MALFORMED", "a component is not a lower-case field name")
    key = sfv.parse_string(parameters["key"], "key") if "key" in parameters else None
    return Component(item.text, name, key, req, _field(name, key, parameters))


def _field(name: str, key: str | None, parameters: dict[str, str]) -> Reader:
    flags = parameters.keys() - {"key"}
    if any(parameters[flag] != sfv.TRUE for flag in flags):
        raise RequestError("SIGNATURE_MALFORMED", f'"{name}": sf and bs take no value')
    if key is not None and flags <= {"sf"}:
        return _member_of(name, key)
    if not parameters:
        return _joined(name)
    if flags == {"bs"} and key is None:
        return _wrapped(name)
    if flags == {"sf"} and name in DICTIONARY_FIELDS:
        return lambda message: sfv.format_dictionary(
            sfv.parse_dictionary(_lines(message, name), field=name, unique=False)
        )
    raise RequestError("SIGNATURE_MALFORMED", f'"{name}": parameters are not supported')


def _joined(name: str) -> Reader:
    def read(message: Message) -> str:
        lines = message.lines(name)
        if len(lines) == 1:
            return lines[0].strip(" \t")
        return ", ".join([line.strip(" \t") for line in _present(lines, name)])

    return read


def _wrapped(name: str) -> Reader:
    def read(message: Message) -> str:
        lines = [line.strip(" \t") for line in _lines(message, name)]
        if not all(line.isascii() for line in lines):
            # Which bytes were sent is not known here: that depends on who decoded them.
            raise RequestError("SIGNATURE_MALFORMED", f'"{name}": bs of a value outside ASCII')
        return ", ".join([sfv.format_bytes(line.encode("ascii")) for line in lines])

    return read


def _member_of(name: str, key: str) -> Reader:
    def read(message: Message) -> str:
        lines = _lines(message, name)
        member = sfv.parse_dictionary(lines, field=name, unique=False).get(key)
        if member is None:
            raise RequestError("COMPONENT_MISSING", f'"{name}" has no member of the signed key')
        return member.text

    return read


def _lines(message: Message, name: str) -> Sequence[str]:
    return _present(message.lines(name), name)


def _present(lines: Sequence[str], name: str) -> Sequence[str]:
    if not lines:
        raise RequestError("COMPONENT_MISSING", f'"{name}" is signed, but there is no such field')
    return lines


def _refuse_unprintable(components: Sequence[Component], values: Sequence[str]) -> None:
    for component, value in zip(components, values, strict=True):
        if _UNPRINTABLE.search(value) is not None:
            raise RequestError("SIGNATURE_MALFORMED", f'"{component.name}" is not printable ASCII')
