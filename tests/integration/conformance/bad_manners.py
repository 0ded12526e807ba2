# SPDX-License-Identifier: Apache-2.0
"""Adapters that tell, block, or leave things behind. One for each check of K to N."""

import asyncio
import logging
import socket
import sys
import time
from collections.abc import Callable
from typing import Any

import aiohttp

from gateway.conformance import Subject
from gateway.sdk import (
    AdapterContext,
    AdapterUnavailable,
    Deadline,
    DepartmentError,
    Found,
    NotFound,
    Query,
    SetupError,
)
from gateway.sdk.kits.http import HttpSource
from tests.integration.conformance.bad_declared import of
from tests.integration.conformance.bad_import import Hasty
from tests.integration.conformance.bad_timing import linger
from tests.integration.conformance.desk import Desk
from tests.integration.conformance.desk_simulator import FIRST


class Forgetful(Desk):
    """Leaves a task behind with each life."""

    async def lookup(self, query: Query, deadline: Deadline) -> Found | NotFound:
        self.task = asyncio.create_task(linger())
        return await super().lookup(query, deadline)


class Logging(Desk):
    """Writes to the log whom it asks about."""

    async def lookup(self, query: Query, deadline: Deadline) -> Found | NotFound:
        logging.getLogger("desk").debug("asking about %s", query.holder.number)
        return await super().lookup(query, deadline)


class Printing(Desk):
    """Prints what it found."""

    async def lookup(self, query: Query, deadline: Deadline) -> Found | NotFound:
        answer = await super().lookup(query, deadline)
        sys.stderr.write(f"{answer.fields if isinstance(answer, Found) else answer}\n")
        return answer


class Quoting(Desk):
    """Raises with what it was asked, chained behind its own error."""

    async def lookup(self, query: Query, deadline: Deadline) -> Found | NotFound:
        try:
            return await super().lookup(query, deadline)
        except DepartmentError as error:
            quoted = ValueError(query.holder.number)
            raise AdapterUnavailable(type(error).__name__) from quoted


class Addressed(Desk):
    """Asks by a number in the URL."""

    async def ask(self, number: str, deadline: Deadline) -> list[dict[str, str]]:
        url = f"{self.settings.url}/ask?number={number}"
        async with aiohttp.request("GET", url) as response:
            rows: list[dict[str, str]] = (await response.json())["rows"]
            return rows


class Curious(Desk):
    """Pings by asking about somebody."""

    async def ping(self) -> None:
        await self.ask(FIRST, Deadline.after(5))


class Open(Desk):
    """Shows its secret in its representation."""

    async def open(self, context: AdapterContext) -> None:
        await super().open(context)
        self.secret = context.secret(self.settings.secret)

    def __repr__(self) -> str:
        return f"Open({getattr(self, 'secret', '')})"


class Blocking(Desk):
    """Sleeps on everybody's loop."""

    async def lookup(self, query: Query, deadline: Deadline) -> Found | NotFound:
        time.sleep(0.08)  # noqa: ASYNC251 - the mistake
        return await super().lookup(query, deadline)

    async def ping(self) -> None:
        time.sleep(0.08)  # noqa: ASYNC251 - the mistake
        await super().ping()


class Eager(Desk):
    """Makes a socket as soon as it is made."""

    def __init__(self, settings: Any) -> None:
        super().__init__(settings)
        with socket.socket() as bound:
            bound.bind(("127.0.0.1", 0))


class Greeting(Desk):
    """Calls the department when it is opened."""

    async def open(self, context: AdapterContext) -> None:
        await super().open(context)
        await self.ping()


class Strict(Desk):
    """Can be closed only when it is open."""

    async def aclose(self) -> None:
        if self.source is None:
            raise RuntimeError("not open")
        await self.source.aclose()


class Careless(Desk):
    """Goes on without its secret."""

    async def open(self, context: AdapterContext) -> None:
        try:
            await super().open(context)
        except SetupError:
            self.source = HttpSource(self.settings.url)


class Heavy(Desk):
    """Spends 20 ms of the processor on each lookup."""

    async def lookup(self, query: Query, deadline: Deadline) -> Found | NotFound:
        until_s = time.thread_time() + 0.02
        while time.thread_time() < until_s:
            pass
        return await super().lookup(query, deadline)


MANNERS: dict[str, Callable[[int], Subject]] = {
    "YZ-K01": of(Logging),
    "YZ-K02": of(Printing),
    "YZ-K03": of(Quoting),
    "YZ-K04": of(Addressed),
    "YZ-K05": of(Curious),
    "YZ-K06": of(Open),
    "YZ-L01": of(Blocking),
    "YZ-L02": of(Blocking),
    "YZ-M01": of(Eager),
    "YZ-M02": of(Hasty),
    "YZ-M03": of(Greeting),
    "YZ-M04": of(Greeting),
    "YZ-M05": of(Strict),
    "YZ-M06": of(Forgetful),
    "YZ-M07": of(Careless),
    "YZ-N01": of(Hasty),
    "YZ-N02": of(Heavy),
}
