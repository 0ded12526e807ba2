# SPDX-License-Identifier: Apache-2.0
"""Tables into items, and back.

Rules:

1. Every fault of every row is found before anything is said, and each names its cell.
2. A column that is not known is a fault: a misspelt title must not silently lose what is below it.
3. What is read is a draft, whatever it was where it came from.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from gateway.catalog.columns import (
    CODE,
    ITEM_COLUMNS,
    ITEMS,
    MATERIAL_COLUMNS,
    MATERIALS,
    SHEETS,
    SITUATION_COLUMNS,
    SITUATIONS,
    CellWrongError,
    Column,
)
from gateway.catalog.faults import Fault, publication_faults
from gateway.catalog.sheets import Row, Sheet
from gateway.errors import Text
from gateway.model.item import ServiceItem, Situation
from gateway.model.material import Material

#: Titles and rows.
Table = tuple[tuple[str, ...], list[list[str]]]
_Columns = Mapping[str, Column]
_Part = tuple[Row, dict[str, Any]]
#: What msgspec says of a member, or a struct of itself.
_PATH: Final = re.compile(r"\$\.([\w.]+)")
_OWN: Final = re.compile(r"`(\w+)` ")
_MISSING: Final = re.compile(r"missing required field `(\w+)`")


_COLUMNS_OF: Final[Mapping[type[Any], _Columns]] = {
    ServiceItem: ITEM_COLUMNS,
    Material: MATERIAL_COLUMNS,
    Situation: SITUATION_COLUMNS,
}
#: Columns whose title must be there, empty cells or not.
_DEMANDED: Final = frozenset({"name", "certificate_name", "item_type", "department", "time_limit"})
#: What the cell of a deferral or commitment that is not there is written from.
_EMPTY: Final[Mapping[str, object]] = {"commitment.exclusions": ()}


class TableReader:
    """Reads the sheets of one catalogue.

    Args:
        complete: empty mandatory columns are faults.

    Attributes:
        faults: what was found.
    """

    def __init__(self, sheets: Mapping[str, Sheet], *, complete: bool = True) -> None:
        self._sheets: Final = sheets
        self._complete: Final = complete
        self.faults: Final[list[Fault]] = []

    def read(self) -> list[ServiceItem]:
        """The items, as far as they are without a fault."""
        self._check_sheets()
        rows = self._read_items()
        parts = {
            MATERIALS: self._read_parts(MATERIALS, MATERIAL_COLUMNS, rows),
            SITUATIONS: self._read_parts(SITUATIONS, SITUATION_COLUMNS, rows),
        }
        found = (
            self._make_item(code, row, members, parts) for code, (row, members) in rows.items()
        )
        return [item for item in found if item is not None]

    def _check_sheets(self) -> None:
        """Find wrong titles, and tables that are not there: all that they hold would be lost."""
        file = self._sheets[ITEMS].file
        for name, columns in SHEETS.items():
            if (sheet := self._sheets.get(name)) is not None:
                self._check_titles(sheet, columns)
            else:
                self._say(
                    f"{file}: {name}",
                    f"is missing; with CSV it is the file {Path(file).stem}.{name}.csv beside it",
                    "缺少此表；CSV 格式时为同目录文件",
                )

    def _check_titles(self, sheet: Sheet, columns: _Columns) -> None:
        known = {column.title for column in columns.values()}
        demanded = {c.title for m, c in columns.items() if c.is_required or m in _DEMANDED}
        for title in sheet.titles:
            if title and title not in known:
                self._say(
                    f"{sheet.where()}, column {title}",
                    f"is not known; there are: {', '.join(sorted(known))}",
                    "没有此列",
                )
        for title in sorted(demanded - set(sheet.titles)):
            self._say(f"{sheet.where()}, column {title}", "is missing", "缺少此列")

    def _read_items(self) -> dict[str, _Part]:
        """Rows by code, each with what its cells say."""
        sheet = self._sheets[ITEMS]
        rows: dict[str, _Part] = {}
        for row in sheet.rows:
            members = self._read_row(sheet, row, ITEM_COLUMNS)
            code = members.get("code")
            if code in rows:
                self._say(
                    sheet.where(row.number, CODE),
                    f"is there twice, first in row {rows[code][0].number}",
                    f"与第{rows[code][0].number}行重复",
                )
            elif code:
                rows[code] = (row, members)
                continue
            self._check_item(row, members)  # its other faults are told all the same
        return rows

    def _read_parts(
        self, name: str, columns: _Columns, rows: Mapping[str, object]
    ) -> dict[str, list[_Part]]:
        """Rows of materials or situations by item."""
        found: dict[str, list[_Part]] = {}
        sheet = self._sheets.get(name)
        if sheet is None:
            return found
        for row in sheet.rows:
            members = self._read_row(sheet, row, columns)
            code = members.pop("item", None)
            if code in rows:
                found.setdefault(code, []).append((row, members))
            elif code:
                self._say(
                    sheet.where(row.number, CODE),
                    f"names no item of {ITEMS}",
                    f"{ITEMS}中没有此事项",
                )
        return found

    def _read_row(self, sheet: Sheet, row: Row, columns: _Columns) -> dict[str, Any]:
        members: dict[str, Any] = {}
        for member, column in columns.items():
            cell = row.cells.get(column.title)
            if cell is None:
                if column.is_required and column.title in sheet.titles:
                    self._say(sheet.where(row.number, column.title), "is empty", "不能为空")
                continue
            try:
                members[member] = column.read(cell)
            except CellWrongError as wrong:
                self.faults.append(Fault(sheet.where(row.number, column.title), wrong.what))
        return members

    def _make_item(
        self,
        code: str,
        row: Row,
        members: dict[str, Any],
        parts: Mapping[str, Mapping[str, Sequence[_Part]]],
    ) -> ServiceItem | None:
        before = len(self.faults)
        self._check_names(parts[MATERIALS].get(code, ()), parts[SITUATIONS].get(code, ()))
        made = {
            "materials": self._make_parts(MATERIALS, Material, parts[MATERIALS].get(code, ())),
            "situations": self._make_parts(SITUATIONS, Situation, parts[SITUATIONS].get(code, ())),
        }
        if len(self.faults) > before:
            made = {}  # what they would make of the whole has been said
        self._check_item(row, members)
        item: ServiceItem | None = self._convert(
            self._sheets[ITEMS], row, ServiceItem, _draft(members) | made
        )
        return item

    def _check_names(self, materials: Iterable[_Part], situations: Iterable[_Part]) -> None:
        """Find materials that are there twice, and situations of materials that are not there."""
        first: dict[str, int] = {}
        for row, each in materials:
            if (name := each.get("name")) in first:
                where = self._sheets[MATERIALS].where(row.number, MATERIAL_COLUMNS["name"].title)
                self._say(
                    where,
                    f"is there twice in this item, first in row {first[name]}",
                    f"与第{first[name]}行重复",
                )
            elif name:
                first[name] = row.number
        for row, each in situations:
            if unknown := [name for name in each.get("materials", ()) if name not in first]:
                where = self._sheets[SITUATIONS].where(
                    row.number, SITUATION_COLUMNS["materials"].title
                )
                self._say(
                    where,
                    f"names no material of this item: {unknown[0]}",
                    f"该事项没有此材料：{unknown[0]}",
                )

    def _make_parts(self, name: str, kind: type[Any], rows: Iterable[_Part]) -> list[Any]:
        sheet = self._sheets.get(name)
        if sheet is None:
            return []
        made = (self._convert(sheet, row, kind, _nested(each)) for row, each in rows)
        return [part for part in made if part is not None]

    def _check_item(self, row: Row, members: dict[str, Any]) -> None:
        """Find what keeps it from being published, cell by cell."""
        sheet = self._sheets[ITEMS]
        try:
            item = msgspec.convert(_draft({"code": "x"} | _texts(members)), ServiceItem)
        except msgspec.ValidationError:
            return  # said when the whole is converted
        for member, what in publication_faults(item, complete=self._complete):
            if ITEM_COLUMNS[member].title in sheet.titles:
                where = sheet.where(row.number, ITEM_COLUMNS[member].title)
                self.faults.append(Fault(where, what))

    def _convert(
        self, sheet: Sheet, row: Row, kind: type[Any], members: Mapping[str, object]
    ) -> Any:
        try:
            return msgspec.convert(members, kind)
        except msgspec.ValidationError as error:
            member, en, zh = _explain(str(error))
            titles = {name: column.title for name, column in _COLUMNS_OF[kind].items()}
            self._say(sheet.where(row.number, titles.get(member)), en, zh)
        return None

    def _say(self, where: str, en: str, zh: str) -> None:
        self.faults.append(Fault(where, Text(en, zh)))


def _explain(message: str) -> tuple[str, str, str]:
    """The member that a validation complains of, and what it says in both languages."""
    what, _, path = message.partition(" - at ")
    member = found[1] if (found := _PATH.search(path)) else ""
    if missing := _MISSING.search(what):
        member = f"{member}.{missing[1]}".removeprefix(".")
        return member, "is empty, yet what belongs to it is not", "不能为空：相关各列须一并填写"
    if own := _OWN.match(what):
        member, what = own[1], what.removeprefix(own[0])
    en, _, zh = what.partition(" / ")
    return member, en, zh or "内容不符合要求"


def write_tables(items: Iterable[ServiceItem]) -> dict[str, Table]:
    """Titles and rows of each sheet."""
    listed = list(items)
    return {
        ITEMS: _table(ITEM_COLUMNS, ((item, item.code) for item in listed)),
        MATERIALS: _table(MATERIAL_COLUMNS, ((m, i.code) for i in listed for m in i.materials)),
        SITUATIONS: _table(SITUATION_COLUMNS, ((s, i.code) for i in listed for s in i.situations)),
    }


def _table(columns: _Columns, parts: Iterable[tuple[msgspec.Struct, str]]) -> Table:
    titles = tuple(column.title for column in columns.values())
    rows = [
        [column.write(_member(part, member, code)) for member, column in columns.items()]
        for part, code in parts
    ]
    return titles, rows


def _member(part: msgspec.Struct, member: str, code: str) -> object:
    if member == "item":
        return code
    name, _, inner = member.partition(".")
    if name == "source" and isinstance(part, Material):
        return part.obtained_from
    value = getattr(part, name)
    if not inner:
        return value
    return getattr(value, inner) if value is not None else _EMPTY.get(member)


def _nested(members: Mapping[str, Any]) -> dict[str, Any]:
    """`{"deferral.promise": …}` as `{"deferral": {"promise": …}}`."""
    found: dict[str, Any] = {}
    for member, value in members.items():
        name, _, inner = member.partition(".")
        if inner:
            found.setdefault(name, {})[inner] = value
        else:
            found[name] = value
    return found


def _draft(members: Mapping[str, Any]) -> dict[str, Any]:
    return dict.fromkeys(_DEMANDED, "") | dict(members) | {"status": "draft"}


def _texts(members: Mapping[str, Any]) -> dict[str, Any]:
    """What `publication_faults` looks at."""
    wanted = {*_DEMANDED, "level", "division"}
    return {name: value for name, value in members.items() if name in wanted}
