# SPDX-License-Identifier: Apache-2.0
"""A declared question over HTTP, over SQL, or of a file drop, with the kits of the same names."""

from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Annotated, Any, Final, Protocol

import msgspec
from msgspec import Meta

from gateway.errors import AdapterContractBroken, AdapterUnavailable, DepartmentError, Text
from gateway.model.answer import Found, NotFound
from gateway.model.certificate import Field, Value
from gateway.sdk.adapter import AdapterContext, Deadline, Query
from gateway.sdk.kits.convert import convert, fields_of, member
from gateway.sdk.kits.declarative.declaration import (
    CertificateDeclaration,
    Declaration,
    Http,
    Ping,
)
from gateway.sdk.kits.declarative.template import fill, value_of
from gateway.sdk.kits.filedrop.load import Meaning
from gateway.sdk.kits.filedrop.source import FileDropSource
from gateway.sdk.kits.http import HttpSource
from gateway.sdk.kits.http_settings import HttpSettings, Reference, http_source
from gateway.sdk.kits.returncodes import PROVINCIAL, ReturnCode, failure_of
from gateway.sdk.kits.sql import SqlSource

PING_S: Final = 5.0


class SqlSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`[settings]` of an adapter that asks a database.

    Attributes:
        dsn: reference to `postgresql://…` or `sqlite:///…`.
        connections: sessions at most, for each worker.
    """

    dsn: Reference
    connections: Annotated[int, Meta(ge=1, le=100)] = 8


class FileSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`[settings]` of an adapter to which files are delivered.

    Attributes:
        folder: where deliveries come, absolute; the gateway only reads there.
        state: where the index is kept, absolute; the gateway's own, since it holds the records.
        poll_s: seconds between two looks into the folder.
    """

    folder: Annotated[str, Meta(pattern="^/.")]
    state: Annotated[str, Meta(pattern="^/.")]
    poll_s: Annotated[float, Meta(ge=0.1, le=3600)] = 30.0


class Questions(Protocol):
    """One way to ask all that an adapter declares."""

    async def open(self) -> None:
        """Build clients; connects to nothing."""

    async def aclose(self) -> None:
        """Release everything."""

    async def lookup(self, query: Query, deadline: Deadline) -> Found | NotFound:
        """Ask for one certificate."""

    async def ping(self) -> None:
        """Ask whether the system works."""


class HttpQuestions:
    """Over HTTP."""

    def __init__(
        self, declared: Declaration, settings: HttpSettings, context: AdapterContext
    ) -> None:
        self.source: Final[HttpSource] = http_source(settings, context)
        self._ping: Final[Ping] = declared.ping
        self._certificates: Final = {c.name: _HttpQuestion(c) for c in declared.certificates}

    async def open(self) -> None:
        """Make the session."""
        await self.source.open()

    async def aclose(self) -> None:
        """Close the session."""
        await self.source.aclose()

    async def lookup(self, query: Query, deadline: Deadline) -> Found | NotFound:
        """Ask by POST; every declared question is idempotent."""
        question = self._certificates[query.certificate.name]
        return await self.source.exchange(
            "POST",
            question.http.path,
            question.answer,
            deadline,
            body=msgspec.json.encode(fill(question.http.body, query)),
            headers={"Accept": "application/json", "Content-Type": "application/json"},
            idempotent=True,
        )

    async def ping(self) -> None:
        """Ask by GET."""
        assert self._ping.path is not None, "the declaration was checked"
        said = await self.source.call("GET", self._ping.path, object, Deadline.after(PING_S))
        test = self._ping.test
        if test is not None and _text(member(said, test.member)) not in test.values:
            raise AdapterUnavailable("it says that it is down")


class _HttpQuestion:
    """What one certificate's answers mean."""

    def __init__(self, declared: CertificateDeclaration) -> None:
        assert declared.http is not None, "the declaration was checked"
        self.http: Final[Http] = declared.http
        self._type: Final = declared.type()
        self._origins: Final = declared.origins()
        own = tuple(_own_code(code, kind) for code, kind in declared.http.failures.items())
        self._codes: Final = own + (PROVINCIAL if declared.http.provincial else ())
        self._decoder: Final = msgspec.json.Decoder(float_hook=Decimal)

    def answer(self, _status: int, content: bytes) -> Found | NotFound:
        """Make an answer of a body."""
        try:
            said = self._decoder.decode(content)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise AdapterContractBroken("the answer is not JSON") from None
        except InvalidOperation:
            raise AdapterContractBroken("the answer has a number beyond all measure") from None
        if self.http.code is not None:
            code = _text(member(said, self.http.code))
            if code in self.http.not_found:
                return NotFound()
            if code not in self.http.success:
                raise self._failure(code)
        record = self._record(said)
        return NotFound() if record is None else Found(fields_of(record, self._type, self._origins))

    def _failure(self, code: str) -> DepartmentError:
        return failure_of(code, self._codes)

    def _record(self, said: object) -> dict[str, Any] | None:
        parent, _, last = self.http.records.rpartition(".")
        holder = member(said, parent) if parent else said
        if not isinstance(holder, dict) or last not in holder:
            raise AdapterContractBroken("the answer has no records where they were declared")
        records = holder[last]
        if records is None:
            return None
        several = records if isinstance(records, list) else [records]
        if not all(isinstance(record, dict) for record in several):
            raise AdapterContractBroken("a record is no JSON object")
        if len(several) > 1:
            return self._newest(several)
        return several[0] if several else None

    def _newest(self, records: list[dict[str, Any]]) -> dict[str, Any]:
        if self.http.newest is None:
            raise AdapterContractBroken("several records, and only one was declared")
        origin = self._origins[self.http.newest]
        [field] = (f for f in self._type.fields if f.name == self.http.newest)
        ranks = [_rank(convert(member(r, origin.source), field, origin), field) for r in records]
        newest = max(ranks)
        if ranks.count(newest) > 1:
            raise AdapterContractBroken("which record is the newest cannot be told")
        return records[ranks.index(newest)]


class SqlQuestions:
    """Over SQL."""

    def __init__(
        self, declared: Declaration, settings: SqlSettings, context: AdapterContext
    ) -> None:
        self._source: Final = SqlSource(
            context.secret(settings.dsn), connections=settings.connections
        )
        self._ping: Final[Ping] = declared.ping
        self._certificates: Final = {
            c.name: (c.sql, c.type(), c.origins()) for c in declared.certificates
        }

    async def open(self) -> None:
        """Make the pool."""
        await self._source.open()

    async def aclose(self) -> None:
        """Close the pool."""
        await self._source.aclose()

    async def lookup(self, query: Query, deadline: Deadline) -> Found | NotFound:
        """Run the statement."""
        sql, certificate, origins = self._certificates[query.certificate.name]
        assert sql is not None, "the declaration was checked"
        parameters = (value_of(name, query) for name in sql.parameters)
        rows = await self._source.fetch(sql.statement, *parameters, deadline=deadline)
        if len(rows) > 1:
            raise AdapterContractBroken("several rows, and only one was declared")
        return Found(fields_of(rows[0], certificate, origins)) if rows else NotFound()

    async def ping(self) -> None:
        """Run the ping's statement."""
        assert self._ping.statement is not None, "the declaration was checked"
        await self._source.fetch(self._ping.statement, deadline=Deadline.after(PING_S))


class FileQuestions:
    """Of a file drop; one source for each certificate."""

    def __init__(
        self, declared: Declaration, settings: FileSettings, context: AdapterContext
    ) -> None:
        self._certificates: Final = {c.name: c for c in declared.certificates}
        self._sources: Final = {
            c.name: _file_source(c, settings, context) for c in declared.certificates
        }

    async def open(self) -> None:
        """Begin to watch the folder."""
        for source in self._sources.values():
            await source.open()

    async def aclose(self) -> None:
        """Stop watching."""
        for source in self._sources.values():
            await source.aclose()

    async def lookup(self, query: Query, deadline: Deadline) -> Found | NotFound:
        """Read the index."""
        name = query.certificate.name
        keys = (query.claims.get(key) for key in self._certificates[name].key_fields)
        return await self._sources[name].lookup(query.holder.number, *keys, deadline=deadline)

    async def ping(self) -> None:
        """Look at the deliveries in use."""
        for source in self._sources.values():
            await source.ping()


def _file_source(
    declared: CertificateDeclaration, settings: FileSettings, context: AdapterContext
) -> FileDropSource:
    assert declared.file is not None, "the declaration was checked"
    assert declared.holder_field is not None, "the declaration was checked"
    return FileDropSource(
        f"{context.name}-{declared.name}",
        Path(settings.folder),
        Path(settings.state),
        Meaning(declared.file, declared.type(), declared.origins(), declared.holder_field),
        poll_s=settings.poll_s,
    )


def _rank(value: Value, field: Field) -> tuple[bool, Any]:
    """What values of one field are compared by: numbers as numbers, and any is above none."""
    is_number = field.type in {"integer", "decimal"}
    return value is not None, Decimal(str(value)) if is_number and value is not None else value


def _own_code(code: str, failure: Any) -> ReturnCode:
    return ReturnCode((code,), Text("declared", "已声明"), failure)


def _text(value: object) -> str:
    """A code as text; JSON's own words for a truth value."""
    return ("true" if value else "false") if isinstance(value, bool) else str(value)
