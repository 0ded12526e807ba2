# SPDX-License-Identifier: Apache-2.0
"""Plans: nothing of a request for a case's materials is recorded before it was searched."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.exchange.planning import Counter
from tests.unit.exchange.rooms import NUMBER
from tests.unit.office.drafts import SPOUSE


@pytest.fixture
def counter(tmp_path: Path) -> Iterator[Counter]:
    opened = Counter(tmp_path / "office")
    yield opened
    opened.store.close()


@pytest.mark.parametrize(
    "name", [NUMBER, f"x {SPOUSE.number[:6]} {SPOUSE.number[6:]}", f"for {SPOUSE.name}"]
)
@pytest.mark.parametrize("material", ["缴存证明", "照片", "is none of the item's"])
async def test_a_claims_name_is_recorded_so_it_may_hold_nobodys_number_or_name(
    counter: Counter, material: str, name: str
) -> None:
    await counter.register_family()
    reply, said = await counter.ask(claims={material: {name: "x"}})
    assert (reply.status, said["code"]) == (422, "ATTRIBUTION_PERSONAL")
    assert said["detail"].startswith("`claims` holds ")
    [line] = counter.log.lines
    assert name not in (line + reply.body).decode()
    assert not counter.departments.queries
