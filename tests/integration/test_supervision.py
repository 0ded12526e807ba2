# SPDX-License-Identifier: Apache-2.0
"""Complaints with their replay, evaluations and the monthly report over a running gateway."""

import asyncio
import time
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from jwcrypto.jwk import JWKSet
from jwcrypto.jws import JWS

from fixtures.world import World
from gateway.audit.store.reader import LogReader
from gateway.errors import GatewayError
from gateway.model.act import Act, Event
from gateway.model.record import Record, parse_record
from tests.integration.test_cases import body_of, put
from tests.integration.test_search import run
from tests.integration.tsa import told

LIMIT_S = 60.0
MATERIAL = "居民身份证复印件"


@pytest.fixture(scope="module")
def own(short_folder: Path) -> Iterator[World]:
    folder = short_folder / "supervision"
    folder.mkdir()
    with World(folder) as world:
        yield world


def command(world: World, *arguments: str, said: str = "", code: int = 0) -> Any:
    done = run(*arguments, "--site", str(world.site), "--json", said=said)
    assert done.returncode == code, done.stderr
    return msgspec.json.decode(done.stdout if code == 0 else done.stderr.splitlines()[-1])


def look_up(world: World, case: str) -> None:
    async def ask() -> None:
        async with world.client() as client:
            number = world.citizens[0].id_number
            await client.lookup(world.request(number, attribution__case=case))

    asyncio.run(ask())


def wait_for_index(world: World) -> None:
    until = time.monotonic() + LIMIT_S
    while told(world.url)["index"] != "ok":
        assert time.monotonic() < until
        time.sleep(0.05)


def complain(world: World, case: str, material: str = MATERIAL, *, ago_s: int = 0) -> Any:
    wait_for_index(world)
    at = datetime.now(UTC) + timedelta(seconds=1 - ago_s)
    return command(
        world, "complaint", "open", "yq-gjj", case, material, "--item", "yq-gjj-001",
        "--words", "窗口要求提交复印件", "--by", "12345", "--demanded-at", at.isoformat(),
    )  # fmt: skip


def records(world: World) -> list[Record]:
    with closing(LogReader.open(world.site / "var/audit")) as reader:
        return [parse_record(line) for _, line in reader.entries()]


def test_clause_8_1_3_a_complaint_replays_what_was_there_and_goes_its_way_to_the_call_back(
    own: World,
) -> None:
    look_up(own, "YQ-2026-8101")
    opened = complain(own, "YQ-2026-8101")
    replay = opened["draft"]["replay"]
    assert (replay["available"], replay["cause"]) == (True, "window_did_not_use_data")
    assert replay["department"]["adapter"] == "public_security"
    assert [(each["outcome"], each["served_from"]) for each in replay["accesses"]] == [
        ("found", "source")
    ]
    assert own.citizens[0].id_number not in msgspec.json.encode(opened).decode()
    anew = command(own, "complaint", "replay", opened["id"], *own.auditing())
    assert anew["accesses"] == replay["accesses"]
    act = [record for record in records(own) if isinstance(record, Act)][-1]
    assert (act.action, act.subject, act.actor) == ("search", opened["id"], "auditor-a")
    command(own, "complaint", "assign", opened["id"], "window 3", "--by", "lead")
    command(
        own, "complaint", "reply", opened["id"], "--words", "已改正", "--by", "window 3",
        "--cause", "window_did_not_use_data",
    )  # fmt: skip
    called = ("complaint", "call-back", opened["id"], "--result", "satisfied", "--by", "12345")
    assert command(own, *called)["state"] == "closed"
    assert command(own, *called, code=1)["error"]["code"] == "MATTER_STEP_REFUSED"
    said = [
        record.detail
        for record in records(own)
        if isinstance(record, Event) and opened["id"] in record.detail
    ]
    assert said == [
        f"id={opened['id']} step={step} state={state}"
        for step, state in [
            ("open", "open"),
            ("assign", "assigned"),
            ("reply", "answered"),
            ("call_back", "closed"),
        ]
    ]


def test_clause_8_1_3_a_material_that_is_not_shared_could_not_have_been_had(own: World) -> None:
    replay = complain(own, "YQ-2026-8102", "不在清单的材料")["draft"]["replay"]
    assert (replay["available"], replay["cause"]) == (False, "no_list_entry")


def test_clause_8_2_a_bad_rating_makes_a_ticket_and_nothing_tells_who_gave_it(own: World) -> None:
    case, me = "YQ-2026-8201", own.citizens[0].id_number
    assert put(own, case, body_of(me)).status == 200
    give = ("evaluation", "give", "yq-gjj", case, "--level", "2", "--evaluator-file", "-")
    stranger = command(own, *give, said=f"{own.citizens[1].id_number}\n", code=1)
    assert stranger["error"]["code"] == "CASE_HOLDER_MISMATCH"
    given = command(own, *give, said=f"{me}\n")
    assert command(own, *give, said=f"{me}\n", code=1)["error"]["code"] == "EVALUATION_TWICE"
    ticket = command(own, "evaluation", "ticket", "show", given["ticket"])
    seen = command(own, "evaluation", "list", "--agency", "yq-gjj", "--unit")
    for shown in (ticket, seen):
        text = msgspec.json.encode(shown).decode()
        assert case not in text
        assert me not in text
    assert [each["level"] for each in seen] == [2]
    event = [record for record in records(own) if isinstance(record, Event)][-1]
    assert (event.event, event.detail) == ("case_evaluated", "agency=yq-gjj item=yq-gjj-001")
    rows = command(own, "evaluation", "outcomes")
    assert [(row["outcome"], row["bad_count"]) for row in rows] == [("no_lookup", 1)]


def test_clause_8_3_2_the_months_report_is_signed_with_the_published_key(own: World) -> None:
    look_up(own, "YQ-2026-8301")
    wait_for_index(own)
    month = f"{datetime.now(UTC) + timedelta(hours=8):%Y-%m}"
    asked = ("kpi", "report", "--month", month, *own.auditing())
    assert command(own, *asked, code=1)["error"]["code"] == "PERIOD_INVALID"
    made = command(own, *asked, "--preliminary")
    figures = {each["department"]: each for each in made["report"]["figures"]}
    assert figures["public_security"]["answered_count"] >= 1
    assert figures["public_security"]["availability"] == 1.0
    with urllib.request.urlopen(f"{own.url}/.well-known/jwks.json") as answer:
        keys = JWKSet.from_json(answer.read().decode())
    envelope = JWS()
    envelope.deserialize(Path(made["files"][2]).read_text())
    envelope.verify(keys.get_key(envelope.jose_header["kid"]), alg="ES256")
    assert envelope.payload == Path(made["files"][1]).read_bytes()
    assert records(own)[made["act_index"]].id


def test_clause_8_3_1_a_measure_whose_figure_is_not_better_goes_back_to_its_owner(
    own: World,
) -> None:
    look_up(own, "YQ-2026-8311")
    wait_for_index(own)
    reading = ("--by", "lead", *own.auditing())
    opened = command(
        own, "corrective", "open", "yq-gjj", "public_security", "--metric", "availability",
        "--source", "audit", "--words", "增加连接数", *reading,
    )  # fmt: skip
    assert opened["draft"]["before"] == 1.0
    measure = opened["id"]
    command(own, "corrective", "assign", measure, "operations", "--by", "lead")
    command(own, "corrective", "reply", measure, "--words", "已增加", "--by", "operations")
    verified = command(own, "corrective", "verify", measure, *reading)
    assert verified["state"] == "assigned"
    step = verified["steps"][-1]["draft"]
    assert (step["result"], step["after"]) == ("not_improved", 1.0)


def test_clause_8_1_3_a_department_that_is_away_is_told_from_a_window_that_did_not_ask(
    own: World,
) -> None:
    own.public_security.stop()
    with pytest.raises(GatewayError):
        look_up(own, "YQ-2026-8103")
    replay = complain(own, "YQ-2026-8103")["draft"]["replay"]
    assert (replay["available"], replay["cause"]) == (False, "provider_down")
    assert [each["code"] for each in replay["accesses"]] == ["PROVIDER_UNAVAILABLE"]
