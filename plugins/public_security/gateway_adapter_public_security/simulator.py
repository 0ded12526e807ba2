# SPDX-License-Identifier: Apache-2.0
"""A population register to try the adapter with: a real HTTP server over synthetic citizens.

It refuses calls that are not signed with the secret, or more than ten minutes old. It logs nothing.
"""

import argparse
import asyncio
import secrets
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec
from aiohttp import web

from gateway.sdk.kits.signin import REQUESTER, SERVICE, SIGNATURE, TIME, sign_national
from gateway.sdk.kits.simulator import announce, stop_event
from gateway_adapter_public_security.identity import format_record
from gateway_adapter_public_security.protocol import (
    HEALTH_PATH,
    IDENTITY_PATH,
    Health,
    Page,
    Reply,
    Request,
)

_MAX_SKEW_MS: Final = 10 * 60 * 1000
#: Not the department's: where a test asks how often a signed question came.
ASKED_PATH: Final = "/simulator/asked"
_BAD_PARAMETER: Final = "1"
_BAD_SIGNATURE: Final = "-5"


class Citizen(msgspec.Struct, frozen=True):
    """A line of the citizens file, as far as the register knows it."""

    id_number: str
    name: str
    sex_code: str
    ethnicity_code: str
    birth_date: str
    household_address: str
    issuing_authority: str
    valid_from: str
    valid_to: str
    person_status: str


class Asked(msgspec.Struct, frozen=True):
    """How many questions the register was asked."""

    count: int


class Register:
    """The service.

    Args:
        citizens: everybody whom it knows.
        secret: shared with its callers.
        latency_ms: added to each answer.
    """

    def __init__(self, citizens: tuple[Citizen, ...], secret: str, *, latency_ms: int) -> None:
        self._records: Final = {
            citizen.id_number: format_record(msgspec.to_builtins(citizen)) for citizen in citizens
        }
        self._secret: Final = secret
        self._latency_s: Final = latency_ms / 1000
        self._asked_count = 0

    def application(self) -> web.Application:
        """The routes."""
        app = web.Application()
        app.router.add_post(IDENTITY_PATH, self._identity)
        app.router.add_get(HEALTH_PATH, self._health)
        app.router.add_get(ASKED_PATH, self._asked)
        return app

    async def _identity(self, request: web.Request) -> web.Response:
        if not self._is_signed(request.headers):
            return _json(Reply(_BAD_SIGNATURE), status=401)
        self._asked_count += 1
        try:
            question = msgspec.json.decode(await request.read(), type=Request)
        except msgspec.DecodeError:
            return _json(Reply(_BAD_PARAMETER), status=400)
        await asyncio.sleep(self._latency_s)
        record = self._records.get(question.params.condition.GMSFHM)
        if record is None:
            return _json(Reply("0", Page(0)))
        items = {code: record.get(code) for code in question.params.required_items}
        return _json(Reply("0", Page(1, (items,))))

    async def _health(self, _request: web.Request) -> web.Response:
        return _json(Health("ok"))

    async def _asked(self, _request: web.Request) -> web.Response:
        return _json(Asked(self._asked_count))

    def _is_signed(self, headers: Mapping[str, str]) -> bool:
        requester, service, time_ms, signature = (
            headers.get(name, "") for name in (REQUESTER, SERVICE, TIME, SIGNATURE)
        )
        expected = sign_national(self._secret, service, requester, time_ms)
        return (
            secrets.compare_digest(expected.encode(), signature.encode())
            and time_ms.isdecimal()
            and abs(int(time_ms) - time.time_ns() // 1_000_000) <= _MAX_SKEW_MS
        )


def _json(body: Reply | Health | Asked, *, status: int = 200) -> web.Response:
    return web.Response(
        body=msgspec.json.encode(body), status=status, content_type="application/json"
    )


async def _serve(register: Register, port: int) -> None:
    stop = stop_event()
    runner = web.AppRunner(register.application(), access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", port, shutdown_timeout=1).start()
        announce({"port": runner.addresses[0][1]})
        await stop.wait()
    finally:
        await runner.cleanup()


def main() -> None:
    """`python -m gateway_adapter_public_security.simulator`."""
    parser = argparse.ArgumentParser(description="A simulated population register.")
    parser.add_argument("--citizens", type=Path, required=True, help="JSON array of citizens")
    parser.add_argument("--secret-file", type=Path, required=True, help="the shared secret")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--latency-ms", type=int, default=0, help="added to each answer")
    options = parser.parse_args()
    citizens = msgspec.json.decode(options.citizens.read_bytes(), type=tuple[Citizen, ...])
    secret = options.secret_file.read_text(encoding="utf-8").strip()
    asyncio.run(_serve(Register(citizens, secret, latency_ms=options.latency_ms), options.port))


if __name__ == "__main__":
    main()
