# SPDX-License-Identifier: Apache-2.0
"""From a delivery to an index: `python -m gateway.sdk.kits.filedrop.load`, started by `source`.

Standard input is one JSON `Job`; standard output is one JSON `Report`, and the exit code is 0 also
where the delivery was refused: that is an answer. Memory does not grow with the file.
"""

import os
import re
import sqlite3
import sys
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from datetime import datetime
from fcntl import LOCK_EX, flock
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Final
from urllib.parse import quote

import msgspec

from gateway.crypto.digest import sha256, sha256_of
from gateway.errors import AdapterContractBroken
from gateway.model.certificate import CertificateType, Value
from gateway.sdk.kits.convert import Origin, convert
from gateway.sdk.kits.filedrop.layout import Layout, Refused, checksum_file, rows

#: Grows with the tables of the index.
SCHEMA: Final = 2
#: Joins the parts of a key; no identifier has it.
KEY_SEPARATOR: Final = "\x1f"
_CHUNK_BYTES: Final = 1 << 20
_CHECKSUM: Final = re.compile(r"([0-9a-fA-F]{64}) [ *](.+)")
_TABLES: Final = """
CREATE TABLE delivery (
    as_of TEXT NOT NULL, form TEXT NOT NULL, name TEXT NOT NULL, rows INTEGER NOT NULL,
    digest TEXT NOT NULL
);
CREATE TABLE record (key TEXT PRIMARY KEY, fields TEXT NOT NULL) WITHOUT ROWID;
"""


class Meaning(msgspec.Struct, frozen=True):
    """What the rows of a delivery mean.

    Attributes:
        layout: of the delivery.
        certificate: what a row becomes.
        origins: for each field of the certificate, where it comes from.
        holder: the field by which a row is asked for, with the certificate's `key_fields`.
    """

    layout: Layout
    certificate: CertificateType
    origins: Mapping[str, Origin]
    holder: str

    @property
    def keys(self) -> tuple[str, ...]:
        """Fields by which a row is asked for, in order."""
        return (self.holder, *self.certificate.key_fields)

    @property
    def form(self) -> str:
        """Changes when rows become other fields: an index of another form is built anew."""
        return sha256(msgspec.json.encode((SCHEMA, self), order="deterministic")).hex()


class Job(msgspec.Struct, frozen=True):
    """What to load.

    Attributes:
        delivery: the data file.
        as_of: of the delivery.
        index: where the index goes; a file beside it is the lock.
        meaning: of the rows.
    """

    delivery: str
    as_of: datetime
    index: str
    meaning: Meaning


class Report(msgspec.Struct, frozen=True):
    """What came of it.

    Attributes:
        rows: of the index; None where the delivery was refused.
        refused: why it was refused; names row and column, and no value.
    """

    rows: int | None = None
    refused: str | None = None


def load(job: Job) -> Report:
    """Build the index, and put it in the old one's place; one process at a time does.

    Raises:
        OSError: the delivery cannot be read, or the index cannot be written.
    """
    index = Path(job.index)
    with _alone(index):
        held = held_by(index)
        stated = stated_digest(Path(job.delivery))
        if held is not None and (held.as_of, held.form, held.digest) == (
            job.as_of,
            job.meaning.form,
            stated,
        ):
            return Report(rows=held.rows)  # another worker's loader was faster
        unfinished = index.with_suffix(".new")
        unfinished.unlink(missing_ok=True)
        unfinished.touch(mode=0o600)
        try:
            count = _build(job, unfinished, stated)
        except Refused as refused:
            unfinished.unlink()
            return Report(refused=str(refused))
        unfinished.replace(index)
        return Report(rows=count)


class Held(msgspec.Struct, frozen=True):
    """What an index says of itself."""

    as_of: datetime
    form: str
    rows: int
    digest: str


def held_by(index: Path) -> Held | None:
    """What an index holds; None without a usable one."""
    try:
        with closing(sqlite3.connect(f"file:{quote(str(index))}?mode=ro", uri=True)) as connection:
            row = connection.execute("SELECT as_of, form, rows, digest FROM delivery").fetchone()
    except sqlite3.Error:
        return None
    return Held(datetime.fromisoformat(row[0]), *row[1:])


def _build(job: Job, unfinished: Path, stated: str | None) -> int:
    delivery = Path(job.delivery)
    with (
        TemporaryFile(dir=unfinished.parent) as file,
        closing(sqlite3.connect(unfinished, isolation_level=None)) as connection,
    ):
        _copy(delivery, file, stated)
        file.seek(0)
        connection.execute("PRAGMA journal_mode = OFF")  # a half-made index is thrown away
        connection.execute("PRAGMA synchronous = OFF")
        connection.executescript(_TABLES)
        connection.execute("BEGIN")
        count = 0
        for number, key, fields in _records(file, job.meaning):
            try:
                connection.execute("INSERT INTO record VALUES (?, ?)", (key, fields))
            except sqlite3.IntegrityError:
                raise Refused(
                    "repeats the key of an earlier row",
                    row=number,
                    column=job.meaning.origins[job.meaning.holder].source,
                ) from None
            count += 1
        connection.execute(
            "INSERT INTO delivery VALUES (?, ?, ?, ?, ?)",
            (job.as_of.isoformat(), job.meaning.form, delivery.name, count, stated),
        )
        connection.execute("COMMIT")
    with unfinished.open("rb") as file:
        os.fsync(file.fileno())
    return count


def stated_digest(delivery: Path) -> str | None:
    """What the checksum file of a delivery states, in lower case; None where it is no such file.

    Raises:
        OSError: it cannot be read.
    """
    text = checksum_file(delivery).read_text(encoding="ascii", errors="replace")
    stated = _CHECKSUM.fullmatch(text.strip())
    return stated[1].lower() if stated is not None else None


def _copy(delivery: Path, copy: IO[bytes], stated: str | None) -> None:
    """Copy what is read while its digest is taken: the department may still write to its file."""
    if stated is None:
        raise Refused("the checksum file is not `<sha256>  <name>`")

    def chunks() -> Iterator[bytes]:
        with delivery.open("rb") as file:
            while chunk := file.read(_CHUNK_BYTES):
                copy.write(chunk)
                yield chunk

    if sha256_of(chunks()).hex() != stated:
        raise Refused("the checksum is another: the file was changed or cut short")


def _records(file: IO[bytes], meaning: Meaning) -> Iterator[tuple[int, str, bytes]]:
    types = {field.name: field for field in meaning.certificate.fields}
    encode = msgspec.json.Encoder().encode
    for number, cells in rows(file, meaning.layout):
        fields: dict[str, Value] = {}
        for name, origin in meaning.origins.items():
            if origin.source not in cells:
                raise Refused("the heading does not have it", row=1, column=origin.source)
            try:
                fields[name] = convert(cells[origin.source], types[name], origin)
            except AdapterContractBroken as error:
                raise Refused(error.cause, row=number, column=origin.source) from None
        for name in meaning.keys:
            if fields[name] is None:
                raise Refused("a key is empty", row=number, column=meaning.origins[name].source)
        if (holder := str(fields[meaning.holder])) != holder.upper():
            raise Refused(  # nobody would ever find it: questions come in capitals
                "a holder's number in small letters; declare it with `upper = true`",
                row=number,
                column=meaning.origins[meaning.holder].source,
            )
        yield number, key_of(*(fields[name] for name in meaning.keys)), encode(fields)


def key_of(*parts: Value) -> str:
    """The key of a record: the holder's number, then the certificate's key fields."""
    return KEY_SEPARATOR.join(str(part) for part in parts)


@contextmanager
def _alone(index: Path) -> Iterator[None]:
    """Hold the index's lock: workers start their loaders at the same time."""
    with index.with_suffix(".lock").open("w") as lock:
        flock(lock, LOCK_EX)
        yield


def main() -> None:
    """Do one job."""
    os.nice(10)  # requests come first
    job = msgspec.json.decode(sys.stdin.buffer.read(), type=Job)
    sys.stdout.buffer.write(msgspec.json.encode(load(job)))


if __name__ == "__main__":
    main()
