# SPDX-License-Identifier: Apache-2.0
"""Catalogues as files that people pass around: XLSX, CSV, JSON and TOML.

Rules:

1. All or nothing: with one fault nothing is read, and every fault is named at once.
2. JSON and TOML have the form of `items/*.toml`: an object with `items`. Unknown keys are refused.
3. What is read is a draft, whatever it was where it came from.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Literal, get_args

import msgspec

from gateway.catalog.columns import ITEMS, SHEETS
from gateway.catalog.csv_text import write_csv
from gateway.catalog.faults import CatalogFaults, Fault, publication_faults
from gateway.catalog.sheets import MAX_FILE_BYTES, read_sheets, write_workbook
from gateway.catalog.tables import TableReader, write_tables
from gateway.errors import SetupError, Text
from gateway.model.item import ServiceItem
from gateway.model.toml_text import format_tables

Form = Literal["xlsx", "csv", "json", "toml"]
_PLACES: Final = "items[{}]"


def form_of(path: Path) -> Form:
    """The form that a file's name tells.

    Raises:
        SetupError: none of them.
    """
    form = path.suffix.lower().removeprefix(".")
    for known in get_args(Form):
        if form == known:
            return known  # type: ignore[no-any-return] # get_args() has no types
    raise SetupError(
        "is none of .xlsx, .csv, .json and .toml", where=path.name, remedy="name such a file."
    )


def read_catalogue(path: Path, *, complete: bool = True) -> list[ServiceItem]:
    """Read all items of a file, as drafts.

    Args:
        path: the file; what lies beside a CSV file belongs to it (`gateway.catalog.sheets`).
        complete: an empty mandatory column is a fault.

    Raises:
        SetupError: the file cannot be read at all.
        CatalogFaults: it can, and these are its faults.
    """
    form = form_of(path)
    if form in {"xlsx", "csv"}:
        reader = TableReader(read_sheets(path, tuple(SHEETS)), complete=complete)
        items, faults = reader.read(), reader.faults
    else:
        decode = msgspec.json.decode if form == "json" else msgspec.toml.decode
        items, faults = _read_members(path, decode, complete=complete)
    if faults:
        raise CatalogFaults(faults)
    return items


def write_catalogue(items: Sequence[ServiceItem], path: Path) -> Mapping[Path, bytes]:
    """The bytes of each file that holds the items in the form that the name tells.

    Raises:
        SetupError: the name tells none.
    """
    tables = write_tables(items)
    match form_of(path):
        case "xlsx":
            choices = {c.title: c.choices for each in SHEETS.values() for c in each.values()}
            return {path: write_workbook(tables, choices)}
        case "csv":
            return {
                path if name == ITEMS else path.with_suffix(f".{name}.csv"): write_csv(*table)
                for name, table in tables.items()
            }
        case "json":
            return {path: msgspec.json.format(msgspec.json.encode({"items": items})) + b"\n"}
        case "toml":
            return {path: format_tables("items", items).encode()}


def _read_members(
    path: Path, decode: Any, *, complete: bool
) -> tuple[list[ServiceItem], list[Fault]]:
    found = _decode(path, decode)
    items, faults, seen = list[ServiceItem](), list[Fault](), dict[str, int]()
    for place, members in enumerate(found):
        where = f"{path.name}: {_PLACES.format(place)}"
        try:
            draft = {**members, "status": "draft"} if isinstance(members, dict) else members
            item = msgspec.convert(draft, ServiceItem, strict=True)
        except msgspec.ValidationError as error:
            faults.append(_of_member(where, str(error)))
            continue
        faults += (
            Fault(f"{where}.{member}", what)
            for member, what in publication_faults(item, complete=complete)
        )
        if item.code in seen:
            first = _PLACES.format(seen[item.code])
            said = Text(f"is there twice, first in {first}", f"与 {first} 重复")
            faults.append(Fault(f"{where}.code", said))
        seen.setdefault(item.code, place)
        items.append(item)
    return items, faults


def _decode(path: Path, decode: Any) -> list[Any]:
    try:
        content = path.read_bytes()
        whole = decode(content) if len(content) <= MAX_FILE_BYTES else None
    except OSError as error:
        why = f"cannot be read: {error.strerror}"
        raise SetupError(why, where=path.name, remedy="name a catalogue's file.") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        why = f"is no {path.suffix[1:].upper()}: {error}"
        raise SetupError(why, where=path.name, remedy="mend the place that is named.") from None
    if not isinstance(whole, dict) or not isinstance(whole.get("items"), list) or len(whole) > 1:
        raise SetupError(
            "is no object with the one member `items`",
            where=path.name,
            remedy="`yizheng item export` writes one to begin with.",
        )
    found: list[Any] = whole["items"]
    return found


def _of_member(where: str, message: str) -> Fault:
    what, _, path = message.partition(" - at ")
    place = path.strip("`").removeprefix("$")
    en, _, zh = what.partition(" / ")
    return Fault(f"{where}{place}", Text(en, zh or "内容不符合要求"))
