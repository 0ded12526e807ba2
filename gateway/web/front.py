# SPDX-License-Identifier: Apache-2.0
"""The front desk: which path goes to which room, and how each reply is sent.

Every failure ends here: a refusal becomes a problem document, an unforeseen error becomes INTERNAL
without a word of what it said.
"""

import secrets
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

import msgspec
import structlog
from aiohttp.web import BaseRequest

from gateway.errors import AuditError, GatewayError, RequestError
from gateway.exchange.reply import Refused, Reply, problem_reply
from gateway.ports import Caller
from gateway.sdk import Deadline
from gateway.web.docspage import render_page
from gateway.web.edge import check_framing, check_json, read_body, signed_view, x509_of
from gateway.web.log_pages import LOG_FOLDER, RECEIPTS_FOLDER, LogPages
from gateway.web.metrics import LookupMetrics, exposition
from gateway.web.openapi import document, encode_document
from gateway.web.respond import OneBuffer, Responder
from gateway.web.sandbox import base_to_show

_log = structlog.get_logger()

Identify = Callable[..., Caller]
LookupCall = Callable[[Caller, str, bytes, Deadline], Awaitable[Reply]]
Readiness = Callable[[], Awaitable[tuple[bool, Mapping[str, str]]]]
Handler = Callable[[BaseRequest, str], Awaitable[OneBuffer]]

_REQUEST_ID_BYTES: Final = 16


class FrontSettings(msgspec.Struct, frozen=True):
    """Limits of the door.

    Attributes:
        deadline_s: from the door to the answer.
        body_timeout_s: of these, for the body to arrive.
        default_port: `:80` behind plain HTTP, `:443` behind TLS.
        sandbox: refusals of who asks show the signature base.
    """

    max_body_bytes: int
    deadline_s: float
    body_timeout_s: float
    default_port: str = ":80"
    sandbox: bool = False


class Front:
    """Request in, one buffer out.

    Args:
        identify: `Admission.identify`.
        lookup: the corridor.
        ready: whether all dependencies answer, and each by name.
        jwks: the published key set, encoded.
        pages: of the log.
        more: further handlers, by path.
    """

    def __init__(
        self,
        *,
        identify: Identify,
        lookup: LookupCall,
        responder: Responder,
        ready: Readiness,
        jwks: bytes,
        pages: LogPages,
        more: Mapping[str, tuple[str, Handler]],
        settings: FrontSettings,
    ) -> None:
        self._identify: Final = identify
        self._lookup: Final = lookup
        self._responder: Final = responder
        self._ready: Final = ready
        self._jwks: Final = jwks
        self._settings: Final = settings
        self._openapi: Final = encode_document()
        self._docs: Final = render_page(document())
        self._metrics: Final = LookupMetrics()
        self._routes: Final[dict[str, tuple[str, Handler]]] = {
            "/v1/lookups": ("POST", self._lookups),
            "/healthz": ("GET", self._healthz),
            "/readyz": ("GET", self._readyz),
            "/metrics": ("GET", self._metrics_page),
            "/.well-known/jwks.json": ("GET", self._jwks_page),
            "/openapi.json": ("GET", self._openapi_page),
            "/docs": ("GET", self._docs_page),
            f"{LOG_FOLDER}checkpoint": ("GET", pages.checkpoint),
            **more,
        }
        self._folders: Final[dict[str, tuple[str, Handler]]] = {
            f"{LOG_FOLDER}tile/": ("GET", pages.tile),
            RECEIPTS_FOLDER: ("GET", pages.receipt),
        }

    async def __call__(self, request: BaseRequest) -> OneBuffer:
        """Answer one request; never raises."""
        request_id = secrets.token_hex(_REQUEST_ID_BYTES)
        try:
            check_framing(request)
            return await self._route(request)(request, request_id)
        except GatewayError as error:
            return self._refuse(
                error,
                request_id,
                allow=self._allowed(request, error),
                signature_base=self._base_to_show(request, error),
            )
        except Exception as error:  # noqa: BLE001 - the edge: the caller must get an answer, and no traceback
            report_fault(error, request_id)
            return self._refuse(GatewayError("INTERNAL"), request_id)

    def refuse(self, error: RequestError) -> OneBuffer:
        """Answer bytes that were no HTTP request."""
        return self._refuse(error, secrets.token_hex(_REQUEST_ID_BYTES))

    def _find(self, request: BaseRequest) -> tuple[str, Handler]:
        path = request.raw_path.partition("?")[0]
        if (found := self._routes.get(path)) is not None:
            return found
        for folder, found in self._folders.items():
            if path.startswith(folder):
                return found
        raise RequestError("PATH_UNKNOWN")

    def _route(self, request: BaseRequest) -> Handler:
        method, handler = self._find(request)
        if request.method != method:
            raise RequestError("METHOD_UNSUPPORTED", f"use {method}")
        return handler

    def _allowed(self, request: BaseRequest, error: GatewayError) -> str | None:
        """For Allow, which a 405 must have (RFC 9110 §15.5.6)."""
        if error.code != "METHOD_UNSUPPORTED":
            return None
        return self._find(request)[0]

    def _base_to_show(self, request: BaseRequest, error: GatewayError) -> str | None:
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
    ) -> OneBuffer:
        reply = problem_reply(Refused.because(error), request_id, signature_base=signature_base)
        self._metrics.count(reply.outcome, 0.0)
        return self._responder.respond(msgspec.structs.replace(reply, allow=allow), None)

    async def _lookups(self, request: BaseRequest, request_id: str) -> OneBuffer:
        started_s = time.monotonic()
        deadline = Deadline(started_s + self._settings.deadline_s)
        check_json(request)
        arrival = Deadline(started_s + min(self._settings.body_timeout_s, deadline.remaining_s))
        body = await read_body(request, self._settings.max_body_bytes, arrival)
        signed = signed_view(request, default_port=self._settings.default_port)
        caller = self._identify(signed, body, request.remote or "", x509_of(request))
        try:
            reply = await self._lookup(caller, request_id, body, deadline)
        except AuditError as error:  # no record, no answer
            reply = problem_reply(Refused.because(error), request_id)
        self._metrics.count(reply.outcome, time.monotonic() - started_s)
        return self._responder.respond(reply, caller.signature)

    async def _healthz(self, _request: BaseRequest, _request_id: str) -> OneBuffer:
        return self._responder.publish(200, "application/json", b'{"status":"ok"}')

    async def _readyz(self, _request: BaseRequest, _request_id: str) -> OneBuffer:
        ready, parts = await self._ready()
        body = msgspec.json.encode({"ready": ready, "dependencies": parts})
        return self._responder.publish(200 if ready else 503, "application/json", body)

    async def _metrics_page(self, _request: BaseRequest, _request_id: str) -> OneBuffer:
        return self._responder.publish(200, *exposition())

    async def _jwks_page(self, _request: BaseRequest, _request_id: str) -> OneBuffer:
        return self._responder.publish(200, "application/jwk-set+json", self._jwks)

    async def _openapi_page(self, _request: BaseRequest, _request_id: str) -> OneBuffer:
        return self._responder.publish(200, "application/json", self._openapi)

    async def _docs_page(self, _request: BaseRequest, _request_id: str) -> OneBuffer:
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
