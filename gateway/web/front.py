# SPDX-License-Identifier: Apache-2.0
"""The front desk: which path goes to which room, and how each reply is sent.

A lookup runs without a coroutine as far as nothing has to be waited for but its record
(`gateway.web.lookups`); all else is a task.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final, Protocol

import msgspec

from gateway.crypto.random import random_piece
from gateway.errors import RequestError
from gateway.web.docspage import render_page
from gateway.web.edge import check_framing
from gateway.web.log_pages import LOG_FOLDER, RECEIPTS_FOLDER, LogPages
from gateway.web.lookups import PATH as LOOKUPS
from gateway.web.lookups import Send
from gateway.web.metrics import LookupMetrics, exposition
from gateway.web.openapi import document, encode_document
from gateway.web.refusals import MethodUnsupported, Refusals
from gateway.web.request import Request
from gateway.web.respond import Answer, Responder

_TIDY_S: Final = 1.0

Readiness = Callable[[], Awaitable[tuple[bool, Mapping[str, str]]]]
#: Answers a request by calling `send` once, now or later.
Handler = Callable[[Request, str, Send], None]
Page = Callable[[Request, str], Awaitable[Answer]]
#: The methods that a path supports.
MethodsOf = Callable[[str], Sequence[str]]


class Folder(Protocol):
    """A page for whatever lies below a path."""

    def methods(self, path: str) -> Sequence[str]:
        """The methods that it supports there."""

    async def __call__(self, request: Request, request_id: str, /) -> Answer:
        """Answer a request by one of them."""


_NO_FOLDERS: Final[Mapping[str, Folder]] = {}


class ReadOnly(Folder):
    """What can only be read, wherever below its path."""

    def __init__(self, page: Page) -> None:
        self._page: Final = page

    def methods(self, path: str) -> Sequence[str]:  # noqa: ARG002 - the same everywhere
        """GET."""
        return ("GET",)

    async def __call__(self, request: Request, request_id: str, /) -> Answer:
        """Answer a request."""
        return await self._page(request, request_id)


class Front:
    """Request in, one buffer out.

    Args:
        lookups: answers `POST /v1/lookups`.
        refusals: answers whatever goes wrong.
        ready: whether all dependencies answer, and each by name.
        jwks: the published key set, encoded.
        pages: of the log.
        more: further handlers, by path.
        folders: further handlers of whatever lies below a path, by path.
        let_go: called each second to forget what is over.
    """

    def __init__(
        self,
        *,
        lookups: Handler,
        refusals: Refusals,
        metrics: LookupMetrics,
        responder: Responder,
        ready: Readiness,
        jwks: bytes,
        pages: LogPages,
        more: Mapping[str, tuple[str, Page]],
        folders: Mapping[str, Folder] = _NO_FOLDERS,
        let_go: Callable[[], None] = lambda: None,
    ) -> None:
        self.refuse: Final = refusals.refuse
        self._excuse: Final = refusals.excuse
        self._responder: Final = responder
        self._ready: Final = ready
        self._jwks: Final = jwks
        self._tasks: Final[set[asyncio.Task[None]]] = set()
        self._openapi: Final = encode_document()
        self._docs: Final = render_page(document())
        self._metrics: Final = metrics
        self._let_go: Final = let_go
        later = self._later
        self._routes: Final[dict[str, tuple[str, Handler]]] = {
            LOOKUPS: ("POST", lookups),
            "/healthz": ("GET", later(self._healthz)),
            "/readyz": ("GET", later(self._readyz)),
            "/metrics": ("GET", later(self._metrics_page)),
            "/.well-known/jwks.json": ("GET", later(self._jwks_page)),
            "/openapi.json": ("GET", later(self._openapi_page)),
            "/docs": ("GET", later(self._docs_page)),
            f"{LOG_FOLDER}checkpoint": ("GET", later(pages.checkpoint)),
            **{path: (method, later(page)) for path, (method, page) in more.items()},
        }
        self._folders: Final[dict[str, tuple[MethodsOf, Handler]]] = {
            path: (folder.methods, later(folder))
            for path, folder in (
                (f"{LOG_FOLDER}tile/", ReadOnly(pages.tile)),
                (RECEIPTS_FOLDER, ReadOnly(pages.receipt)),
                *folders.items(),
            )
        }

    def answer(self, request: Request, send: Send) -> None:
        """Answer one request: `send` is called once, now or later; never raises."""
        request_id = random_piece().hex()
        try:
            check_framing(request)
            found = self._routes.get(request.target)
            if found is not None and found[0] == request.method:
                found[1](request, request_id, send)
            else:
                self._route(request)(request, request_id, send)
        except Exception as error:  # noqa: BLE001 - the edge: the caller must get an answer, and no traceback
            send(self._excuse(error, request, request_id))

    def check(self, request: Request) -> None:
        """Refuse by its head alone a request whose body has yet to come.

        Raises:
            RequestError: it cannot be framed, or nobody here wants it.
        """
        check_framing(request)
        self._route(request)

    async def cancel(self) -> None:
        """End the tasks that are still running."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    def _later(self, page: Page) -> Handler:
        """Answer in a task of its own."""

        async def run(request: Request, request_id: str, send: Send) -> None:
            try:
                answer = await page(request, request_id)
            except Exception as error:  # noqa: BLE001 - as in `answer`
                answer = self._excuse(error, request, request_id)
            send(answer)

        def handle(request: Request, request_id: str, send: Send) -> None:
            task = asyncio.create_task(run(request, request_id, send))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

        return handle

    def _find(self, request: Request) -> tuple[Sequence[str], Handler]:
        path = request.path
        if (found := self._routes.get(path)) is not None:
            return found[:1], found[1]
        for folder, (methods_of, handler) in self._folders.items():
            if path.startswith(folder):
                return methods_of(path), handler
        raise RequestError("PATH_UNKNOWN")

    def _route(self, request: Request) -> Handler:
        methods, handler = self._find(request)
        if request.method not in methods:
            raise MethodUnsupported(", ".join(methods))
        return handler

    async def _healthz(self, _request: Request, _request_id: str) -> Answer:
        return self._responder.publish(200, "application/json", b'{"status":"ok"}')

    async def _readyz(self, _request: Request, _request_id: str) -> Answer:
        ready, parts = await self._ready()
        body = msgspec.json.encode({"ready": ready, "dependencies": parts})
        return self._responder.publish(200 if ready else 503, "application/json", body)

    async def tidy_forever(self) -> None:
        """Hand over what was counted, each second and at the end; forget what is over."""
        try:
            while True:
                await asyncio.sleep(_TIDY_S)
                self._metrics.flush()
                self._let_go()
        finally:
            self._metrics.flush()

    async def _metrics_page(self, _request: Request, _request_id: str) -> Answer:
        self._metrics.flush()
        return self._responder.publish(200, *exposition())

    async def _jwks_page(self, _request: Request, _request_id: str) -> Answer:
        return self._responder.publish(200, "application/jwk-set+json", self._jwks)

    async def _openapi_page(self, _request: Request, _request_id: str) -> Answer:
        return self._responder.publish(200, "application/json", self._openapi)

    async def _docs_page(self, _request: Request, _request_id: str) -> Answer:
        return self._responder.publish(200, "text/html; charset=utf-8", self._docs)
