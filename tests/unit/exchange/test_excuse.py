# SPDX-License-Identifier: Apache-2.0
"""Whatever keeps an identified request from its answer becomes a refusal that can be recorded."""

from pathlib import Path

import pytest

from gateway.errors import AuditError, GatewayError, RequestError, SetupError, StoreError
from gateway.exchange.excuse import excuse
from tests.unit.exchange.planning import Counter
from tests.unit.exchange.rooms import NUMBER
from tests.unit.office.drafts import CASE


@pytest.mark.parametrize("error", [RequestError("CASE_ABSENT"), StoreError("OFFICE_UNAVAILABLE")])
def test_a_refusal_of_ours_is_told_as_it_is(error: GatewayError) -> None:
    faults: list[BaseException] = []
    assert excuse(error, faults.append).refusal is error.refusal
    assert not faults


@pytest.mark.parametrize(
    "error",
    [ValueError(NUMBER), SetupError(NUMBER, where="calendar/2027.toml", remedy="add the file.")],
)
def test_of_anything_else_only_we_hear_what_it_said(error: Exception) -> None:
    faults: list[BaseException] = []
    refused = excuse(error, faults.append)
    assert (refused.refusal.code, refused.detail, faults) == ("INTERNAL", "", [error])


def test_what_cannot_be_recorded_is_not_excused() -> None:
    error, faults = AuditError("AUDIT_UNAVAILABLE"), list[BaseException]()
    with pytest.raises(AuditError) as raised:
        excuse(error, faults.append)
    assert raised.value is error
    assert not faults


async def test_a_call_for_materials_that_fails_by_a_mistake_of_ours_is_on_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    counter, fault = Counter(tmp_path / "office"), RuntimeError(f"of {NUMBER}")
    await counter.register_family()

    def fail(*_: object) -> None:
        raise fault

    monkeypatch.setattr(counter.deferrals, "waiting_in", fail)
    reply, said = await counter.ask()
    assert (reply.status, said["code"], reply.index) == (500, "INTERNAL", 0)
    [act] = counter.log.acts
    assert (act.subject, act.outcome, act.code) == (CASE, "refused", "INTERNAL")
    assert counter.faults == [fault]
    assert NUMBER.encode() not in reply.body + counter.log.lines[0]
    counter.store.close()
