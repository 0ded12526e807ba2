# SPDX-License-Identifier: Apache-2.0
"""`POST /v1/invalidations` over HTTP."""

import time
from collections.abc import Awaitable, Callable
from typing import Final

from aiohttp.web import BaseRequest

from gateway.admission.departments import DepartmentDoor
from gateway.errors import AuditError, RequestError
from gateway.exchange.reply import Refused, Reply, problem_reply
from gateway.ports import Caller
from gateway.sdk import Deadline
from gateway.web.edge import check_json, read_body, signed_view, x509_of
from gateway.web.respond import OneBuffer, Responder

PATH: Final = "/v1/invalidations"
#: A number, a time and the names of certificates.
MAX_BODY_BYTES: Final = 8192

InvalidateCall = Callable[[Caller, str, bytes, Deadline], Awaitable[Reply]]


class InvalidationDesk:
    """Handler of the front desk.

    Args:
        door: finds the department that signed.
        invalidate: the exchange's part.
        deadline_s: from the door to the answer.
        body_timeout_s: of these, for the body to arrive.
        default_port: `:80` behind plain HTTP, `:443` behind TLS.
    """

    def __init__(
        self,
        door: DepartmentDoor,
        invalidate: InvalidateCall,
        *,
        responder: Responder,
        deadline_s: float,
        body_timeout_s: float,
        default_port: str,
    ) -> None:
        self._door: Final = door
        self._invalidate: Final = invalidate
        self._responder: Final = responder
        self._deadline_s: Final = deadline_s
        self._body_timeout_s: Final = body_timeout_s
        self._default_port: Final = default_port

    async def __call__(self, request: BaseRequest, request_id: str) -> OneBuffer:
        """Answer one signal; a refusal of who is not identified is raised."""
        if request.raw_path != PATH:
            raise RequestError("PATH_UNKNOWN", "no query follows")
        check_json(request)
        deadline = Deadline(time.monotonic() + self._deadline_s)
        body = await read_body(request, MAX_BODY_BYTES, deadline.within(self._body_timeout_s))
        signed = signed_view(request, default_port=self._default_port)
        caller = self._door.identify(signed, body, request.remote or "", x509_of(request))
        try:
            reply = await self._invalidate(caller, request_id, body, deadline)
        except AuditError as error:  # no record, no answer
            reply = problem_reply(Refused.because(error), request_id)
        return self._responder.respond(reply, caller.signature)
