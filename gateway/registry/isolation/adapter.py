# SPDX-License-Identifier: Apache-2.0
"""The worker's end of an adapter in a process of its own: an adapter like any other."""

import asyncio
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from gateway.errors import (
    AdapterContractBroken,
    AdapterRefused,
    AdapterTimeout,
    AdapterUnavailable,
    DepartmentError,
    SetupError,
)
from gateway.model.answer import Found, NotFound, Verified
from gateway.model.certificate import Value
from gateway.model.site import AdapterSite
from gateway.registry.foreign import AdapterCodeBroken
from gateway.registry.isolation.frames import Answered, Ask, Failed, Method, Start
from gateway.registry.isolation.life import Life, Offences
from gateway.sdk import Adapter, AdapterContext, Changed, Deadline, Query

#: Seconds between the end of a child and the next start, by how many ended in a row unasked.
_PAUSES_S: Final = (0.1, 1.0, 2.0, 5.0, 10.0, 30.0)
#: Seconds after which a child that was started again and does not open its adapter is ended.
_OPEN_S: Final = 10.0
#: Seconds that a ping may take where the asker's own limit does not end it first.
_PING_S: Final = 5.0

_ERRORS: Final[Mapping[str, type[DepartmentError]]] = {
    kind.CODE: kind
    for kind in (AdapterUnavailable, AdapterTimeout, AdapterContractBroken, AdapterRefused)
}


class IsolatedAdapter(Adapter[Any]):
    """Passes calls on to a child, and starts another when one ends.

    Args:
        adapter: the class that runs in the child.
        site: its file; the settings have been checked.
        folder: the site's.
    """

    def __init__(self, adapter: type[Adapter[Any]], site: AdapterSite, folder: Path) -> None:
        super().__init__(site.settings)
        self._start: Final = Start(
            path=list(sys.path),
            module=adapter.__module__,
            qualname=adapter.__qualname__,
            name=site.name,
            folder=str(folder),
            settings=site.settings,
            declaration=getattr(adapter, "made_from", None),
        )
        self._offences: Offences | None = None
        self._changed: Changed | None = None
        self._life: Life | None = None
        self._keeper: asyncio.Task[None] | None = None
        self._answer_count = 0

    def report_to(self, offences: Offences) -> None:
        """Tell this one what the child does; before `open`."""
        self._offences = offences

    async def open(self, context: AdapterContext) -> None:
        """Start the child; its adapter resolves its own secrets there.

        Raises:
            SetupError: the adapter cannot be opened.
        """
        self._changed = context.changed
        life = self._life = await self._begin()
        self._keeper = asyncio.create_task(self._keep(life))

    async def lookup(self, query: Query, deadline: Deadline) -> Found | NotFound:
        """Have the child look up."""
        answer = await self._ask(_question("lookup", query, deadline))
        return _found(answer)

    async def verify(
        self, query: Query, claims: Mapping[str, Value], deadline: Deadline
    ) -> Verified | NotFound | None:
        """Have the child's adapter verify; the claims are the query's."""
        del claims
        answer = await self._ask(_question("verify", query, deadline))
        match answer.kind:
            case "None":
                return None
            case "Verified":
                return Verified(answer.values, answer.as_of)
            case _:
                return _not_found(answer)

    async def ping(self) -> None:
        """Have the child's adapter ping."""
        await self._ask(Ask("ping", Deadline.after(_PING_S).at_s))

    async def aclose(self) -> None:
        """End the child."""
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.wait((self._keeper,))
        if self._life is not None:  # not the keeper's: it may be cancelled before its first step
            await self._life.end()

    async def _begin(self) -> Life:
        assert self._offences is not None, "report_to() comes first"
        assert self._changed is not None, "open() comes first"
        return await Life.begin(self._start, self._offences, self._changed)

    async def _keep(self, life: Life) -> None:
        """Follow each life by another."""
        failures = 0
        while True:
            count = self._answer_count
            await life.over()
            self._life = None
            failures = 0 if self._answer_count > count else failures + 1
            while self._life is None:
                await asyncio.sleep(_PAUSES_S[min(failures, len(_PAUSES_S) - 1)])
                try:
                    async with asyncio.timeout(_OPEN_S):
                        life = self._life = await self._begin()
                except (SetupError, OSError):
                    failures += 1

    async def _ask(self, ask: Ask) -> Answered:
        if self._life is None:
            raise AdapterUnavailable("its process is being started again", retry_after_s=1)
        reply = await self._life.ask(ask)
        self._answer_count += 1
        if isinstance(reply, Failed):
            stated = _ERRORS.get(reply.code, AdapterContractBroken)
            kind = AdapterCodeBroken if reply.is_code else stated
            raise kind(reply.cause, retry_after_s=reply.retry_after_s)
        return reply


def _question(method: Method, query: Query, deadline: Deadline) -> Ask:
    return Ask(
        method,
        deadline.at_s,
        certificate=query.certificate.name,
        holder=query.holder,
        request_id=query.request_id,
        agency=query.agency,
        operator=query.operator,
        item=query.item,
        case=query.case,
        purpose=query.purpose,
        claims=dict(query.claims),
        division=query.division,
    )


def _found(answer: Answered) -> Found | NotFound:
    if answer.kind == "Found":
        return Found(answer.values, answer.as_of)
    return _not_found(answer)


def _not_found(answer: Answered) -> NotFound:
    if answer.kind == "NotFound":
        return NotFound(answer.as_of)
    raise AdapterCodeBroken("its process answered something else")
