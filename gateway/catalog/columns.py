# SPDX-License-Identifier: Apache-2.0
"""The catalogue as three tables: items 清单, materials 材料, situations 情形.

Which member of a struct stands in which column, and how a cell is read and written. A cell that
holds several values separates them by `；`, `;` or a line break; names of fields also by `、` or a
comma, which the names of acts and materials may hold themselves.
"""

import re
from collections.abc import Callable, Mapping
from datetime import date
from typing import Final

import msgspec

from gateway.catalog.words import (
    DISCLOSURES,
    DOMAINS,
    HOLDERS,
    ITEM_TYPES,
    LEVELS,
    NECESSITIES,
    OPERATIONS,
    SOURCES,
    find_word,
)
from gateway.errors import Text
from gateway.model.item import MANDATORY

ITEMS: Final = "清单"
MATERIALS: Final = "材料"
SITUATIONS: Final = "情形"
CODE: Final = "事项编码"

_SEPARATOR: Final = re.compile(r"[;；\n]")
_BETWEEN_NAMES: Final = re.compile(r"[;；\n,，、\s]")
_PAIR: Final = re.compile(r"\s*([^=＝→\s]+)\s*(?:=|＝|→|->)\s*(\S+)\s*")
#: About a year of working days, and ten years: as the structs have it.
_MOST_WORKING_DAYS: Final = 250
_MOST_DAYS: Final = 3660
_DATE: Final = re.compile(r"(\d{4})[-/.年](\d{1,2})[-/.月](\d{1,2})日?")


class CellWrongError(ValueError):
    """A cell that cannot be read."""

    def __init__(self, en: str, zh: str) -> None:
        super().__init__(en)
        self.what: Final = Text(en, zh)


class Column(msgspec.Struct, frozen=True):
    """One column.

    Attributes:
        title: in Chinese; stands in the header.
        read: makes the member's value of a cell that is not empty.
        write: makes the cell.
        is_required: a row without it is a fault.
        choices: what may be chosen from, for office software.
    """

    title: str
    read: Callable[[str], object]
    write: Callable[[object], str]
    is_required: bool = False
    choices: tuple[str, ...] = ()


def _plain(title: str, *, is_required: bool = False, choices: tuple[str, ...] = ()) -> Column:
    return Column(title, str, _say, is_required, choices)


def _chosen(title: str, words: Mapping[str, Text]) -> Column:
    listed = tuple(text.zh for text in words.values())

    def read(cell: str) -> str:
        if (found := find_word(words, cell)) is None:
            raise CellWrongError(
                f"is not one of: {', '.join(listed)}", f"应为：{'、'.join(listed)}"
            )
        return found

    return Column(title, read, lambda value: words[str(value)].zh if value else "", choices=listed)


def _matching(title: str, pattern: str, en: str, zh: str, *, is_required: bool = False) -> Column:
    def read(cell: str) -> str:
        if re.fullmatch(pattern, cell) is None:
            raise CellWrongError(en, zh)
        return cell

    return Column(title, read, _say, is_required)


def _say(value: object) -> str:
    return "" if value is None else str(value)


def _read_date(cell: str) -> date:
    if found := _DATE.fullmatch(cell):
        try:
            return date(*map(int, found.groups()))
        except ValueError:
            pass
    raise CellWrongError("is no date; write one as 2026-01-31", "不是日期，应写为 2026-01-31")


def _read_several(cell: str) -> tuple[str, ...]:
    return _split(_SEPARATOR, cell)


def _read_names(cell: str) -> tuple[str, ...]:
    return _split(_BETWEEN_NAMES, cell)


def _split(separator: re.Pattern[str], cell: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in separator.split(cell) if part.strip())


def _write_several(value: object) -> str:
    assert isinstance(value, tuple)
    return "；".join(value)


def _read_pairs(cell: str) -> dict[str, str]:
    pairs = [_PAIR.fullmatch(part) for part in _read_several(cell)]
    if None in pairs:
        raise CellWrongError("write it as: name=applicant_name；…", "应写为：证照字段=表单字段；…")
    return {pair[1]: pair[2] for pair in pairs if pair}


def _write_pairs(value: object) -> str:
    assert isinstance(value, dict)
    return "；".join(f"{name}={field}" for name, field in value.items())


def _several(title: str) -> Column:
    return Column(title, _read_several, _write_several)


def _dated(title: str) -> Column:
    return Column(title, _read_date, _say)


def _counted(title: str, most: int = _MOST_WORKING_DAYS) -> Column:
    def read(cell: str) -> int:
        if cell.isascii() and cell.isdigit() and 1 <= int(cell) <= most:
            return int(cell)
        raise CellWrongError(f"is no number of days from 1 to {most}", f"应为 1 至 {most} 的天数")

    return Column(title, read, lambda value: _say(value or ""))


#: Member of `ServiceItem` → its column. The five mandatory ones come first after the code.
ITEM_COLUMNS: Final[Mapping[str, Column]] = {
    "code": _matching(
        CODE,
        r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}",
        "is no code: 1 to 64 Latin letters, digits, dots, hyphens and underscores",
        "应为 1 至 64 位字母、数字、点、连字符或下划线",
        is_required=True,
    ),
    **{
        member: _plain(title, choices=ITEM_TYPES if member == "item_type" else ())
        for member, title in MANDATORY.items()
    },
    "level": _chosen("层级", LEVELS),
    "division": _matching(
        "行政区划", r"[0-9]{6}|[0-9]{12}", "is not 6 or 12 digits", "应为 6 位或 12 位数字"
    ),
    "domain": _chosen("领域", DOMAINS),
    "legal_basis": _several("法定依据"),
    "effective_from": _dated("生效日期"),
    "effective_until": _dated("失效日期"),
    "disclosure": _chosen("本人报告", DISCLOSURES),
    "delay_days": _counted("本人报告延后天数", _MOST_DAYS),
}
#: Member of `Material`, or of its deferral or commitment behind a dot → its column.
MATERIAL_COLUMNS: Final[Mapping[str, Column]] = {
    "item": _plain(CODE, is_required=True),
    "name": _plain("材料名称", is_required=True),
    "necessity": _chosen("必要性", NECESSITIES),
    "source": _chosen("材料来源", SOURCES),
    "holder": _chosen("持证主体", HOLDERS),
    "certificate": _plain("替代证照"),
    "operation": _chosen("共享方式", OPERATIONS),
    "fields": Column("所需字段", _read_names, _write_several),
    "prefill": Column("表单预填", _read_pairs, _write_pairs),
    "deferral.due_working_days": _counted("容缺补正工作日"),
    "deferral.before_limit_working_days": _counted("容缺早于办结工作日"),
    "deferral.promise": _plain("容缺承诺内容"),
    "commitment.check_within_working_days": _counted("承诺核查工作日"),
    "commitment.text": _plain("告知承诺内容"),
    "commitment.exclusions": _several("不适用告知承诺"),
}
#: Member of `Situation` → its column.
SITUATION_COLUMNS: Final[Mapping[str, Column]] = {
    "item": _plain(CODE, is_required=True),
    "code": _plain("情形编码", is_required=True),
    "name": _plain("情形名称", is_required=True),
    "materials": Column("所需材料", _read_several, _write_several, is_required=True),
}
SHEETS: Final = {
    ITEMS: ITEM_COLUMNS,
    MATERIALS: MATERIAL_COLUMNS,
    SITUATIONS: SITUATION_COLUMNS,
}
