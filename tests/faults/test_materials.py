# SPDX-License-Identifier: Apache-2.0
"""kill -9 between the entries of a call for all materials: what was answered is on record, whole.

Afterwards each answer that a caller received must have its act in the log, at the index that its
receipt named, with the digest of the very bytes, and an entry for each material that it gives an
index of, with the digest of that material's part.
"""

import asyncio
import os
import random
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from typing import Final

import msgspec
import pytest

from fixtures.world import World
from gateway.audit.store.reader import LogReader
from gateway.client import GatewayClient, SignedMaterials
from gateway.crypto.digest import sha256
from gateway.errors import GatewayError
from gateway.model.act import Act
from gateway.model.case import CaseHolder, CaseRegistration
from gateway.model.entry import Entry
from gateway.model.lookup import Attribution, HolderReference, OperatorReference
from gateway.model.plan import MaterialsRequest
from gateway.model.record import parse_record
from tests.faults.conftest import tough_world

KILLS: Final = int(os.environ.get("YIZHENG_KILLS", "20")) // 2
SEED: Final = int(os.environ.get("YIZHENG_SEED", "20261122"))
CALLERS: Final = 4
DEADLINE_S: Final = 5
CASE: Final = "YQ-KILL-7001"
RETURN_LIMIT_S: Final = float(os.environ.get("YIZHENG_RETURN_S", "30"))
_OPERATOR: Final = OperatorReference("yq-0417", "测试经办")
_ATTRIBUTION: Final = Attribution("yq-gjj-001", CASE, "住房公积金提取", _OPERATOR)


@pytest.fixture
def unhurried() -> Iterator[World]:
    """A gateway that has the time for six materials of four callers on a busy machine."""
    with tough_world(deadline_s=DEADLINE_S) as world:
        world.start_gateway()
        yield world


async def register(world: World, client: GatewayClient) -> None:
    holders = [HolderReference("cn-id", world.citizen_with_account(n).id_number) for n in (0, 1)]
    parties = (CaseHolder("applicant", holders[0]), CaseHolder("spouse", holders[1]))
    await client.register_case(
        CASE,
        CaseRegistration("yq-gjj-001", parties, _OPERATOR, datetime.now(UTC), situation="married"),
    )


async def ask_on(client: GatewayClient, answers: list[SignedMaterials]) -> None:
    """Ask until cancelled; who got no answer asks again."""
    while True:
        try:
            answers.append(await client.materials(MaterialsRequest(_ATTRIBUTION, max_age_s=0)))
        except GatewayError:
            await asyncio.sleep(0.02)


async def until_more(answers: list[SignedMaterials]) -> None:
    """Return when somebody is answered anew."""
    before, end_s = len(answers), time.monotonic() + RETURN_LIMIT_S
    while len(answers) == before and time.monotonic() < end_s:  # noqa: ASYNC110 - a list tells nobody
        await asyncio.sleep(0.01)
    assert len(answers) > before


@pytest.mark.timeout(60 + 10 * KILLS)
async def test_every_answer_for_all_materials_is_in_the_log_whatever_is_killed(
    unhurried: World,
) -> None:
    dice, answers = random.Random(SEED), list[SignedMaterials]()
    async with unhurried.client() as client:
        await register(unhurried, client)
        callers = [asyncio.create_task(ask_on(client, answers)) for _ in range(CALLERS)]
        for _ in range(KILLS):
            await asyncio.sleep(dice.uniform(0.02, 0.25))
            name = dice.choice(["sequencer", "sequencer", "worker-1"])
            pids = unhurried.pids()
            with suppress(ProcessLookupError):  # it is being started again
                os.kill(pids.get(name) or pids["sequencer"], signal.SIGKILL)
            await until_more(answers)
        for caller in callers:
            caller.cancel()
        await asyncio.wait(callers)
    assert unhurried.gateway.stop() == 0
    assert len(answers) >= KILLS
    check(unhurried, answers)


def check(world: World, answers: list[SignedMaterials]) -> None:
    """Each answer has its act, and each material its entry."""
    reader = LogReader.open(world.site / "var/audit")
    lines = [line for _, line in reader.entries()]
    reader.close()
    for signed in answers:
        act = parse_record(lines[signed.receipt.index])
        assert isinstance(act, Act)
        assert act.id == signed.answer.request_id
        assert msgspec.json.decode(act.query or "")["response"] == sha256(signed.body).hex()
        asked = [each for each in signed.answer.materials if each.index is not None]
        assert len(asked) == 6
        for material in asked:
            assert material.index is not None
            assert material.answer is not msgspec.UNSET
            entry = parse_record(lines[material.index])
            assert isinstance(entry, Entry)
            assert entry.plan == act.id
            assert entry.response.digest == sha256(bytes(material.answer)).hex()
