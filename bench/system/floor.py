# SPDX-License-Identifier: Apache-2.0
"""The floor: HTTP, one signature verified, one signature made, and nothing else.

aiohttp's low-level server under uvloop parses the same requests, compares the body's digest,
verifies with the same registered key, decodes the same JSON, and answers a body of the gateway's
size under the gateway's own profile and key. It checks no clock and no nonce, decides nothing,
looks nothing up, records nothing, and sends no header that the signature does not need.
"""

import argparse
import asyncio
import gc
import time
from pathlib import Path
from typing import Final

import msgspec
import uvloop
from aiohttp import web

from gateway.crypto.keys import Signer, Verifier, keyid_of, load_signer, load_verifier, public_pem
from gateway.httpsig import (
    SignedRequest,
    content_digest,
    parse_request_signature,
    response_signature_headers,
    signature_base,
    verify_content_digest,
)
from gateway.model.agency import Algorithm
from gateway.model.lookup import LookupRequest
from gateway.sdk.kits.simulator import announce, stop_event

_JSON: Final = "application/json"
_parse = msgspec.json.Decoder(LookupRequest).decode


class Floor:
    """The handler.

    Args:
        keys: of the agency, by key id.
        signer: the gateway's.
        answer: the body of every answer.
        receipt: its Audit-Receipt.
    """

    def __init__(
        self, keys: dict[str, Verifier], signer: Signer, *, answer: bytes, receipt: str
    ) -> None:
        self._keys: Final = keys
        self._signer: Final = signer
        self._answer: Final = answer
        self._receipt: Final = receipt

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        """Verify, decode, sign."""
        body = await request.read()
        headers = request.headers
        path, mark, query = request.raw_path.partition("?")
        signature = parse_request_signature(
            SignedRequest(
                method=request.method,
                authority=headers["Host"],
                path=path,
                query=mark + query or "?",
                lines=lambda name: headers.getall(name, ()),
                has_body=True,
            )
        )
        verify_content_digest(headers.getall("Content-Digest"), body)
        self._keys[signature.keyid].verify(signature.value, signature_base(signature))
        _parse(body)
        digest = content_digest(self._answer)
        signed_input, value = response_signature_headers(
            status=200,
            content_type=_JSON,
            digest=digest,
            receipt=self._receipt,
            request=signature,
            signer=self._signer,
            created=int(time.time()),
        )
        return web.Response(
            body=self._answer,
            headers={
                "Content-Type": _JSON,
                "Content-Digest": digest,
                "Audit-Receipt": self._receipt,
                "Signature-Input": signed_input,
                "Signature": value,
            },
        )


async def _serve(floor: Floor) -> None:
    stop = stop_event()
    server = web.Server(floor, access_log=None)
    runner = web.ServerRunner(server)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0, backlog=1024, shutdown_timeout=1).start()
        gc.collect()
        gc.freeze()
        announce({"port": runner.addresses[0][1]})
        await stop.wait()
    finally:
        await runner.cleanup()


def _key(text: str) -> tuple[str, Verifier]:
    """`KEYID:ALGORITHM:FILE`."""
    keyid, algorithm, name = text.split(":", 2)
    known: dict[str, Algorithm] = {
        "ecdsa-p256-sha256": "ecdsa-p256-sha256",
        "ed25519": "ed25519",
    }
    return keyid, load_verifier(Path(name).read_text(), known[algorithm])


def main() -> None:
    """`python -m bench.system.floor --key … --signing-key FILE --answer FILE --receipt TEXT`."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--key", type=_key, action="append", required=True)
    parser.add_argument("--signing-key", type=Path, required=True)
    parser.add_argument("--answer", type=Path, required=True)
    parser.add_argument("--receipt", required=True)
    options = parser.parse_args()
    private = options.signing_key.read_bytes()
    floor = Floor(
        dict(options.key),
        load_signer(private, keyid_of("gateway", public_pem(private))),
        answer=options.answer.read_bytes(),
        receipt=options.receipt,
    )
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(floor))


if __name__ == "__main__":
    main()
