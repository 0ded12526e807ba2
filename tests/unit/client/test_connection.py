# SPDX-License-Identifier: Apache-2.0
"""What a client makes of answers that are not the gateway's."""

import pytest
from aiohttp import web

from gateway.client import GatewayClient
from gateway.crypto.keys import generate_private_key, load_signer, public_pem
from gateway.errors import TrustError


@pytest.mark.parametrize("body", [b"<html>", b"{}", b'{"code": "\xff"}'])
async def test_a_body_that_is_not_of_the_protocol_is_not_trusted(body: bytes) -> None:
    async def refuse(_: web.BaseRequest) -> web.Response:
        return web.Response(status=502, body=body)

    runner = web.ServerRunner(web.Server(refuse), shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    private = generate_private_key("ecdsa-p256-sha256")
    signer, key = load_signer(private, "yq-gjj"), public_pem(private)
    try:
        async with GatewayClient(
            f"http://127.0.0.1:{runner.addresses[0][1]}", signer=signer, gateway_key=key
        ) as client:
            with pytest.raises(TrustError, match="RESPONSE_UNTRUSTED"):
                await client.case("YQ20261122-0001")
    finally:
        await runner.cleanup()
