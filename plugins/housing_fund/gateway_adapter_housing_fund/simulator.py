# SPDX-License-Identifier: Apache-2.0
"""A fund centre's core system to try the adapter with: a real HTTP server over synthetic citizens.

It gives a token to whoever has the secret, and refuses calls without a token that still lives.
"""

import argparse
import hmac
import secrets
import time
from typing import Any, Final

import msgspec
from aiohttp import web

from gateway.sdk.kits.simulator_http import Answer, HttpSimulator, Options, json_answer, options
from gateway_adapter_housing_fund.account import ORIGINS
from gateway_adapter_housing_fund.adapter import ACCOUNTS_PATH, HEALTH_PATH, TOKEN_PATH, Question

#: As the fund assigned it to the demo's gateway.
APP: Final = "yizheng-demo"
_LIFE_S: Final = 1800


class Login(msgspec.Struct, frozen=True):
    """What a caller shows for a token."""

    app_key: str
    app_secret: str


class Fund:
    """The service.

    Args:
        given: citizens, the secret and the like.
        life_s: seconds for which a token is good.
    """

    def __init__(self, given: Options, *, life_s: float) -> None:
        self._accounts: Final = {
            citizen["id_number"]: [format_account(citizen)]
            for citizen in given.records
            if citizen.get("housing_fund")
        }
        self._secret: Final = given.secret
        self._life_s: Final = life_s
        self._ends_at_s: Final[dict[str, float]] = {}
        self._http: Final = HttpSimulator(given)
        self._http.application.router.add_post(TOKEN_PATH, self._token)
        self._http.application.middlewares.append(self._with_token)
        self._http.answer(ACCOUNTS_PATH, self._answer)
        self._http.answer(HEALTH_PATH, lambda _body: json_answer({"status": "ok"}))

    def run(self) -> None:
        """Serve until told to stop."""
        self._http.run()

    async def _token(self, request: web.Request) -> Answer:
        login = msgspec.json.decode(await request.read(), type=Login)
        expected = f"{APP}\n{self._secret}".encode()
        if not hmac.compare_digest(f"{login.app_key}\n{login.app_secret}".encode(), expected):
            return json_answer({"code": "-2"}, status=403)
        token = secrets.token_urlsafe(24)
        self._ends_at_s[token] = time.monotonic() + self._life_s
        return json_answer({"access_token": token, "expires_in": self._life_s})

    @web.middleware
    async def _with_token(self, request: web.Request, handler: Any) -> web.StreamResponse:
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        guarded = request.path in {ACCOUNTS_PATH, HEALTH_PATH}
        if guarded and self._ends_at_s.get(token, 0.0) <= time.monotonic():
            return json_answer({"code": "-21"}, status=401)
        response: web.StreamResponse = await handler(request)
        return response

    def _answer(self, body: bytes) -> Answer:
        question = msgspec.json.decode(body, type=Question)
        return json_answer({"code": "0", "data": self._accounts.get(question.zjhm, [])})


def format_account(citizen: dict[str, Any]) -> dict[str, str | None]:
    """A record as the core system writes it."""
    fields = citizen["housing_fund"] | {"id_number": citizen["id_number"], "name": citizen["name"]}
    record: dict[str, str | None] = {}
    for name, origin in ORIGINS.items():
        text = fields[name]
        if origin.form is not None and text is not None:
            text = text.replace("-", "")
        codes = {ours: theirs for theirs, ours in origin.map.items()}
        record[origin.source] = codes.get(text, text)
    record["dkbz"] = "1" if fields["has_loan"] else "0"
    return record


def main() -> None:
    """`python -m gateway_adapter_housing_fund.simulator`."""
    parser = argparse.ArgumentParser(description="A simulated housing fund.")
    parser.add_argument("--token-life-s", type=float, default=_LIFE_S, help="life of a token")
    given, own = options(parser, "--citizens")
    Fund(given, life_s=own.token_life_s).run()


if __name__ == "__main__":
    main()
