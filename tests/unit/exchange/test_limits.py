# SPDX-License-Identifier: Apache-2.0
"""Rate limits in the corridor: who is over is told how long to wait, and recorded once."""

import pytest

from gateway.model.limits import LimitsSection
from tests.unit.exchange.rooms import Corridor

NS = 1_000_000_000


async def test_over_the_agencys_limit_nothing_is_parsed_and_the_refusal_is_recorded() -> None:
    corridor = Corridor(limits=LimitsSection(agency_per_s=0.5, agency_burst=1))
    await corridor.ask()
    reply, problem = await corridor.ask(b"not JSON at all")
    assert (reply.status, problem["code"], problem["retryable"]) == (429, "RATE_LIMITED", True)
    assert reply.retry_after_s == problem["retry_after_s"] == 2
    assert problem["detail"] == "over the agency limit of 1 in 2 s"
    assert [check["result"] for check in problem["checks"] if check["name"] == "rate"] == ["failed"]
    _, entry = corridor.log.entries
    assert (entry.code, entry.outcome) == ("RATE_LIMITED", "refused")
    assert (entry.decision.result, entry.decision.rule) == ("deny", "check.rate")
    assert (entry.certificate, entry.holder) == (None, None)
    assert reply.index == 1


async def test_over_the_departments_limit_the_department_is_not_asked() -> None:
    corridor = Corridor(limits=LimitsSection(department_per_s=1))
    await corridor.ask()
    reply, problem = await corridor.ask(attribution__case="YQ20261122-0002")
    assert (reply.status, problem["code"]) == (429, "RATE_LIMITED")
    assert problem["detail"] == "over the department limit of 1 in 1 s"
    assert len(corridor.department.queries) == 1
    _, entry = corridor.log.entries
    assert (entry.decision.result, entry.grant, entry.outcome) == ("deny", None, "refused")
    assert entry.certificate == "public_security.identity"


async def test_a_refused_request_uses_up_nothing_of_the_departments_limit() -> None:
    corridor = Corridor(limits=LimitsSection(department_per_s=1))
    _, problem = await corridor.ask(fields=["id_number"])
    assert problem["code"] == "FIELD_NOT_GRANTED"
    reply, _ = await corridor.ask()
    assert reply.status == 200


async def test_who_waits_as_told_is_served() -> None:
    corridor = Corridor(limits=LimitsSection(agency_per_s=0.5, agency_burst=1))
    await corridor.ask()
    reply, _ = await corridor.ask()
    assert reply.retry_after_s is not None
    corridor.now_ns += reply.retry_after_s * NS
    reply, _ = await corridor.ask()
    assert reply.status == 200


async def test_a_reply_tells_of_each_limit_that_was_counted() -> None:
    corridor = Corridor(limits=LimitsSection(agency_per_s=5, department_per_s=3))
    reply, _ = await corridor.ask()
    assert [(one.name, one.quota, one.remaining) for one in reply.limits] == [
        ("agency", 5, 4),
        ("department", 3, 2),
    ]
    refused, _ = await corridor.ask(attribution__item="none")
    assert [(one.name, one.remaining) for one in refused.limits] == [("agency", 3)]


@pytest.mark.parametrize("body", [None, b"{"])
async def test_without_limits_nothing_is_told(body: bytes | None) -> None:
    reply, _ = await Corridor().ask(body)
    assert reply.limits == ()


async def test_a_limited_request_spends_its_nonce_and_no_quota() -> None:
    corridor = Corridor(limits=LimitsSection(department_per_s=1))
    await corridor.ask()
    await corridor.ask(attribution__case="YQ20261122-0002")
    assert len(corridor.log.claims) == 2
    assert corridor.log.claims[1].quota is None
