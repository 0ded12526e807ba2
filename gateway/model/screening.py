# SPDX-License-Identifier: Apache-2.0
"""Keep personal data out of what is recorded in clear.

A caller writes free text (purpose, case, terminal) and names (item, certificate, fields), and all
of it stands in the audit entry. So before anything of a request is recorded, every such text is
searched for the holder's number and name, and for anything of the form of a citizen number.
"""

import re
import unicodedata
from collections.abc import Iterator
from datetime import date
from typing import Final

from gateway.errors import RequestError
from gateway.model.ids import check_cn_id
from gateway.model.lookup import LookupRequest

# GB 11643: 17 digits and a check character, however they are parted.
_CITIZEN_NUMBER: Final = re.compile(r"(?<![0-9])(?:[0-9][\W_]{0,2}){17}[0-9Xx](?![0-9])")
_BETWEEN: Final = re.compile(r"[\W_]+")
_NUMBER_LENGTH: Final = 18
#: A shorter name (one character) would be found in ordinary words.
_MIN_NAME_LENGTH: Final = 2
#: A shorter number is no holder's (an old one has 15), and would be found in any case number.
_MIN_NUMBER_LENGTH: Final = 15


# Texts without a number, folded: agencies write the same items, purposes and terminals for ever.
# All of them stand in the log in clear, so to remember them tells nothing.
_clean: Final[dict[str, str]] = {}
_MAX_CLEAN_COUNT: Final = 4096


def screen_request(request: LookupRequest) -> None:
    """Refuse a request whose recorded texts hold personal data.

    Raises:
        RequestError: ATTRIBUTION_PERSONAL; names the member, never its text.
    """
    holder = request.holder
    number = _fold(holder.number)
    # An organisation's name is public; a case about it may well be called by it.
    name = _fold(holder.name) if holder.name and holder.scheme == "cn-id" else ""
    searched = [text for text, shortest in ((number, _MIN_NUMBER_LENGTH), (name, _MIN_NAME_LENGTH))
                if len(text) >= shortest]  # fmt: skip
    seen = {}
    for member, text in _recorded_texts(request):
        folded = _clean.get(text)
        if folded is None:
            if holds_citizen_number(text):
                raise RequestError(
                    "ATTRIBUTION_PERSONAL",
                    f"`{member}` holds something of the form of an ID number",
                )
            folded = seen[text] = _fold(text)
        for personal in searched:
            if personal in folded:
                raise RequestError(
                    "ATTRIBUTION_PERSONAL", f"`{member}` holds the holder's number or name"
                )
    if seen:
        _remember(seen)


def holds_citizen_number(text: str) -> bool:
    """Whether something of the form of a citizen number stands in a text, however it is parted."""
    if text.isascii() and len(text) < _NUMBER_LENGTH:
        return False  # other characters may be several when they are normalised: ⑱ is 18
    plain = unicodedata.normalize("NFKC", text)
    return any(_is_citizen_number(found[0]) for found in _CITIZEN_NUMBER.finditer(plain))


def _is_citizen_number(text: str) -> bool:
    """A case number may have 18 digits too: only what passes every check is one."""
    return check_cn_id(_BETWEEN.sub("", text), today=date.max).reason is None


def _fold(text: str) -> str:
    if text.isalnum() and text.isascii():
        return text.upper()
    return _BETWEEN.sub("", unicodedata.normalize("NFKC", text)).upper()


def _remember(seen: dict[str, str]) -> None:
    if len(_clean) >= _MAX_CLEAN_COUNT:
        _clean.clear()
    _clean.update(seen)


def _recorded_texts(request: LookupRequest) -> Iterator[tuple[str, str]]:
    attribution = request.attribution
    yield from (
        ("certificate", request.certificate),
        ("attribution.item", attribution.item),
        ("attribution.case", attribution.case),
        ("attribution.purpose", attribution.purpose),
        ("attribution.operator.id", attribution.operator.id),
        ("attribution.terminal", attribution.terminal or ""),
        ("attribution.division", attribution.division or ""),
    )
    for name in request.fields:
        yield "fields", name
    for name in request.claims:
        yield "claims", name
