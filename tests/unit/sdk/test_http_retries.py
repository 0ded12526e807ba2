# SPDX-License-Identifier: Apache-2.0
"""When the HTTP kit asks once more: after a failure within a budget, or with a new token."""

import asyncio

import pytest
from aiohttp import web

from gateway.errors import (
    AdapterContractBroken,
    AdapterRefused,
    AdapterTimeout,
    AdapterUnavailable,
    DepartmentError,
)
from gateway.sdk import Deadline, RetryBudget
from gateway.sdk.kits.returncodes import failure_of
from gateway.sdk.kits.signin import Call
from tests.unit.sdk.http_department import Answer, department


class Failing:
    """A handler that fails some times, and then answers."""

    def __init__(self, *failures: int) -> None:
        self._failures = list(failures)
        self.visit_count = 0

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        self.visit_count += 1
        if not self._failures:
            return web.Response(body=b'{"code":"0"}')
        match self._failures.pop(0):
            case 0:
                assert request.transport is not None
                request.transport.close()
                return web.Response()
            case 1:
                return web.Response(status=503, headers={"Retry-After": "7"})
            case status:
                return web.Response(status=status)


def rich(count: int = 10) -> RetryBudget:
    """A budget with so many retries in it."""
    budget = RetryBudget(burst_count=max(count, 1))
    for _ in range(count * 10):
        budget.note_call()
    return budget


async def asked(handler: Failing, budget: RetryBudget, *, idempotent: bool = True) -> Answer:
    async with department(handler, retries=budget) as source:
        return await source.call(
            "POST", "/q", Answer, Deadline.after(10), body={}, idempotent=idempotent
        )


@pytest.mark.parametrize("failure", [0, 500, 503, 429])
async def test_an_idempotent_call_is_tried_once_more(failure: int) -> None:
    handler, budget = Failing(failure), rich()
    assert await asked(handler, budget) == Answer("0")
    assert (handler.visit_count, budget.retry_count) == (2, 1)


async def test_it_is_tried_no_more_than_once() -> None:
    handler, budget = Failing(503, 503), rich()
    with pytest.raises(AdapterUnavailable):
        await asked(handler, budget)
    assert (handler.visit_count, budget.retry_count) == (2, 1)


@pytest.mark.parametrize(
    ("failure", "kind"),
    [
        (1, AdapterUnavailable),  # it said for how long
        (404, AdapterContractBroken),
        (403, AdapterRefused),
    ],
)
async def test_what_asking_again_does_not_help_is_not_asked_again(
    failure: int, kind: type[DepartmentError]
) -> None:
    handler, budget = Failing(failure), rich()
    with pytest.raises(kind):
        await asked(handler, budget)
    assert (handler.visit_count, budget.retry_count) == (1, 0)


async def test_a_call_that_is_not_idempotent_is_not_repeated() -> None:
    handler = Failing(503)
    with pytest.raises(AdapterUnavailable):
        await asked(handler, rich(), idempotent=False)
    assert handler.visit_count == 1


async def test_retries_stay_within_a_tenth_of_the_calls() -> None:
    budget, visits = RetryBudget(), []

    async def handler(request: web.BaseRequest) -> web.StreamResponse:
        visits.append(request.path)
        return web.Response(status=503)

    async with department(handler, retries=budget) as source:
        for _ in range(50):
            with pytest.raises(AdapterUnavailable):
                await source.call(
                    "POST", "/q", Answer, Deadline.after(10), body={}, idempotent=True
                )
    assert len(visits) == 55
    assert (budget.call_count, budget.retry_count, budget.refused_count) == (50, 5, 45)


async def test_a_retry_needs_time_that_is_left() -> None:
    handler, budget = Failing(503), rich()
    async with department(handler, retries=budget) as source:
        with pytest.raises(AdapterUnavailable):
            await source.call("POST", "/q", Answer, Deadline.after(0.09), body={}, idempotent=True)
    assert budget.retry_count == 0


async def test_silence_between_two_bytes_is_noticed_before_the_deadline() -> None:
    async def handler(_request: web.BaseRequest) -> web.StreamResponse:
        await asyncio.Event().wait()
        raise AssertionError

    async with department(handler, read_timeout_s=0.05) as source:
        with pytest.raises(AdapterTimeout):
            await source.call("POST", "/q", Answer, Deadline.after(60), body={})


class Token:
    """A sign-in whose first token the platform does not accept."""

    def __init__(self) -> None:
        self.number = 1

    async def headers(self, call: Call, deadline: Deadline) -> dict[str, str]:
        return {"Authorization": f"t-{self.number}", "X-Path": f"{call.path}?{call.query}"}

    def renew(self, began_s: float) -> bool:
        self.number += 1
        return True


@pytest.mark.parametrize("status", [200, 401])
async def test_an_old_token_is_renewed_and_the_call_sent_once_more(status: int) -> None:
    seen: list[tuple[str, str]] = []

    async def handler(request: web.BaseRequest) -> web.StreamResponse:
        seen.append((request.headers["Authorization"], request.headers["X-Path"]))
        old = request.headers["Authorization"] == "t-1"
        return web.Response(body=b'{"code":"%d"}' % (-21 * old), status=status if old else 200)

    def check(answer: Answer) -> None:
        if answer.code != "0":
            raise failure_of(answer.code)

    async with department(handler, sign_in=Token()) as source:
        await source.call("POST", "/q?a=1", Answer, Deadline.after(10), body={}, check=check)
    assert seen == [("t-1", "/base/q?a=1"), ("t-2", "/base/q?a=1")]


async def test_a_token_that_is_refused_again_is_a_refusal() -> None:
    handler = Failing(401, 401)
    async with department(handler, sign_in=Token()) as source:
        with pytest.raises(AdapterRefused):
            await source.call("POST", "/q", Answer, Deadline.after(10), body={})
    assert handler.visit_count == 2


async def test_calls_that_are_refused_for_an_old_token_are_sent_again_within_the_budget() -> None:
    visits: list[str] = []
    budget = RetryBudget(burst_count=3)

    async def handler(request: web.BaseRequest) -> web.StreamResponse:
        visits.append(request.path)
        return web.Response(status=401)

    async with department(handler, sign_in=Token(), retries=budget) as source:
        for _ in range(20):
            with pytest.raises(AdapterRefused):
                await source.call("POST", "/q", Answer, Deadline.after(10), body={})
    assert len(visits) == 20 + 2 + 3  # a tenth, and what may be owed
    assert (budget.retry_count, budget.refused_count) == (5, 15)


async def test_the_call_that_fetches_a_token_is_not_signed() -> None:
    seen: list[bool] = []

    async def handler(request: web.BaseRequest) -> web.StreamResponse:
        seen.append("Authorization" in request.headers)
        return web.Response(body=b'{"code":"0"}')

    async with department(handler, sign_in=Token()) as source:
        await source.call("POST", "/token", Answer, Deadline.after(10), body={}, signed=False)
        await source.call("POST", "/q", Answer, Deadline.after(10), body={})
    assert seen == [False, True]
