# SPDX-License-Identifier: Apache-2.0
"""Every failure ends here.

A refusal becomes a problem document; an unforeseen error becomes INTERNAL, without a word of what
it said.
"""

from typing import Final

from gateway.crypto.random import random_piece
from gateway.errors import GatewayError, RequestError
from gateway.exchange.reply import Refused, RepeatedProblem, problem_reply
from gateway.log import report_fault
from gateway.web.edge import signed_view
from gateway.web.metrics import LookupMetrics
from gateway.web.request import Request
from gateway.web.respond import Answer, Responder
from gateway.web.sandbox import base_to_show

#: Turns of a worker last milliseconds; whole seconds are the least that can be said.
_BUSY_RETRY_S: Final = 1
_BUSY: Final = RepeatedProblem(
    Refused.because(GatewayError("GATEWAY_BUSY", retry_after_s=_BUSY_RETRY_S))
)


class MethodUnsupported(RequestError):
    """Another method than the resource's.

    Attributes:
        allow: the resource's, which a 405 must name (RFC 9110 §15.5.6).
    """

    def __init__(self, allow: str) -> None:
        super().__init__("METHOD_UNSUPPORTED", f"use {allow}")
        self.allow: Final = allow


class Refusals:
    """Makes answers of what went wrong; unsigned, as nobody is identified.

    Args:
        default_port: `:80` behind plain HTTP, `:443` behind TLS.
        sandbox: refusals of who asks show the signature base.
    """

    def __init__(
        self, responder: Responder, metrics: LookupMetrics, *, default_port: str, sandbox: bool
    ) -> None:
        self._responder: Final = responder
        self._metrics: Final = metrics
        self._default_port: Final = default_port
        self._sandbox: Final = sandbox

    def excuse(self, error: Exception, request: Request, request_id: str) -> Answer:
        """Answer a request by what went wrong with it."""
        if not isinstance(error, GatewayError):
            report_fault(error, request_id)
            error = GatewayError("INTERNAL")
        return self._answer(error, request_id, self._base_to_show(request, error))

    def turn_away(self, request_id: str) -> Answer:
        """Answer a request for which there is no time, in the least time."""
        self._metrics.count("GATEWAY_BUSY", 0.0)
        return self._responder.respond(_BUSY.reply(request_id), None)

    def refuse(self, error: RequestError) -> Answer:
        """Answer bytes that were no HTTP request."""
        return self._answer(error, random_piece().hex(), None)

    def _base_to_show(self, request: Request, error: GatewayError) -> str | None:
        if not self._sandbox or not isinstance(error, RequestError):
            return None
        port = self._default_port
        return base_to_show(lambda: signed_view(request, default_port=port), error)

    def _answer(self, error: GatewayError, request_id: str, signature_base: str | None) -> Answer:
        reply = problem_reply(Refused.because(error), request_id, signature_base=signature_base)
        if isinstance(error, MethodUnsupported):
            reply.allow = error.allow
        self._metrics.count(reply.outcome, 0.0)
        return self._responder.respond(reply, None)
