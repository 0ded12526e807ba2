# SPDX-License-Identifier: Apache-2.0
"""What is wrong with a catalogue, all of it at once: where, and what, in English and Chinese."""

from collections.abc import Iterator, Sequence
from typing import Final

import msgspec

from gateway.catalog.words import CERTIFICATE_NAMES, ITEM_TYPES
from gateway.errors import RequestError, Text
from gateway.model.item import MANDATORY, ServiceItem
from gateway.model.time_limit import FORMS, parse_time_limit

#: Digits of a division's code that count at each level (GB/T 2260).
_DIGITS: Final = {"province": 2, "city": 4, "county": 6}


class Fault(msgspec.Struct, frozen=True):
    """One thing to mend.

    Attributes:
        where: file, row and column, or file and item.
        what: is wrong with it.
    """

    where: str
    what: Text

    def __str__(self) -> str:
        return f"{self.where}: {self.what.en} / {self.what.zh}"


class CatalogFaults(RequestError):
    """A catalogue that cannot be taken; nothing of it was.

    Attributes:
        faults: every one that was found.
    """

    def __init__(self, faults: Sequence[Fault]) -> None:
        noun = "fault" if len(faults) == 1 else "faults"
        lines = "".join(f"\n  {fault}" for fault in faults)
        super().__init__("CATALOG_INVALID", f"{len(faults)} {noun} 共{len(faults)}处错误{lines}")
        self.faults = tuple(faults)


def publication_faults(item: ServiceItem, *, complete: bool = True) -> Iterator[tuple[str, Text]]:
    """What keeps an item from being published, by member.

    Args:
        complete: an empty mandatory column is a fault, too.
    """
    for member in MANDATORY:
        if complete and not getattr(item, member).strip():
            yield member, Text("is empty; clause 7.1.2 demands it", "不能为空（7.1.2）")
    if item.time_limit.strip():
        try:
            parse_time_limit(item.time_limit)
        except ValueError:
            yield (
                "time_limit",
                Text(
                    f"is no time limit; write one as: {FORMS}", f"无法识别的办理时限，可写：{FORMS}"
                ),
            )
    yield from _of_list("item_type", item.item_type, ITEM_TYPES)
    yield from _of_list("certificate_name", item.certificate_name, CERTIFICATE_NAMES)
    if item.level is not None and item.division:
        digits = item.division[:6]
        if len(digits.rstrip("0")) > _DIGITS[item.level] or not _reaches(digits, item.level):
            yield "division", Text(f"is no {item.level}'s code", "与层级不符的行政区划代码")


def _reaches(digits: str, level: str) -> bool:
    """Whether the code has a part for the level, and not only for those above it."""
    wanted = _DIGITS[level]
    return digits[wanted - 2 : wanted] != "00"


def _of_list(member: str, said: str, known: Sequence[str]) -> Iterator[tuple[str, Text]]:
    if said.strip() and said not in known:
        yield (
            member,
            Text(f"is not one of: {', '.join(known)}", f"应为其中之一：{'、'.join(known)}"),
        )
