# SPDX-License-Identifier: Apache-2.0
"""A department's signal: for its own certificates, always recorded, answered when forgotten."""

from datetime import timedelta
from typing import Any

import msgspec
import pytest

from gateway.errors import AuditError
from gateway.exchange.invalidate import Invalidate
from gateway.exchange.reply import Reply
from gateway.model.instant import format_time_s
from gateway.ports import Caller, Owners
from gateway.sdk import Deadline
from tests.unit.exchange.changes import Changes
from tests.unit.exchange.rooms import AGENCY, IDENTITY, NOW, NUMBER, Corridor, Department


class Registry(Owners):
    def __init__(self, *adapters: str) -> None:
        self._adapters = adapters

    def adapters_of(self, caller: Caller) -> tuple[str, ...]:
        return self._adapters


class Desk:
    def __init__(self, *adapters: str, x509_required: bool = False) -> None:
        self.changes = Changes()
        self.faults: list[BaseException] = []
        self._corridor = Corridor()
        self._invalidate = Invalidate(
            departments=Department(),
            owners=Registry(*adapters),
            changes=self.changes,
            clock=lambda: NOW,
            utc_offset_h=8,
            clock_window_s=60,
            x509_required=x509_required,
            on_fault=self.faults.append,
        )

    async def signal(self, **changes: Any) -> tuple[Reply, dict[str, Any]]:
        body = msgspec.json.encode(
            {
                "holder": {"scheme": "cn-id", "number": NUMBER},
                "changed_at": format_time_s(NOW),
            }
            | changes
        )
        caller = self._corridor.caller(body)
        reply = await self._invalidate(caller, "r" * 32, body, Deadline.after(5))
        return reply, msgspec.json.decode(reply.body)


async def test_without_a_list_all_certificates_of_its_adapters_are_meant() -> None:
    desk = Desk("public_security")
    reply, said = await desk.signal()
    assert (reply.status, reply.index) == (200, 7)
    assert said == {
        "request_id": "r" * 32,
        "certificates": [IDENTITY.name],
        "changed_at": "2026-11-22T08:00:00Z",
    }
    [change] = desk.changes.signalled
    assert (change.holder.number, change.certificates) == (NUMBER, (IDENTITY.name,))


async def test_a_certificate_that_is_named_twice_is_meant_once() -> None:
    desk = Desk("public_security")
    await desk.signal(certificates=[IDENTITY.name] * 2)
    assert desk.changes.signalled[0].certificates == (IDENTITY.name,)


async def test_an_adapter_that_is_not_loaded_takes_nothing_from_the_others() -> None:
    desk = Desk("not_here", "public_security")
    reply, _ = await desk.signal(certificates=[IDENTITY.name])
    assert reply.status == 200


async def test_anothers_certificate_is_refused_and_nothing_is_forgotten() -> None:
    desk = Desk("housing_fund")
    reply, said = await desk.signal(certificates=[IDENTITY.name])
    assert (reply.status, reply.index) == (403, 8)
    assert said["code"] == "CERTIFICATE_NOT_OF_DEPARTMENT"
    [(code, holder)] = desk.changes.refused
    assert code == said["code"]
    assert holder is not None
    assert not desk.changes.signalled


@pytest.mark.parametrize(("ahead_s", "status"), [(60, 200), (61, 400)])
async def test_a_change_may_lie_ahead_by_no_more_than_clocks_do(ahead_s: int, status: int) -> None:
    at = format_time_s(NOW + timedelta(seconds=ahead_s))
    assert (await Desk("public_security").signal(changed_at=at))[0].status == status


async def test_a_signal_that_came_before_is_refused_on_record() -> None:
    desk = Desk("public_security")
    desk.changes.is_replay = True
    reply, said = await desk.signal()
    assert (reply.status, said["code"], reply.index) == (401, "NONCE_REPLAYED", 8)
    reply, said = await desk.signal(certificates=["x.y"])
    assert (said["code"], reply.index) == ("NONCE_REPLAYED", 8)


async def test_without_a_record_there_is_no_answer() -> None:
    desk = Desk("public_security")
    desk.changes.fail_count = 1
    with pytest.raises(AuditError):
        await desk.signal()


async def test_a_connection_of_somebody_else_is_refused_on_record() -> None:
    desk = Desk("public_security", x509_required=True)
    _, said = await desk.signal()
    assert said["code"] == "X509_NOT_OF_AGENCY"
    assert desk.changes.refused == [("X509_NOT_OF_AGENCY", None)]
    assert not AGENCY.x509_sha256


async def test_while_other_nodes_cannot_be_told_it_is_refused_on_record() -> None:
    desk = Desk("public_security")
    desk.changes.is_alone = True
    reply, said = await desk.signal()
    assert (reply.status, reply.index, said["code"]) == (503, 8, "CACHE_UNREACHED")
    assert said["retryable"]
    [(code, holder)] = desk.changes.refused
    assert (code, holder is not None) == ("CACHE_UNREACHED", True)
    assert not desk.changes.signalled


async def test_a_mistake_of_ours_is_refused_on_record(monkeypatch: pytest.MonkeyPatch) -> None:
    desk, fault = Desk("public_security"), RuntimeError(f"of {NUMBER}")

    async def fail(*_: object) -> None:
        raise fault

    monkeypatch.setattr(desk.changes, "signal", fail)
    reply, said = await desk.signal()
    assert (reply.status, reply.index, said["code"]) == (500, 8, "INTERNAL")
    assert [code for code, _ in desk.changes.refused] == ["INTERNAL"]
    assert desk.faults == [fault]
    assert NUMBER.encode() not in reply.body
