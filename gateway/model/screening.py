# SPDX-License-Identifier: Apache-2.0
"""Keep personal data out of what is recorded in clear.

A caller writes free text (purpose, case, terminal) and names (item, certificate, fields), and all
of it stands in the audit entry. So before anything of a request is recorded, every such text is
searched for the holder's number and name, and for anything of the form of a citizen number.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from datetime import date
from typing import Final

from gateway.errors import RequestError
from gateway.model.case import CaseRegistration, Party
from gateway.model.ids import check_cn_id, check_cn_uscc
from gateway.model.lookup import HolderReference, LookupRequest

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
    searched = tuple(_personal(request.holder))
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


def screen_registration(registration: CaseRegistration, number: str) -> None:
    """Refuse a case whose recorded texts hold personal data of any of its holders.

    Args:
        number: of the case.

    Raises:
        RequestError: ATTRIBUTION_PERSONAL; names the member, never its text.
    """
    mandate = registration.mandate
    texts = [
        ("case", number),
        ("item", registration.item),
        ("situation", registration.situation or ""),
        ("operator.id", registration.operator.id),
    ]
    if mandate is not None:
        texts += [("mandate.id", mandate.id), ("mandate.agent", mandate.agent or "")]
        texts += [("mandate.scope", item) for item in mandate.scope]
    for member, text in texts:
        folded = _fold(text)
        if holds_identifier(text) or any(
            personal in folded
            for each in registration.holders
            for personal in _personal(each.holder)
        ):
            raise RequestError(
                "ATTRIBUTION_PERSONAL", f"`{member}` holds a number or a name of a person"
            )


def screen_reason(reason: str, parties: Iterable[Party]) -> None:
    """Refuse words about a case that hold personal data of any of its holders, or of anybody.

    Raises:
        RequestError: ATTRIBUTION_PERSONAL.
    """
    folded = _fold(reason)
    known = [HolderReference(p.holder.scheme, p.holder.number, p.holder.name) for p in parties]
    if holds_identifier(reason) or any(
        personal in folded for each in known for personal in _personal(each)
    ):
        raise RequestError("ATTRIBUTION_PERSONAL", "`reason` holds a number or a name of a person")


def holds_identifier(text: str) -> bool:
    """Whether a citizen number or a unified credit code stands in a text, however it is parted."""
    folded = _fold(text)
    starts = range(len(folded) - _NUMBER_LENGTH + 1)
    return holds_citizen_number(text) or any(
        check_cn_uscc(folded[at : at + _NUMBER_LENGTH]).reason is None for at in starts
    )


def _personal(holder: HolderReference) -> Iterator[str]:
    """What of a holder may not be recorded in clear, folded."""
    number = _fold(holder.number)
    if len(number) >= _MIN_NUMBER_LENGTH:
        yield number
    # An organisation's name is public; a case about it may well be called by it.
    if holder.name and holder.scheme == "cn-id":
        name = _fold(holder.name)
        if len(name) >= _MIN_NAME_LENGTH:
            yield name


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
        ("attribution.mandate", attribution.mandate or ""),
    )
    for name in request.fields:
        yield "fields", name
    for name in request.claims:
        yield "claims", name
