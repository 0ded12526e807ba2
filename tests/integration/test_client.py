# SPDX-License-Identifier: Apache-2.0
"""The client believes nothing that the gateway did not sign for this very request."""

from collections.abc import AsyncIterator, Awaitable, Callable

import aiohttp
import pytest
from aiohttp import web

from fixtures.citizens import Citizen
from fixtures.world import KEYIDS, World
from gateway.client import GatewayClient, SignedAnswer
from gateway.crypto.keys import load_signer
from gateway.errors import GatewayError, TrustError

Change = Callable[[int, dict[str, str], bytes], tuple[int, dict[str, str], bytes]]
_HOP = {"content-length", "connection", "date", "transfer-encoding"}


class Middlebox:
    """A proxy between client and gateway that changes answers."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.url = ""
        self.change: Change = lambda status, headers, body: (status, headers, body)
        self.kept: tuple[int, dict[str, str], bytes] | None = None

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        body = await request.read()
        async with (
            aiohttp.ClientSession() as session,
            session.post(self.world.url + request.path, data=body, headers=request.headers) as got,
        ):
            headers = {k: v for k, v in got.headers.items() if k.lower() not in _HOP}
            answer = (got.status, headers, await got.read())
        self.kept = self.kept or answer
        status, headers, content = self.change(*answer)
        return web.Response(status=status, headers=headers, body=content)

    def client(self) -> GatewayClient:
        client = GatewayClient(
            self.world.url,
            signer=load_signer(self.world.agency_key().read_bytes(), KEYIDS["ecdsa-p256-sha256"]),
            gateway_key=(self.world.site / "keys/gateway.pub.pem").read_text(),
        )
        client._url = self.url  # type: ignore[misc] # sign for the gateway, send to the box
        return client


@pytest.fixture
async def box(world: World) -> AsyncIterator[Middlebox]:
    middlebox = Middlebox(world)
    runner = web.ServerRunner(web.Server(middlebox.handle))
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    middlebox.url = site.name
    yield middlebox
    await runner.cleanup()


Ask = Callable[[], Awaitable[SignedAnswer]]


@pytest.fixture
async def ask(box: Middlebox, citizen: Citizen) -> AsyncIterator[Ask]:
    async with box.client() as client:
        yield lambda: client.lookup(box.world.request(citizen.id_number))


async def test_an_untouched_answer_passes(ask: Ask) -> None:
    assert (await ask()).answer.outcome == "found"


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda s, h, b: (s, h, b.replace(b"found", b"match")), id="body"),
        pytest.param(lambda s, h, b: (201, h, b), id="status"),
        pytest.param(lambda s, h, b: (s, h | {"Content-Type": "text/json"}, b), id="content-type"),
        pytest.param(
            lambda s, h, b: (s, h | {"Audit-Receipt": 'log="x", index=0'}, b), id="receipt"
        ),
        pytest.param(
            lambda s, h, b: (s, {k: v for k, v in h.items() if k != "Audit-Receipt"}, b),
            id="receipt removed",
        ),
        pytest.param(
            lambda s, h, b: (s, {k: v for k, v in h.items() if k != "Signature"}, b),
            id="signature removed",
        ),
        pytest.param(
            lambda s, h, b: (
                s,
                h | {"Signature-Input": h["Signature-Input"].replace("gateway", "x", 1)},
                b,
            ),
            id="label",
        ),
        pytest.param(
            lambda s, h, b: (s, h | {"Content-Digest": "sha-256=:" + "A" * 43 + "=:"}, b),
            id="digest",
        ),
    ],
)
async def test_a_changed_answer_is_not_believed(box: Middlebox, ask: Ask, change: Change) -> None:
    box.change = change
    with pytest.raises(TrustError):
        await ask()


async def test_a_good_answer_to_another_request_is_not_believed(box: Middlebox, ask: Ask) -> None:
    await ask()
    kept = box.kept
    assert kept is not None
    box.change = lambda *_: kept
    with pytest.raises(TrustError):
        await ask()


async def test_a_gateway_that_is_away_is_unreachable_and_nothing_else(world: World) -> None:
    signer = load_signer(world.agency_key().read_bytes(), KEYIDS["ecdsa-p256-sha256"])
    key = (world.site / "keys/gateway.pub.pem").read_text()
    async with GatewayClient("http://127.0.0.1:9", signer=signer, gateway_key=key) as client:
        with pytest.raises(GatewayError) as caught:
            await client.lookup(world.request(world.citizens[0].id_number))
    assert caught.value.code == "GATEWAY_UNREACHABLE"
