# SPDX-License-Identifier: Apache-2.0
"""The desk as a process: a register of notes, asked by JSON, by a query string and by SOAP."""

import asyncio
import re
from typing import Any
from xml.sax.saxutils import escape

from aiohttp import web

from gateway.sdk.kits.simulator import announce, stop_event

FIRST, SECOND, STRANGER = "140302190001010017", "140303190001100027", "140105194912310017"
NOTES: dict[str, dict[str, Any]] = {
    FIRST: {"id_number": FIRST, "name": "测试甲", "state": "1", "remark": "first remark"},
    SECOND: {"id_number": SECOND, "name": "测试乙", "state": "2", "remark": "second remark"},
}
ENVELOPE = (
    '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>'
    '<n:note xmlns:n="urn:desk">{}</n:note></s:Body></s:Envelope>'
)


def rows(number: str) -> web.Response:
    return web.json_response({"rows": [NOTES[number]] if number in NOTES else []})


async def ask(request: web.Request) -> web.Response:
    return rows((await request.json())["number"])


async def ask_by_url(request: web.Request) -> web.Response:
    return rows(request.query["number"])


async def ask_by_soap(request: web.Request) -> web.Response:
    found = re.search("<[^>]*number>([^<]+)<", await request.text())
    note = NOTES.get(found[1] if found else "", {})
    members = "".join(f"<n:{name}>{escape(text)}</n:{name}>" for name, text in note.items())
    return web.Response(text=ENVELOPE.format(members), content_type="text/xml")


async def health(_request: web.Request) -> web.Response:
    return web.json_response({})


async def serve() -> None:
    stop = stop_event()
    app = web.Application()
    app.router.add_post("/ask", ask)
    app.router.add_get("/ask", ask_by_url)
    app.router.add_post("/soap", ask_by_soap)
    app.router.add_get("/health", health)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, shutdown_timeout=1).start()
    announce({"port": runner.addresses[0][1]})
    await stop.wait()
    await runner.cleanup()


if __name__ == "__main__":
    asyncio.run(serve())
