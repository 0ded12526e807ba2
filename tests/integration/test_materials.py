# SPDX-License-Identifier: Apache-2.0
"""All materials of a case between real processes: an entry each, one act, one signature."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from fixtures.citizens import Citizen
from fixtures.world import World
from gateway.audit.store.reader import LogReader
from gateway.audit.verify import verify_log
from gateway.config import load_site
from gateway.crypto.digest import sha256
from gateway.keyring import log_verifier
from gateway.model.act import Act
from gateway.model.entry import Entry
from gateway.model.record import Record, parse_record
from gateway.web.cases import format_target
from tests.integration.wire import Answer, send, sign, verify_signed

SETTINGS = '\n[cases]\nregistration = "required"\n'
TARGET = "/v1/materials"
CASE = "YQ-2026-7001"
OPERATOR = {"id": "yq-0417", "name": "测试经办"}


@pytest.fixture(scope="module")
def own(short_folder: Path) -> Iterator[World]:
    folder = short_folder / "materials"
    folder.mkdir()
    with World(folder, workers=2, settings=SETTINGS) as world:
        yield world


@pytest.fixture(scope="module")
def couple(own: World) -> tuple[Citizen, Citizen]:
    """Whom both departments know; for these they are married."""
    known = [citizen for citizen in own.citizens if citizen.housing_fund is not None]
    return known[0], known[1]


@pytest.fixture(scope="module")
def case(own: World, couple: tuple[Citizen, Citizen]) -> str:
    body = {
        "item": "yq-gjj-001",
        "situation": "married",
        "operator": OPERATOR,
        "opened_at": "2026-11-20T16:00:00+08:00",
        "holders": [
            {"role": role, "holder": {"scheme": "cn-id", "number": citizen.id_number}}
            for role, citizen in zip(("applicant", "spouse"), couple, strict=True)
        ],
    }
    draft = sign(own, msgspec.json.encode(body), target=format_target(CASE), method="PUT")
    assert send(own, draft).status == 200
    return CASE


def ask(world: World, case: str, **changes: Any) -> Answer:
    attribution = {
        "item": "yq-gjj-001",
        "case": case,
        "operator": OPERATOR,
        "purpose": "公积金提取",
    }
    body = msgspec.json.encode({"attribution": attribution} | changes)
    draft = sign(world, body, target=TARGET)
    answer = send(world, draft)
    verify_signed(world, draft, answer)
    return answer


def records(world: World) -> list[Record]:
    reader = LogReader.open(world.site / "var/audit")
    try:
        return [parse_record(line) for _, line in reader.entries()]
    finally:
        reader.close()


def outcomes(answer: Answer) -> dict[tuple[str, str], str]:
    return {
        (each["material"], each["role"]): each["outcome"] for each in answer.document["materials"]
    }


def test_one_signed_call_has_every_material_on_record_before_it_is_answered(
    own: World, case: str, couple: tuple[Citizen, Citizen]
) -> None:
    before = len(records(own))
    answer = ask(own, case)
    assert answer.status == 200
    found = records(own)[before:]
    assert outcomes(answer) == {
        ("居民身份证复印件", "applicant"): "shared",
        ("住房公积金缴存证明", "applicant"): "shared",
        # Of these two departments nobody answers here, which the catalogue has words for.
        ("户口簿", "applicant"): "deferrable",
        ("不动产权证书", "applicant"): "deferrable",
        ("结婚证", "applicant"): "deferrable",
        ("配偶居民身份证复印件", "spouse"): "shared",
        ("购房款发票", "applicant"): "deferrable",
    }
    index = int(answer.fields["audit-receipt"].rpartition("=")[2])
    act = records(own)[index]
    assert isinstance(act, Act)
    assert (act.action, act.subject, act.outcome) == ("case_materials", case, "done")
    assert msgspec.json.decode(act.query or "")["response"] == sha256(answer.body).hex()
    entries = [each for each in found if isinstance(each, Entry)]
    assert {entry.plan for entry in entries} == {act.id}
    told = {each["index"] for each in answer.document["materials"] if "index" in each}
    assert told == set(range(before, index))
    assert len(entries) == len(told) == len(found) - 1
    for citizen in couple:
        assert citizen.id_number.encode() not in answer.raw


def test_what_was_had_comes_from_the_cache_of_whichever_worker_and_the_log_verifies(
    own: World, case: str
) -> None:
    again = [ask(own, case) for _ in range(6)]
    served = [
        each["answer"]["served_from"]
        for answer in again
        for each in answer.document["materials"]
        if each["outcome"] == "shared"
    ]
    assert served.count("cache") >= len(served) // 2
    reader = LogReader.open(own.site / "var/audit")
    verify_log(reader, log_verifier(load_site(own.site)))
    reader.close()


def test_a_department_that_is_away_is_its_own_materials_outcome_and_comes_back(
    own: World, case: str
) -> None:
    own.housing_fund.stop()
    try:
        away = ask(own, case, max_age_s=0)
        assert away.status == 200
        said = outcomes(away)
        assert said["住房公积金缴存证明", "applicant"] == "unavailable"
        assert said["居民身份证复印件", "applicant"] == "shared"
    finally:
        own.housing_fund.start()


@pytest.mark.parametrize(
    ("target", "body", "status", "code"),
    [
        (f"{TARGET}?x=1", b"{}", 404, "PATH_UNKNOWN"),
        (TARGET, b"{}", 400, "BODY_MALFORMED"),
        (TARGET, b"{" + b" " * 40_000 + b"}", 413, "BODY_TOO_LARGE"),
    ],
)
def test_what_is_no_such_request_is_refused(
    own: World, target: str, body: bytes, status: int, code: str
) -> None:
    answer = send(own, sign(own, body, target=target))
    assert (answer.status, answer.document["code"]) == (status, code)
