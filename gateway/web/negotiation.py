# SPDX-License-Identifier: Apache-2.0
"""Which form of a page a request asks for (RFC 9110 §12.5).

`?format=` and `?lang=` count before Accept and Accept-Language, for links. What cannot be read or
had is answered with the default, as RFC 9110 allows: JSON, and Chinese.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final
from urllib.parse import parse_qsl

_MOST: Final = 32
_FORBIDDEN: Final = 0.0


def query_of(target: str) -> Mapping[str, str]:
    """The members of a target's query; of one that is there twice the last."""
    try:
        return dict(parse_qsl(target.partition("?")[2], max_num_fields=_MOST))
    except ValueError:
        return {}


def choose(lines: Sequence[str], offers: Sequence[str]) -> str:
    """The offer that a request likes best.

    Args:
        lines: of Accept or Accept-Language.
        offers: such as `text/html` or `en`, in the order in which we would give them; the first
            is given where the request says nothing, or likes none.
    """
    ranges = dict(_ranges(lines))
    return max(offers, key=lambda offer: _liking(offer, ranges)) if ranges else offers[0]


def matches(lines: Sequence[str], etag: str) -> bool:
    """Whether If-None-Match names the tag (weak comparison, RFC 9110 §13.1.2)."""
    tags = [tag.strip().removeprefix("W/") for line in lines for tag in line.split(",")]
    return "*" in tags or etag in tags


def _ranges(lines: Sequence[str]) -> Iterable[tuple[str, float]]:
    parts = [part for line in lines for part in line.split(",")]
    for part in parts[:_MOST]:
        name, *parameters = (each.strip().lower() for each in part.split(";"))
        weight = next((p[2:] for p in parameters if p.startswith("q=")), "1")
        try:
            yield name, min(1.0, max(0.0, float(weight)))
        except ValueError:
            yield name, _FORBIDDEN


def _liking(name: str, ranges: Mapping[str, float]) -> float:
    """The weight of the most specific range that covers a name."""
    whole, _, part = name.partition("/")
    covering = (name, f"{whole}/*", "*/*") if part else (name, "*")
    for each in covering:
        if each in ranges:
            return ranges[each]
    if part:
        return _FORBIDDEN
    # `en-GB` is liked as `en` where that itself is not named
    narrower = (weight for said, weight in ranges.items() if said.startswith(f"{name}-"))
    return max(narrower, default=_FORBIDDEN)
