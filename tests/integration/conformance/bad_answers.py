# SPDX-License-Identifier: Apache-2.0
"""Adapters that answer wrongly, or map failures wrongly. One for each check of D, E and F."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import msgspec

from gateway.conformance import Subject
from gateway.sdk import (
    Adapter,
    AdapterContext,
    AdapterContractBroken,
    AdapterRefused,
    AdapterUnavailable,
    Deadline,
    DepartmentError,
    Found,
    NotFound,
    Query,
    Value,
    Verified,
)
from tests.integration.conformance.bad_declared import declaring, of
from tests.integration.conformance.desk import Desk, FileDesk, SoapDesk, file_subject


class Changing(Desk):
    """Answers what `change` makes of the record."""

    async def lookup(self, query: Query, deadline: Deadline) -> Found | NotFound:
        answer = await super().lookup(query, deadline)
        return self.change(answer) if isinstance(answer, Found) else answer

    def change(self, answer: Found) -> Found:
        return answer


class Shorter(Changing):
    """Leaves a field out."""

    def change(self, answer: Found) -> Found:
        return Found({n: v for n, v in answer.fields.items() if n != "remark"})


class Undeclared(Changing):
    """Adds a field that it did not declare."""

    def change(self, answer: Found) -> Found:
        return Found({**answer.fields, "shoe_size": "43"})


class Early(Changing):
    """Vouches for tomorrow."""

    def change(self, answer: Found) -> Found:
        return Found(answer.fields, datetime.now(UTC) + timedelta(days=1))


class Shared(Desk):
    """Gives the same mapping away each time."""

    kept: dict[str, dict[str, str]]

    async def lookup(self, query: Query, deadline: Deadline) -> Found | NotFound:
        self.__dict__.setdefault("kept", {})
        number = query.holder.number
        if number not in self.kept:
            rows = await self.ask(number, deadline)
            if not rows:
                return NotFound()
            self.kept[number] = rows[0]
        return Found(self.kept[number])


class Agreeable(Desk):
    """Verifies whatever is claimed, of whomever."""

    async def verify(
        self, query: Query, claims: Mapping[str, Value], deadline: Deadline
    ) -> Verified | NotFound | None:
        return Verified(dict.fromkeys(claims, "match"))


class Reversed(Desk):
    """Answers many questions in the order in which the answers came."""

    async def lookup_many(
        self, queries: Sequence[Query], deadline: Deadline
    ) -> list[Found | NotFound | DepartmentError]:
        return [*(await super().lookup_many(queries, deadline))[1:], NotFound()]


class Absent(Desk):
    """Raises when there is no record."""

    async def lookup(self, query: Query, deadline: Deadline) -> Found | NotFound:
        answer = await super().lookup(query, deadline)
        if isinstance(answer, NotFound):
            raise AdapterContractBroken("no row")
        return answer


class Hopeful(Desk):
    """Says *not found* whenever anything goes wrong."""

    async def lookup(self, query: Query, deadline: Deadline) -> Found | NotFound:
        try:
            return await super().lookup(query, deadline)
        except DepartmentError:
            return NotFound()


class Offended(Desk):
    """Never asks again after it failed once."""

    failed = False

    async def lookup(self, query: Query, deadline: Deadline) -> Found | NotFound:
        if self.failed:
            raise AdapterUnavailable("failed before")
        try:
            return await super().lookup(query, deadline)
        except DepartmentError:
            self.failed = True
            raise


def raising(kind: type[DepartmentError], base: type[Desk] = Desk) -> type[Desk]:
    """An adapter that has one error for everything."""

    async def lookup(self: Desk, query: Query, deadline: Deadline) -> Found | NotFound:
        try:
            return await base.lookup(self, query, deadline)
        except DepartmentError:
            raise kind from None

    return type("Raising", (base,), {"lookup": lookup, "__doc__": "One error for all."})


class Bare(Desk):
    """Asks with a client of its own, and takes whatever comes."""

    follow = False

    async def open(self, context: AdapterContext) -> None:
        self.session = aiohttp.ClientSession()

    async def ask(self, number: str, deadline: Deadline) -> list[dict[str, str]]:
        url = f"{self.settings.url}/ask"
        async with (
            asyncio.timeout(deadline.remaining_s),
            self.session.post(
                url, json={"number": number}, allow_redirects=self.follow
            ) as response,
        ):
            return self.rows(await response.read())

    def rows(self, body: bytes) -> list[dict[str, str]]:
        try:
            found: list[dict[str, str]] = msgspec.json.decode(body)["rows"]
        except (msgspec.DecodeError, KeyError, TypeError):
            raise AdapterContractBroken("unreadable") from None
        return found

    async def aclose(self) -> None:
        await self.session.close()


class Following(Bare):
    """Goes wherever it is sent."""

    follow = True


class Lenient(SoapDesk):
    """Reads an envelope with a DOCTYPE as an empty one."""

    async def ask(self, number: str, deadline: Deadline) -> list[dict[str, str]]:
        try:
            return await super().ask(number, deadline)
        except AdapterContractBroken:
            return []


class Optimist(FileDesk):
    """Finds nothing in a file that is missing or that ends half-way."""

    def read(self) -> tuple[list[dict[str, str]], datetime]:
        try:
            return super().read()
        except DepartmentError:
            return [], datetime.now(UTC)


class Fresh(FileDesk):
    """Vouches for now, however old the file is."""

    def read(self) -> tuple[list[dict[str, str]], datetime]:
        rows, _ = super().read()
        return rows, datetime.now(UTC)


class Loud(FileDesk):
    """Lets the decoder's own error out."""

    def read(self) -> tuple[list[dict[str, str]], datetime]:
        Path(self.settings.file).read_text(encoding="utf-8")
        return super().read()


class Cheerful(Desk):
    """Is always well."""

    async def ping(self) -> None:
        pass


ANSWERS: dict[str, Callable[[int], Subject]] = {
    "YZ-D01": of(Shorter),
    "YZ-D02": of(Undeclared),
    "YZ-D03": of(Early),
    "YZ-D04": of(declaring(holder_field=None)),
    "YZ-D05": of(Shared),
    "YZ-D06": of(Agreeable),
    "YZ-D07": of(Agreeable),
    "YZ-D08": of(Reversed),
    "YZ-E01": of(Absent),
    "YZ-E02": of(Hopeful),
    "YZ-E03": of(Hopeful),
    "YZ-E04": of(Hopeful),
    "YZ-E05": of(Hopeful),
    "YZ-E06": of(Hopeful),
    "YZ-E09": of(Offended),
    "YZ-F01": of(raising(AdapterContractBroken)),
    "YZ-F02": of(raising(AdapterContractBroken)),
    "YZ-F03": of(raising(AdapterContractBroken)),
    "YZ-F04": of(raising(AdapterRefused)),
    "YZ-F05": of(raising(AdapterRefused)),
    "YZ-F06": of(raising(AdapterRefused)),
    "YZ-F07": of(raising(AdapterContractBroken)),
    "YZ-F08": of(raising(AdapterUnavailable)),  # which loses Retry-After
    "YZ-F09": of(raising(AdapterContractBroken)),
    "YZ-F10": of(Following),
    "YZ-F11": of(raising(AdapterRefused)),
    "YZ-F12": of(Bare),
    "YZ-F13": of(raising(AdapterRefused, SoapDesk)),
    "YZ-F14": of(Lenient),
    "YZ-F17": of(Cheerful),
}

FILES: dict[str, type[Adapter[Any]]] = {
    "YZ-E07": Optimist,
    "YZ-E08": Optimist,
    "YZ-F15": Loud,
    "YZ-F16": Fresh,
}


def of_file(check_id: str, file: Path) -> Subject:
    return file_subject(file, FILES[check_id])
