# SPDX-License-Identifier: Apache-2.0
"""An adapter that does as a question's purpose says, for a process that can be lost."""

import asyncio
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gateway.sdk import (
    AdapterContext,
    AdapterContractBroken,
    AdapterRefused,
    Deadline,
    Found,
    NotFound,
    Query,
    SetupError,
    Value,
    Verified,
)
from tests.unit.registry.desk import FOUND, NUMBER, OTHER, Desk


class Isolated(Desk):
    secret = ""

    async def open(self, context: AdapterContext) -> None:
        self.changed = context.changed
        if self.settings.secret is not None:
            self.secret = context.secret(self.settings.secret)
        if self.settings.tries == 0:
            raise SetupError("tries nothing", remedy="try.")
        if self.settings.tries == 13:
            os.abort()
        if self.settings.tries == 7:
            self._open_once(Path(self.secret))

    def _open_once(self, lives: Path) -> None:
        """The second life hangs, in code that no cancellation reaches. Each leaves its number."""
        with lives.open("a") as file:
            print(os.getpid(), file=file)
        is_second = len(lives.read_text().split()) == 2
        while is_second:
            pass

    async def lookup(self, query: Query, deadline: Deadline) -> Found | NotFound:
        match query.purpose:
            case "abort":
                os.abort()
            case "exit":
                sys.exit(3)
            case "hang":
                while True:
                    pass
            case "tell":
                await self.changed("cn-id", NUMBER, ["desk.note"])
            case "tell wrongly":
                try:
                    await self.changed("cn-id", "1")
                except ValueError as error:
                    return Found({"id_number": NUMBER, "name": str(error)})
            case "wait":
                await asyncio.Event().wait()
            case "forget":
                forgotten = asyncio.create_task(self._fail("13800138000"))
                await asyncio.wait([forgotten])
            case _:
                pass
        return self._answer(query)

    async def _fail(self, phone: str) -> None:
        raise KeyError(phone)

    async def aclose(self) -> None:
        if self.settings.tries == 9:
            await self._fail("13800138000")

    def _answer(self, query: Query) -> Found | NotFound:
        shown = {
            "secret": f"{len(self.secret)} characters",
            "where": f"{os.getpid()} {query.division} {query.claims}",
        }
        match query.purpose:
            case "nobody":
                return NotFound()
            case "somebody else":
                return Found({"id_number": OTHER})
            case "refuse":
                raise AdapterRefused("HTTP 403", retry_after_s=7)
            case "misread":
                raise AdapterContractBroken("not JSON")
            case "too large":
                return Found({"id_number": NUMBER, "count": 10**30})
            case "raise":
                raise ValueError(query.holder.number)
            case _:
                pass
        if query.purpose in shown:
            return Found({"id_number": NUMBER, "name": shown[query.purpose]})
        return FOUND

    async def verify(
        self, query: Query, claims: Mapping[str, Value], deadline: Deadline
    ) -> Verified | NotFound | None:
        if query.purpose == "leave it":
            return None
        return Verified({name: "match" if value else "mismatch" for name, value in claims.items()})

    async def ping(self) -> None:
        pass


def settings(**changes: Any) -> dict[str, Any]:
    return {"url": "http://desk.example", **changes}
