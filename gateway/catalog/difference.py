# SPDX-License-Identifier: Apache-2.0
"""What differs between two versions of an item or a list, place by place."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec

#: Members by which the rows of an array are known, as far as a row has them.
_KEYS: Final = ("item", "code", "service")


class Difference(msgspec.Struct, frozen=True):
    """One place.

    Attributes:
        place: as `materials[结婚证].necessity`.
        before: None where it was not there.
        after: None where it is no longer there.
    """

    place: str
    before: str | None
    after: str | None


def differences(before: object, after: object) -> list[Difference]:
    """Compare two structs, or two values of JSON."""
    old, new = _places(before), _places(after)
    return [
        Difference(place, old.get(place), new.get(place))
        for place in dict.fromkeys((*old, *new))
        if old.get(place) != new.get(place)
    ]


def _places(value: object) -> dict[str, str]:
    return dict(_flatten(msgspec.to_builtins(value, str_keys=True), ""))


def _flatten(value: Any, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping):
        for name, member in value.items():
            yield from _flatten(member, f"{path}.{name}".removeprefix("."))
    elif isinstance(value, (list, tuple)) and value and isinstance(value[0], Mapping):
        seen = dict[str, int]()
        for row in value:
            key = _key(row)
            seen[key] = seen.get(key, 0) + 1
            label = key if seen[key] == 1 else f"{key}#{seen[key]}"
            yield from _flatten(row, f"{path}[{label}]")
    elif value not in (None, "", [], {}):
        yield path, value if isinstance(value, str) else msgspec.json.encode(value).decode()


def _key(row: Mapping[str, object]) -> str:
    """What a row is known by; its name where that alone tells it from others."""
    parts = [str(row[name]) for name in _KEYS if name in row]
    if not parts or "item" in row:
        parts.append(str(row.get("name", "")))
    return "/".join(parts)
