# SPDX-License-Identifier: Apache-2.0
"""Three good adapters of one department: JSON over HTTP, SOAP, and a file that is delivered."""

import csv
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar

import msgspec

from gateway.conformance import Department, Sample, Subject
from gateway.sdk import (
    Adapter,
    AdapterContext,
    AdapterContractBroken,
    AdapterUnavailable,
    CertificateType,
    Deadline,
    Field,
    Found,
    NotFound,
    Query,
    Text,
    Value,
    Verified,
)
from gateway.sdk.kits.http import HttpSource
from gateway.sdk.kits.soap import SoapSource, element, text_of
from tests.integration.conformance.desk_simulator import FIRST, NOTES, SECOND, STRANGER

SECRET = "the-secret-of-the-desk"
NOTE = CertificateType(
    name="desk.note",
    title=Text("Note", "便条"),
    schemes=("cn-id",),
    fields=(
        Field("id_number", Text("Number", "号码"), "string", "sensitive"),
        Field("name", Text("Name", "姓名")),
        Field(
            "state",
            Text("State", "状态"),
            "code",
            codes={"1": Text("open", "开放"), "2": Text("closed", "关闭")},
        ),
        Field("remark", Text("Remark", "备注")),
    ),
    ttl_s=60,
    cache_scope="case",
    holder_field="id_number",
    name_field="name",
    legal_basis=Text("Rules of the desk", "台规"),
)


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    url: str
    secret: str


class Reply(msgspec.Struct):
    rows: list[dict[str, str]]


class Desk(Adapter[Any]):
    """The desk's register of notes, JSON over HTTP."""

    plugin: ClassVar[str] = "desk"
    api_version: ClassVar[int] = 1
    department: ClassVar[Text] = Text("Desk", "服务台")
    certificates: ClassVar[tuple[CertificateType, ...]] = (NOTE,)
    settings_type: ClassVar[type[msgspec.Struct]] = Settings

    def __init__(self, settings: Any) -> None:
        super().__init__(settings)
        self.source: HttpSource | None = None

    async def open(self, context: AdapterContext) -> None:
        context.secret(self.settings.secret)
        self.source = HttpSource(self.settings.url)
        await self.source.open()

    async def ask(self, number: str, deadline: Deadline) -> list[dict[str, str]]:
        assert self.source is not None
        body = {"number": number}
        return (await self.source.call("POST", "/ask", Reply, deadline, body=body)).rows

    async def lookup(self, query: Query, deadline: Deadline) -> Found | NotFound:
        rows = await self.ask(query.holder.number, deadline)
        return Found({**rows[0]}) if rows else NotFound()

    async def verify(
        self, query: Query, claims: Mapping[str, Value], deadline: Deadline
    ) -> Verified | NotFound | None:
        rows = await self.ask(query.holder.number, deadline)
        if not rows:
            return NotFound()
        return Verified({n: "match" if rows[0][n] == v else "mismatch" for n, v in claims.items()})

    async def ping(self) -> None:
        assert self.source is not None
        await self.source.call("GET", "/health", object, Deadline.after(5))

    async def aclose(self) -> None:
        if self.source is not None:
            await self.source.aclose()


class SoapDesk(Desk):
    """The desk's register of notes, SOAP 1.1."""

    async def open(self, context: AdapterContext) -> None:
        await super().open(context)
        assert self.source is not None
        self.soap = SoapSource(self.source, "/soap")

    async def ask(self, number: str, deadline: Deadline) -> list[dict[str, str]]:
        question = element("{urn:desk}ask", {"number": number})
        note = await self.soap.call("urn:ask", question, "{urn:desk}note", deadline)
        fields = {field.name: text_of(note, field.name) for field in NOTE.fields}
        return [{n: v for n, v in fields.items() if v}] if fields["id_number"] else []


class FileSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    file: str


class FileDesk(Adapter[Any]):
    """The desk's notes as a CSV file whose last line counts the others."""

    plugin: ClassVar[str] = "desk"
    api_version: ClassVar[int] = 1
    department: ClassVar[Text] = Text("Desk", "服务台")
    certificates: ClassVar[tuple[CertificateType, ...]] = (NOTE,)
    settings_type: ClassVar[type[msgspec.Struct]] = FileSettings

    def read(self) -> tuple[list[dict[str, str]], datetime]:
        path = Path(self.settings.file)
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
            as_of = datetime.fromtimestamp(path.stat().st_mtime, UTC)
        except OSError as error:
            raise AdapterUnavailable(type(error).__name__) from None
        except UnicodeDecodeError:
            raise AdapterContractBroken("not UTF-8") from None
        if not lines or lines[-1] != f"# {len(lines) - 2}":
            raise AdapterContractBroken("the file is not whole")
        return list(csv.DictReader(lines[:-1])), as_of

    async def open(self, context: AdapterContext) -> None:
        pass

    async def lookup(self, query: Query, deadline: Deadline) -> Found | NotFound:
        rows, as_of = self.read()
        for row in rows:
            if row["id_number"] == query.holder.number:
                return Found(row, as_of)
        return NotFound(as_of)

    async def ping(self) -> None:
        self.read()

    async def aclose(self) -> None:
        pass


def write_notes(file: Path) -> None:
    rows = [",".join(note[column] for column in NOTE_COLUMNS) for note in NOTES.values()]
    text = "\n".join([",".join(NOTE_COLUMNS), *rows, f"# {len(rows)}"])
    file.write_text(text, encoding="utf-8")


NOTE_COLUMNS = tuple(field.name for field in NOTE.fields)
FOUND = tuple(Sample(number, fields=dict(NOTES[number])) for number in (FIRST, SECOND))
NOT_FOUND = (Sample(STRANGER),)


def desk_subject(port: int, adapter: type[Adapter[Any]] = Desk, **changes: Any) -> Subject:
    """An adapter of the desk that is asked over the wire."""
    address = f"127.0.0.1:{port}"
    made = Subject(
        adapter=adapter,
        settings={"url": f"http://{address}", "secret": "env:DESK"},
        secrets={"env:DESK": SECRET},
        found=FOUND,
        not_found=NOT_FOUND,
        department=Department("soap" if issubclass(adapter, SoapDesk) else "http", address),
    )
    return msgspec.structs.replace(made, **changes)


def file_subject(file: Path, adapter: type[Adapter[Any]] = FileDesk) -> Subject:
    """An adapter of the desk that reads a file."""
    return Subject(
        adapter=adapter,
        settings={"file": str(file)},
        found=FOUND,
        not_found=NOT_FOUND,
        department=Department("file", str(file)),
    )
