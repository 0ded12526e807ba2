# SPDX-License-Identifier: Apache-2.0
"""The rung of a department is the higher one of its own and the site's."""

import itertools

import pytest

from gateway.model.rung import LADDER, Rung, Rungs, height


def test_clause_8_1_2_the_ladder_has_five_rungs_from_normal_to_substitutes() -> None:
    assert LADDER == ("normal", "cache", "verify_only", "ticket", "substitute")
    assert [height(rung) for rung in LADDER] == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(("site", "own"), list(itertools.product(LADDER, LADDER)))
def test_a_department_has_the_higher_rung(site: Rung, own: Rung) -> None:
    rungs = Rungs(site, {"civil_affairs": own})
    assert height(rungs.of("civil_affairs")) == max(height(site), height(own))
    assert rungs.of("housing_fund") == site


@pytest.mark.parametrize(
    ("rungs", "text"),
    [
        (Rungs(), "normal"),
        (Rungs(departments={"health": "normal"}), "normal"),
        (Rungs("cache"), "*=cache"),
        (Rungs("cache", {"health": "ticket", "civil_affairs": "substitute"}),
         "*=cache civil_affairs=substitute health=ticket"),
    ],
)  # fmt: skip
def test_what_is_above_normal_is_told_in_a_line(rungs: Rungs, text: str) -> None:
    assert rungs.text() == text
