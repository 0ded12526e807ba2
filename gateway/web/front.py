# SPDX-License-Identifier: Apache-2.0
"""The front desk: which path goes to which room, and how each reply is sent.

Every failure ends here: a refusal becomes a problem document, an unforeseen error becomes INTERNAL
without a word of what it said.

A lookup runs without a coroutine as far as nothing has to be waited for but its record
(`gateway.web.lookups`); all else is a task.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

import msgspec
import structlog

from gateway.crypto.random import random_piece
from gateway.errors import GatewayError, RequestError
from gateway.exchange.reply import Refused, problem_reply
from gateway.web.docspage import render_page
from gateway.web.edge import check_framing, signed_view
from gateway.web.log_pages import LOG_FOLDER, RECEIPTS_FOLDER, LogPages
from gateway.web.lookups import LookupDesk, Send
from gateway.web.metrics import LookupMetrics, exposition
from gateway.web.openapi import document, encode_document
from gateway.web.request import Request
from gateway.web.respond import Answer, Responder
from gateway.web.sandbox import base_to_show

_log = structlog.get_logger()

_FLUSH_S: Final = 1.0

Readiness = Callable[[], Awaitable[tuple[bool, Mapping[str, str]]]]
#: Answers a request by calling `send` once, now or later.
Handler = Callable[[Request, str, Send], None]
Page = Callable[[Request, str], Awaitable[Answer]]


class FrontSettings(msgspec.Struct, frozen=True):
    """Limits of the door.

    Attributes:
        default_port: `:80` behind plain HTTP, `:443` behind TLS.
        sandbox: refusals of who asks show the signature base.
    """

    default_port: str = ":80"
    sandbox: bool = False


class Front:
    """Request in, one buffer out.

    Args:
        lookups: answers `POST /v1/lookups`.
        ready: whether all dependencies answer, and each by name.
        jwks: the published key set, encoded.
        pages: of the log.
        more: further handlers, by path.
    """

    def __init__(
        self,
        *,
        lookups: LookupDesk,
        metrics: LookupMetrics,
        responder: Responder,
        ready: Readiness,
        jwks: bytes,
        pages: LogPages,
        more: Mapping[str, tuple[str, Page]],
        settings: FrontSettings,
    ) -> None:
        lookups.excuse = self._excuse
        self._responder: Final = responder
        self._ready: Final = ready
        self._jwks: Final = jwks
        self._settings: Final = settings
        self._tasks: Final[set[asyncio.Task[None]]] = set()
        self._openapi: Final = encode_document()
        self._docs: Final = render_page(document())
        self._metrics: Final = metrics
        later = self._later
        self._routes: Final[dict[str, tuple[str, Handler]]] = {
            "/v1/lookups": ("POST", lookups),
            "/healthz": ("GET", later(self._healthz)),
            "/readyz": ("GET", later(self._readyz)),
            "/metrics": ("GET", later(self._metrics_page)),
            "/.well-known/jwks.json": ("GET", later(self._jwks_page)),
            "/openapi.json": ("GET", later(self._openapi_page)),
            "/docs": ("GET", later(self._docs_page)),
            f"{LOG_FOLDER}checkpoint": ("GET", later(pages.checkpoint)),
            **{path: (method, later(page)) for path, (method, page) in more.items()},
        }
        self._folders: Final[dict[str, tuple[str, Handler]]] = {
            f"{LOG_FOLDER}tile/": ("GET", later(pages.tile)),
            RECEIPTS_FOLDER: ("GET", later(pages.receipt)),
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

    def refuse(self, error: RequestError) -> Answer:
        """Answer bytes that were no HTTP request."""
        return self._refuse(error, random_piece().hex())

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

    def _excuse(self, error: Exception, request: Request, request_id: str) -> Answer:
        """Answer by what went wrong."""
        if not isinstance(error, GatewayError):
            report_fault(error, request_id)
            return self._refuse(GatewayError("INTERNAL"), request_id)
        return self._refuse(
            error,
            request_id,
            allow=self._allowed(request, error),
            signature_base=self._base_to_show(request, error),
        )

    def _find(self, request: Request) -> tuple[str, Handler]:
        path = request.path
        if (found := self._routes.get(path)) is not None:
            return found
        for folder, found in self._folders.items():
            if path.startswith(folder):
                return found
        raise RequestError("PATH_UNKNOWN")

    def _route(self, request: Request) -> Handler:
        method, handler = self._find(request)
        if request.method != method:
            raise RequestError("METHOD_UNSUPPORTED", f"use {method}")
        return handler

    def _allowed(self, request: Request, error: GatewayError) -> str | None:
        """For Allow, which a 405 must have (RFC 9110 §15.5.6)."""
        if error.code != "METHOD_UNSUPPORTED":
            return None
        return self._find(request)[0]

    def _base_to_show(self, request: Request, error: GatewayError) -> str | None:
        if not self._settings.sandbox or not isinstance(error, RequestError):
            return None
        port = self._settings.default_port
        return base_to_show(lambda: signed_view(request, default_port=port), error)

    def _refuse(
        self,
        error: GatewayError,
        request_id: str,
        *,
        allow: str | None = None,
        signature_base: str | None = None,
    ) -> Answer:
        reply = problem_reply(Refused.because(error), request_id, signature_base=signature_base)
        self._metrics.count(reply.outcome, 0.0)
        return self._responder.respond(msgspec.structs.replace(reply, allow=allow), None)

    async def _healthz(self, _request: Request, _request_id: str) -> Answer:
        return self._responder.publish(200, "application/json", b'{"status":"ok"}')

    async def _readyz(self, _request: Request, _request_id: str) -> Answer:
        ready, parts = await self._ready()
        body = msgspec.json.encode({"ready": ready, "dependencies": parts})
        return self._responder.publish(200 if ready else 503, "application/json", body)

    async def count_forever(self) -> None:
        """Hand over what was counted, each second and at the end."""
        try:
            while True:
                await asyncio.sleep(_FLUSH_S)
                self._metrics.flush()
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


def report_fault(error: BaseException, request_id: str = "") -> None:
    """Log where our own code failed; an exception's text may hold personal data, so never that."""
    frames = []
    trace = error.__traceback__
    while trace is not None:
        code = trace.tb_frame.f_code
        frames.append(f"{code.co_filename.rpartition('/')[2]}:{trace.tb_lineno}:{code.co_name}")
        trace = trace.tb_next
    _log.error("fault", kind=type(error).__name__, frames=frames[-8:], request_id=request_id)
