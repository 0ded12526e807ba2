# SPDX-License-Identifier: Apache-2.0
"""A signature is the agency's, its connection perhaps not: refused, and on record."""

from typing import Any

import msgspec
import pytest

from gateway.model.limits import LimitsSection
from gateway.sdk import Deadline
from tests.unit.exchange.rooms import AGENCY, Corridor, request_body

OWN, OTHER = "a" * 64, "b" * 64


async def ask(
    corridor: Corridor, registered: tuple[str, ...], presented: str | None
) -> dict[str, Any]:
    body = request_body()
    caller = msgspec.structs.replace(
        corridor.caller(body),
        agency=msgspec.structs.replace(AGENCY, x509_sha256=registered),
        x509_sha256=presented,
    )
    reply = await corridor.lookup(caller, "r" * 32, body, Deadline.after(5.0))
    answer: dict[str, Any] = msgspec.json.decode(reply.body)
    return answer


@pytest.mark.parametrize(
    ("registered", "presented", "required", "passes"),
    [
        ((), None, False, True),
        ((), OTHER, False, True),
        ((OWN,), OWN, False, True),
        ((OTHER, OWN), OWN, True, True),
        ((OWN,), OTHER, False, False),
        ((OWN,), None, False, False),
        ((), None, True, False),
        ((), OWN, True, False),
    ],
)
async def test_who_registered_any_must_present_one_of_them(
    registered: tuple[str, ...], presented: str | None, required: bool, passes: bool
) -> None:
    corridor = Corridor(x509_required=required)
    answer = await ask(corridor, registered, presented)
    (entry,) = corridor.log.entries
    assert answer.get("code") == entry.code == (None if passes else "X509_NOT_OF_AGENCY")
    assert entry.decision.result == ("permit" if passes else "deny")
    assert OTHER not in str(answer)


async def test_a_stolen_key_uses_up_nothing_of_the_agencys_limit() -> None:
    corridor = Corridor(limits=LimitsSection(agency_per_s=0.001, agency_burst=1))
    assert (await ask(corridor, (OWN,), OTHER))["code"] == "X509_NOT_OF_AGENCY"
    assert (await ask(corridor, (OWN,), OWN))["outcome"] == "found"
