# SPDX-License-Identifier: Apache-2.0
"""A commitment over a running gateway: made by the agency, checked by the office, remembered."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from fixtures.world import World
from gateway.client import Refused
from gateway.crypto.digest import sha256
from gateway.model.act import Act, Event
from gateway.model.commitment import CommitmentRequest, ShownCommitment
from gateway.web.cases import format_target
from tests.integration.test_cases import body_of, put, records
from tests.integration.test_materials import ask
from tests.integration.test_supervision import command
from tests.integration.wire import COVERED, Answer, send, sign

MATERIAL = "结婚证"


@pytest.fixture(scope="module")
def own(short_folder: Path) -> Iterator[World]:
    folder = short_folder / "commitments"
    folder.mkdir()
    with World(folder, workers=2) as world:
        yield world


def today() -> date:
    return (datetime.now(UTC) + timedelta(hours=8)).date()


def register(world: World, case: str) -> None:
    assert put(world, case, body_of(world.citizens[0].id_number, situation="married")).status == 200


def offer(world: World, case: str) -> dict[str, str]:
    """What the gateway says of the material."""
    answer = ask(world, case, situation="married")
    found = [each for each in answer.document["materials"] if each["material"] == MATERIAL]
    return dict(found[0])


def commit(world: World, case: str, text: str, version: int = 1) -> ShownCommitment:
    request = CommitmentRequest(
        version, sha256(text.encode()).hex(), "signed", "applicant", today()
    )

    async def make() -> ShownCommitment:
        async with world.client() as client:
            return (await client.commit(case, MATERIAL, request)).answer.commitment

    return asyncio.run(make())


def get(world: World, case: str) -> Answer:
    target = format_target(case, commitment=MATERIAL)
    draft = sign(world, b"", target=target, method="GET", covered=COVERED[:4])
    return send(world, draft.without_fields("Content-Type", "Content-Digest"))


def test_clause_7_4_a_commitment_is_made_checked_found_false_and_excludes_until_it_is_lifted(
    own: World,
) -> None:
    case, later = "YQ-2026-7401", "YQ-2026-7402"
    register(own, case)
    register(own, later)
    text = str(offer(own, case)["commitment"]["text"])  # type: ignore[index] # an object
    kept = commit(own, case, text)
    assert (kept.case, kept.material, kept.result) == (case, MATERIAL, None)
    told = offer(own, case)
    assert (told["outcome"], "todo" in told, "commitment" in told) == ("promisable", False, False)
    assert get(own, case).document["commitment"]["form"] == "signed"
    [listed] = command(own, "commitment", "list", "--unchecked")
    assert listed["draft"]["number"] == case
    key = ("yq-gjj", case, MATERIAL)
    check = ("commitment", "check", *key, "--by", "核查科", "--result", "false")
    assert command(own, *check, code=1)["error"]["code"] == "COMMITMENT_STEP_REFUSED"
    assert command(own, *check, "--words", "登记信息不符")["result"] == "false"
    assert get(own, case).document["commitment"]["result"] == "false"
    with pytest.raises(Refused) as refused:
        commit(own, later, text)
    assert refused.value.problem.code == "COMMITMENT_EXCLUDED"
    assert "commitment" not in offer(own, later)
    lift = ("commitment", "lift", *key, "--words", "信用修复", "--by", "审批科")
    assert command(own, *lift)["lifted"] is True
    assert commit(own, later, text).result is None
    said = [
        each.detail
        for each in records(own)
        if isinstance(each, Event) and each.event == "commitment_changed"
    ]
    about = f"agency=yq-gjj case={case}"
    assert said == [f"{about} step=check result=false", f"{about} step=lift result=lifted"]


def test_every_request_is_on_record_without_a_number(own: World) -> None:
    before = len(records(own))
    register(own, "YQ-2026-7411")
    with pytest.raises(Refused) as refused:
        commit(own, "YQ-2026-7411", "另一文本")
    assert refused.value.problem.code == "COMMITMENT_TEXT_CHANGED"
    assert get(own, "YQ-2026-7411").document["code"] == "COMMITMENT_ABSENT"
    acts = [each for each in records(own)[before:] if isinstance(each, Act)]
    assert [(act.action, act.code) for act in acts] == [
        ("case_register", None),
        ("case_commit", "COMMITMENT_TEXT_CHANGED"),
        ("case_commitment", "COMMITMENT_ABSENT"),
    ]
    assert own.citizens[0].id_number.encode() not in msgspec.json.encode(acts)
