# SPDX-License-Identifier: Apache-2.0
"""A department's HTTP service, simulated: sign-in, latency and counting, so that each is short.

Like the real ones it refuses a call that is not signed. It logs nothing.
"""

import argparse
import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final

import msgspec
from aiohttp import web

from gateway.sdk.kits.signin import MAX_SKEW_MS, Call, Dialect, is_signed
from gateway.sdk.kits.simulator import announce, read_records, stop_event
from gateway.sdk.kits.sm_envelope import SmDepartment

#: Not the department's: where a test asks how often a signed question came.
ASKED_PATH: Final = "/simulator/asked"
_OK: Final = 200

Answer = web.Response
Handler = Callable[[bytes], Awaitable[Answer] | Answer]


class Options(msgspec.Struct, frozen=True):
    """What every such simulator is started with.

    Attributes:
        records: JSON array of what the department knows, in the certificate's own names.
        secret: shared with its callers.
        port: of 127.0.0.1; 0 takes a free one.
        latency_s: added to each answer.
    """

    records: tuple[dict[str, Any], ...]
    secret: str
    port: int
    latency_s: float


def options(
    parser: argparse.ArgumentParser, records: str = "--records"
) -> tuple[Options, argparse.Namespace]:
    """Read the command line; what a simulator needs besides, it adds to the parser first."""
    parser.add_argument(records, type=Path, required=True, dest="records", help="JSON array")
    parser.add_argument("--secret-file", type=Path, required=True, help="the shared secret")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--latency-ms", type=int, default=0, help="added to each answer")
    given = parser.parse_args()
    every = Options(
        read_records(given.records),
        given.secret_file.read_text(encoding="utf-8").strip(),
        given.port,
        given.latency_ms / 1000,
    )
    return every, given


class HttpSimulator:
    """A service on 127.0.0.1.

    Args:
        given: port and latency.
        dialect: how callers sign; None where every handler looks for itself.
        envelope: opens bodies and seals answers; None where they travel as they are.
        unsigned: what a call without the signature is answered.
        max_skew_ms: by which the caller's clock may differ.
    """

    def __init__(
        self,
        given: Options,
        dialect: Dialect | None = None,
        *,
        envelope: SmDepartment | None = None,
        unsigned: Callable[[], Answer] = lambda: web.Response(status=401),
        max_skew_ms: int = MAX_SKEW_MS,
    ) -> None:
        self._given: Final = given
        self._dialect: Final = dialect
        self._envelope: Final = envelope
        self._unsigned: Final = unsigned
        self._max_skew_ms: Final = max_skew_ms
        self._asked_count = 0
        self.application: Final = web.Application()
        self.application.router.add_get(ASKED_PATH, self._asked)

    def answer(self, path: str, handler: Handler) -> None:
        """Answer questions by POST at this path; the handler gets the body."""

        async def handle(request: web.Request) -> Answer:
            if not self._is_signed(request):
                return self._unsigned()
            try:
                body = await request.read()
            except ConnectionError:
                return web.Response(status=400)  # nobody waits for it, and nothing is logged
            received = None
            if self._envelope is not None:
                received = self._envelope.receive(request.headers, body, _now_ms())
                if received is None:
                    return self._unsigned()
                body = received.body
            self._asked_count += 1
            await asyncio.sleep(self._given.latency_s)
            made = handler(body)
            answer = made if isinstance(made, web.Response) else await made
            if received is not None and answer.status == _OK:
                assert isinstance(answer.body, bytes), "json_answer made it"
                answer.body = received.answer(answer.body)
            return answer

        self.application.router.add_post(path, handle)

    def health(self, path: str, body: object) -> None:
        """Answer `GET` at this path, without a signature, with this JSON."""

        async def handle(_request: web.Request) -> Answer:
            return json_answer(body)

        self.application.router.add_get(path, handle)

    def run(self) -> None:
        """Serve until told to stop."""
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        stop = stop_event()
        runner = web.AppRunner(self.application, access_log=None)
        await runner.setup()
        try:
            site = web.TCPSite(runner, "127.0.0.1", self._given.port, shutdown_timeout=1)
            await site.start()
            announce({"port": runner.addresses[0][1]})
            await stop.wait()
        finally:
            await runner.cleanup()

    async def _asked(self, _request: web.Request) -> Answer:
        return json_answer({"count": self._asked_count})

    def _is_signed(self, request: web.Request) -> bool:
        if self._dialect is None:
            return True
        call = Call(request.method, request.path, request.query_string)
        return is_signed(
            self._dialect, call, request.headers, _now_ms(), max_skew_ms=self._max_skew_ms
        )


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def json_answer(body: object, *, status: int = 200) -> Answer:
    """A JSON response."""
    return web.Response(
        body=msgspec.json.encode(body), status=status, content_type="application/json"
    )
