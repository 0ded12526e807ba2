# SPDX-License-Identifier: Apache-2.0
"""What a delivery looks like, and its rows as texts. Reads; decides nothing about values."""

import csv
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import IO, Annotated, Final, Literal

import msgspec
from msgspec import Meta

from gateway.errors import SetupError
from gateway.sdk.kits.convert import Origin

Encoding = Literal["utf-8", "gb18030"]

#: Departments write their own clock's day; China has one time zone and no summer time.
CHINA: Final = timezone(timedelta(hours=8))
_DATE: Final = "{date}"
_FORMS: Final = {8: "%Y%m%d", 12: "%Y%m%d%H%M", 14: "%Y%m%d%H%M%S"}
_MAX_LINE_BYTES: Final = 1 << 16


class Refused(Exception):
    """A delivery that is not taken.

    Args:
        reason: what is wrong; holds no value of the file.
        row: of the file, counted from 1 with its heading.
        column: by the department's name.
    """

    def __init__(self, reason: str, *, row: int | None = None, column: str | None = None) -> None:
        where = [f"row {row}"] if row is not None else []
        where += [f"column {column}"] if column is not None else []
        super().__init__(f"{', '.join(where)}: {reason}" if where else reason)


class Span(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where a column stands in a row of fixed width, in bytes of the file's encoding.

    Attributes:
        start: first byte, counted from 1, as such layouts are written.
        width: bytes; shorter values are padded with blanks.
    """

    start: Annotated[int, Meta(ge=1, le=_MAX_LINE_BYTES)]
    width: Annotated[int, Meta(ge=1, le=_MAX_LINE_BYTES)]


class Layout(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a delivery looks like.

    Attributes:
        name: of the data file, with `{date}` where the day stands: `YYYYMMDD`, or with hours and
            minutes (and seconds) behind it.
        format: `csv` has a heading; `fixed` has `spans`.
        encoding: of the text; a byte order mark is allowed in UTF-8.
        delimiter: of a CSV file, one ASCII character.
        spans: by column, for `fixed`.
        max_age_s: oldest delivery that still answers; 50 hours survive one night that failed.
    """

    name: Annotated[str, Meta(pattern=r"^[^/{}]*\{date\}[^/{}]*$", max_length=200)]
    format: Literal["csv", "fixed"] = "csv"
    encoding: Encoding = "utf-8"
    delimiter: Annotated[str, Meta(pattern=r"^[\x09\x20-\x7e]$")] = ","
    spans: Mapping[str, Span] = {}
    max_age_s: Annotated[int, Meta(ge=60)] = 50 * 3600

    def check(self, origins: Mapping[str, Origin], where: str) -> None:
        """Refuse a layout that does not have what the fields come from.

        Args:
            origins: by field name.
            where: the layout's own place, for messages.

        Raises:
            SetupError: names the key and the remedy.
        """
        if (self.format == "fixed") != bool(self.spans):
            raise SetupError(
                f"a file of format `{self.format}` {'has' if self.spans else 'lacks'} spans",
                where=f"{where}.spans",
                remedy="write where each column stands for `fixed`, and nothing for `csv`.",
            )
        for field, origin in origins.items():
            if self.spans and origin.source not in self.spans:
                raise SetupError(
                    f"the field `{field}` comes from `{origin.source}`, which has no span",
                    where=f"{where}.spans",
                    remedy=f"write `{origin.source} = {{ start = …, width = … }}`.",
                )


class Delivery(msgspec.Struct, frozen=True, order=True):
    """One delivery that is complete; the newest is the greatest."""

    as_of: datetime
    path: Path


def deliveries(folder: Path, layout: Layout) -> list[Delivery]:
    """All complete deliveries of a folder, the newest first; other files are not looked at.

    Raises:
        OSError: the folder cannot be read.
    """
    before, _, after = layout.name.partition(_DATE)
    pattern = re.compile(f"{re.escape(before)}([0-9]{{8,14}}){re.escape(after)}")
    found = []
    for path in folder.iterdir():
        match = pattern.fullmatch(path.name)
        as_of = _instant(match[1]) if match else None
        if as_of is not None and checksum_file(path).is_file() and path.is_file():
            found.append(Delivery(as_of, path))
    return sorted(found, reverse=True)


def checksum_file(path: Path) -> Path:
    """Where the checksum of a data file stands."""
    return path.with_name(f"{path.name}.sha256")


def _instant(digits: str) -> datetime | None:
    form = _FORMS.get(len(digits))
    try:
        return (
            datetime.strptime(digits, form).replace(tzinfo=CHINA).astimezone(UTC) if form else None
        )
    except ValueError:
        return None


def rows(file: IO[bytes], layout: Layout) -> Iterator[tuple[int, Mapping[str, str]]]:
    """The rows of a data file, with their numbers.

    Raises:
        Refused: text of another encoding, or a row of another shape.
    """
    return _csv_rows(file, layout) if layout.format == "csv" else _fixed_rows(file, layout)


def _csv_rows(file: IO[bytes], layout: Layout) -> Iterator[tuple[int, Mapping[str, str]]]:
    reader = csv.reader(_lines(file, layout.encoding), delimiter=layout.delimiter, strict=True)
    try:
        heading = next(reader, [])
        if len(set(heading)) != len(heading) or not heading:
            raise Refused("the heading is empty or names a column twice", row=1)
        for cells in reader:
            if len(cells) != len(heading):
                raise Refused(
                    f"{len(cells)} columns, and the heading has {len(heading)}",
                    row=reader.line_num,
                )
            yield reader.line_num, dict(zip(heading, cells, strict=True))
    except csv.Error:
        raise Refused("not CSV: a quote is open or misplaced", row=reader.line_num) from None


def _lines(file: IO[bytes], encoding: Encoding) -> Iterator[str]:
    """Line by line, so that a wrong character is known by its row.

    Neither encoding has the byte of a line's end inside a character.
    """
    number = 0
    while line := file.readline(_MAX_LINE_BYTES):
        number += 1
        try:
            text = line.decode(encoding)
        except UnicodeDecodeError:
            raise Refused(f"not {encoding} text", row=number) from None
        yield text.removeprefix("\ufeff") if number == 1 else text


def _fixed_rows(file: IO[bytes], layout: Layout) -> Iterator[tuple[int, Mapping[str, str]]]:
    length = max(span.start - 1 + span.width for span in layout.spans.values())
    number = 0
    while line := file.readline(_MAX_LINE_BYTES):
        number += 1
        row = line.rstrip(b"\r\n")
        if len(row) != length:
            raise Refused(f"{len(row)} bytes, and the layout has {length}", row=number)
        cells = {}
        for column, span in layout.spans.items():
            piece = row[span.start - 1 : span.start - 1 + span.width]
            try:
                cells[column] = piece.decode(layout.encoding).strip()
            except UnicodeDecodeError:
                raise Refused(f"not {layout.encoding} text", row=number, column=column) from None
        yield number, cells
