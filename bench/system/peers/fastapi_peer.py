# SPDX-License-Identifier: Apache-2.0
"""What one would build in Python: FastAPI on uvicorn, PyJWT, an access log in SQLite.

1. uvicorn runs with uvloop and httptools and without an access log of its own; FastAPI gets one
   `async` route with a pydantic model, and answers ready-made bytes: no second serialisation.
2. A request bears an ES256 token whose claim `body` is the digest of the body; it is verified with
   PyJWT, as is the digest. The answer is an ES256 token (JWS) over the answer's members.
3. Each access is one INSERT, committed before the answer (WAL, synchronous=FULL), on the event
   loop: a thread for it costs more than it takes.
4. Answers lie ready in a dict. There is no nonce, no policy, no seal and no tamper evidence.
"""

import argparse
import base64
import hashlib  # noqa: TID251 - as anybody would write it
import secrets
import socket
import sqlite3
import time
from pathlib import Path
from typing import Annotated, Any, Final

import jwt
import uvicorn
from cryptography.hazmat.primitives.asymmetric.ec import (
    EllipticCurvePrivateKey,
    EllipticCurvePublicKey,
)
from cryptography.hazmat.primitives.serialization import (
    load_pem_private_key,
    load_pem_public_key,
)
from fastapi import FastAPI, Header, Response
from fastapi import Request as HTTPRequest
from pydantic import BaseModel, ConfigDict

from gateway.sdk.kits.simulator import announce

_CLOCK_WINDOW_S: Final = 60
_SCHEMA: Final = """
CREATE TABLE access (
    id INTEGER PRIMARY KEY, at REAL NOT NULL, caller TEXT NOT NULL, nonce TEXT NOT NULL,
    item TEXT NOT NULL, case_no TEXT NOT NULL, purpose TEXT NOT NULL, operator TEXT NOT NULL,
    certificate TEXT NOT NULL, fields TEXT NOT NULL, status INTEGER NOT NULL)
"""
_INSERT: Final = (
    "INSERT INTO access (at, caller, nonce, item, case_no, purpose, operator, certificate, fields,"
    " status) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Holder(_Strict):
    """Whom it is about."""

    scheme: str
    number: str
    name: str | None = None


class Operator(_Strict):
    """Who asks."""

    id: str
    name: str


class Attribution(_Strict):
    """What for."""

    item: str
    case: str
    purpose: str
    operator: Operator
    terminal: str | None = None
    division: str | None = None
    mandate: str | None = None


class Lookup(_Strict):
    """The body of a request."""

    holder: Holder
    certificate: str
    attribution: Attribution
    operation: str = "query"
    fields: list[str] = []
    claims: dict[str, Any] = {}
    max_age_s: int | None = None


def _open_log(path: Path) -> sqlite3.Connection:
    log = sqlite3.connect(path, isolation_level=None)
    log.execute("PRAGMA journal_mode=WAL")
    log.execute("PRAGMA synchronous=FULL")
    log.execute(_SCHEMA)
    return log


def make_app(
    public: bytes, private: bytes, answer: dict[str, Any], log: sqlite3.Connection
) -> FastAPI:
    """The application: one route."""
    app = FastAPI(openapi_url=None)
    verifying, signing = load_pem_public_key(public), load_pem_private_key(private, None)
    assert isinstance(verifying, EllipticCurvePublicKey)
    assert isinstance(signing, EllipticCurvePrivateKey)
    cache: dict[str, dict[str, Any]] = {}

    @app.post("/v1/lookups")
    async def lookups(
        asked: Lookup, request: HTTPRequest, authorization: Annotated[str, Header()]
    ) -> Response:
        token = authorization.removeprefix("Bearer ")
        claims = jwt.decode(
            token, verifying, ["ES256"], options={"require": ["exp"]}, leeway=_CLOCK_WINDOW_S
        )
        digest = hashlib.sha256(await request.body()).digest()
        if claims["body"] != base64.urlsafe_b64encode(digest).rstrip(b"=").decode():
            return Response(status_code=401)
        found = cache.setdefault(asked.holder.number, answer)
        reply = {**found, "request_id": secrets.token_hex(16), "for": claims["jti"]}
        why = asked.attribution
        log.execute(
            _INSERT,
            (time.time(), claims["iss"], claims["jti"], why.item, why.case, why.purpose,
             why.operator.id, asked.certificate, ",".join(asked.fields), 200),
        )  # fmt: skip
        return Response(
            jwt.encode(reply, signing, algorithm="ES256"), media_type="application/jose"
        )

    return app


def main() -> None:
    """`python -m bench.system.peers.fastapi_peer --key FILE --signing-key FILE …`."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--key", type=Path, required=True)
    parser.add_argument("--signing-key", type=Path, required=True)
    parser.add_argument("--answer", type=Path, required=True)
    parser.add_argument("--log", type=Path, required=True)
    options = parser.parse_args()
    import msgspec  # noqa: PLC0415 - reads the benchmark's own file; the peer does not use it

    answer = msgspec.json.decode(options.answer.read_bytes())
    app = make_app(
        options.key.read_bytes(), options.signing_key.read_bytes(), answer, _open_log(options.log)
    )
    with socket.create_server(("127.0.0.1", 0), backlog=1024) as sock:
        config = uvicorn.Config(
            app, loop="uvloop", http="httptools", access_log=False, log_level="warning",
            lifespan="off",
        )  # fmt: skip
        announce({"port": sock.getsockname()[1]})
        uvicorn.Server(config).run(sockets=[sock])


if __name__ == "__main__":
    main()
