# SPDX-License-Identifier: Apache-2.0
"""A department's HTTP service for tests of the kit: a real server, and a source that asks it."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import msgspec
from aiohttp import web

from gateway.sdk.kits.http import HttpSource

NUMBER = "140302190001010017"
Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


class Answer(msgspec.Struct):
    code: str


@asynccontextmanager
async def department(
    handler: Handler, *, max_answer_bytes: int = 4096, **settings: Any
) -> AsyncIterator[HttpSource]:
    """A real server, and a source that asks it."""
    runner = web.ServerRunner(web.Server(handler), shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    source = HttpSource(
        f"http://127.0.0.1:{runner.addresses[0][1]}/base/",
        max_answer_bytes=max_answer_bytes,
        **settings,
    )
    await source.open()
    try:
        yield source
    finally:
        await source.aclose()
        await runner.cleanup()
