# SPDX-License-Identifier: Apache-2.0
"""Requests of supervision by whoever signs them, in a small world with three agencies."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec

from fixtures.world import World
from gateway.crypto.keys import Signer, load_signer
from tests.integration.log_reading import add_agency, agency, auditor, get
from tests.integration.test_cases import body_of, put
from tests.integration.test_supervision import MATERIAL, command, wait_for_index
from tests.integration.wire import Answer, Draft, send, sign, verify_signed

ROOM = "/v1/supervision"
OTHER = "yq-other"
OFTEN = "yq-often"
ASSIGN = {"step": "assign", "owner": "window 3"}
REPLY = {"step": "reply", "words": "已改正", "cause": "window_did_not_use_data"}
SETTLE = {"step": "settle", "words": "已督促办结"}
SATISFIED = {"step": "call_back", "result": "satisfied"}


@contextmanager
def overseen_world(folder: Path) -> Iterator[World]:
    """Two departments, an agency, another one, and one that may ask twice only."""
    folder.mkdir()
    world = World(folder)
    add_agency(world, OTHER)
    add_agency(world, OFTEN, per_s=0.001, burst=2)
    with world:
        yield world


def department(world: World, name: str = "yq-ga") -> Signer:
    return load_signer(world.department_key(name).read_bytes(), f"{name}-1")


def ask(world: World, draft: Draft) -> Answer:
    """Send it; whoever is identified gets a signed answer with its record."""
    answer = send(world, draft)
    verify_signed(world, draft, answer)
    return answer


def read(world: World, target: str, signer: Signer, **fields: str) -> Answer:
    return ask(world, get(world, ROOM + target, signer).with_fields(**fields))


def post(world: World, target: str, signer: Signer, body: dict[str, Any]) -> Answer:
    return ask(world, sign(world, msgspec.json.encode(body), signer=signer, target=ROOM + target))


def register(world: World, case: str) -> None:
    assert put(world, case, body_of(world.citizens[0].id_number)).status == 200


def complaint(case: str, **changes: Any) -> dict[str, Any]:
    at = datetime.now(UTC) + timedelta(seconds=2)
    demanded_at = at.isoformat(timespec="seconds")
    words = "窗口要求提交复印件"
    return {
        "case": case,
        "material": MATERIAL,
        "words": words,
        "demanded_at": demanded_at,
    } | changes


def complain(world: World, case: str) -> dict[str, Any]:
    """A complaint of the agency about a case that is registered for it."""
    register(world, case)
    answer = post(world, "/complaints", agency(world), complaint(case))
    assert answer.status == 200, answer.body
    matter: dict[str, Any] = answer.document["matter"]
    return matter


def correct(world: World, case: str, certificate: str = "public_security.identity") -> str:
    """Id of a correction request, assigned."""
    register(world, case)
    body = {"certificate": certificate, "case": case, "words": "有效期起止颠倒"}
    matter = post(world, "/corrections", agency(world), body).document["matter"]
    steps = f"/corrections/{matter['id']}/steps"
    assert post(world, steps, auditor(world, "supervisor"), ASSIGN).status == 200
    return str(matter["id"])


def suspect(world: World, case: str) -> str:
    """Id of what monitoring finds of a case that is open for too long."""
    opened_at = (datetime.now(UTC) - timedelta(days=40)).isoformat(timespec="seconds")
    body = body_of(world.citizens[0].id_number, opened_at=opened_at)
    assert put(world, case, body).status == 200
    wait_for_index(world)
    command(world, "monitor", "run")
    found = {
        (each["about"]["case"], each["about"]["rule"]): each["id"]
        for each in command(world, "monitor", "list")
    }
    return str(found[case, "limit_overdue"])
