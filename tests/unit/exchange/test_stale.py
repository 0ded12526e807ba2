# SPDX-License-Identifier: Apache-2.0
"""An old answer in place of a department that is away: where the type allows it, and marked."""

import msgspec
import pytest

from gateway.errors import (
    AdapterContractBroken,
    AdapterRefused,
    AdapterTimeout,
    AdapterUnavailable,
    DepartmentError,
)
from gateway.model.answer import NotFound
from tests.unit.exchange.rooms import IDENTITY, NAME, Corridor

STALE_S = 300


@pytest.fixture
def corridor() -> Corridor:
    """Its certificate type allows stale answers."""
    corridor = Corridor()
    allowing = msgspec.structs.replace(IDENTITY, stale_s=STALE_S)
    corridor.department.certificates = {allowing.name: allowing}
    return corridor


async def aged(corridor: Corridor, by_s: float) -> None:
    """Answer once, and let that age."""
    await corridor.ask()
    corridor.cache_clock_s += by_s


@pytest.mark.parametrize("error", [AdapterUnavailable("down"), AdapterTimeout()])
async def test_a_department_that_is_away_is_covered_by_an_old_answer_that_says_so(
    corridor: Corridor, error: DepartmentError
) -> None:
    await aged(corridor, 601)
    corridor.department.answer = error
    reply, answer = await corridor.ask()
    assert (reply.status, answer["served_from"]) == (200, "stale")
    assert answer["fields"] == {"name": NAME}
    entry = corridor.log.entries[-1]
    assert (entry.served_from, entry.outcome, entry.code) == ("stale", "found", None)
    assert entry.adapter == "public_security"  # it was asked
    assert entry.adapter_ms is not None


async def test_a_department_that_hangs_is_covered_too(corridor: Corridor) -> None:
    await aged(corridor, 601)
    corridor.department.delay_s = 5.0
    _, answer = await corridor.ask(deadline_s=0.52)
    assert answer["served_from"] == "stale"


async def test_while_the_department_answers_nothing_stale_is_served(corridor: Corridor) -> None:
    await aged(corridor, 601)
    _, answer = await corridor.ask()
    assert answer["served_from"] == "source"


@pytest.mark.parametrize("error", [AdapterRefused("no"), AdapterContractBroken("odd")])
async def test_a_department_that_answered_badly_is_not_covered(
    corridor: Corridor, error: DepartmentError
) -> None:
    await aged(corridor, 601)
    corridor.department.answer = error
    reply, _ = await corridor.ask()
    assert reply.status == 502


async def test_beyond_its_time_it_is_not_served(corridor: Corridor) -> None:
    await aged(corridor, 600 + STALE_S)
    corridor.department.answer = AdapterUnavailable("down")
    reply, _ = await corridor.ask()
    assert reply.status == 503


async def test_it_is_no_older_than_the_caller_allows(corridor: Corridor) -> None:
    await aged(corridor, 700)
    corridor.department.answer = AdapterUnavailable("down")
    assert (await corridor.ask(max_age_s=700))[0].status == 503
    assert (await corridor.ask(max_age_s=701))[0].status == 200


async def test_an_absence_is_never_served_stale(corridor: Corridor) -> None:
    corridor.department.answer = NotFound()
    await aged(corridor, 61)
    corridor.department.answer = AdapterUnavailable("down")
    assert (await corridor.ask())[0].status == 503


async def test_a_type_that_does_not_allow_it_is_not_served_stale() -> None:
    corridor = Corridor()
    await aged(corridor, 601)
    corridor.department.answer = AdapterUnavailable("down")
    assert (await corridor.ask())[0].status == 503


async def test_a_department_that_compares_by_itself_is_not_covered(corridor: Corridor) -> None:
    await aged(corridor, 601)
    corridor.department.compares = True
    corridor.department.verified = AdapterUnavailable("down")
    _, problem = await corridor.ask(operation="verify", fields=[], claims={"name": NAME})
    assert problem["code"] == "PROVIDER_UNAVAILABLE"
