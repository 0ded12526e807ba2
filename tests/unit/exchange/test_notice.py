# SPDX-License-Identifier: Apache-2.0
"""What an adapter learns by itself reaches the record, or the adapter hears what is wrong."""

from datetime import UTC, datetime

import pytest

from gateway.exchange.notice import Notice
from tests.unit.exchange.changes import Changes
from tests.unit.exchange.rooms import IDENTITY, NUMBER, Department


def notice(changes: Changes) -> Notice:
    return Notice(
        Department(),
        changes,
        clock=lambda: datetime(2026, 11, 22, 8, tzinfo=UTC),
        utc_offset_h=8,
        backoff_s=0.001,
    )


async def test_it_is_about_all_certificates_of_the_adapter_unless_it_names_some() -> None:
    changes = Changes()
    await notice(changes)("public_security", "cn-id", NUMBER, ())
    await notice(changes)("public_security", "cn-id", f" {NUMBER.lower()} ", [IDENTITY.name] * 2)
    assert changes.noticed == [("public_security", NUMBER, (IDENTITY.name,))] * 2


@pytest.mark.parametrize(
    ("scheme", "number", "certificates"),
    [
        ("passport", NUMBER, ()),
        ("cn-id", "140302190001010010", ()),
        ("cn-id", NUMBER, ("housing_fund.account",)),
    ],
)
async def test_a_mistake_of_the_adapter_is_told_to_it_without_the_number(
    scheme: str, number: str, certificates: tuple[str, ...]
) -> None:
    changes = Changes()
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - its text is looked at
        await notice(changes)("public_security", scheme, number, certificates)
    assert number not in str(caught.value)
    assert not changes.noticed


async def test_an_adapter_does_not_speak_for_anothers_certificates() -> None:
    with pytest.raises(ValueError, match="does not answer"):
        await notice(Changes())("housing_fund", "cn-id", NUMBER, (IDENTITY.name,))


@pytest.mark.parametrize("is_alone", [False, True])
async def test_while_log_or_other_nodes_are_away_it_waits_and_then_tells(*, is_alone: bool) -> None:
    changes = Changes()
    changes.fail_count, changes.is_alone = 3, is_alone
    await notice(changes)("public_security", "cn-id", NUMBER, ())
    assert len(changes.noticed) == 1
