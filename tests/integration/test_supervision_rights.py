# SPDX-License-Identifier: Apache-2.0
"""Who is answered what below /v1/supervision/, between real processes."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from fixtures.world import World
from gateway.crypto.keys import Signer
from tests.integration.log_reading import agency, another, auditor, recorded_in
from tests.integration.overseeing import (
    ASSIGN,
    OFTEN,
    OTHER,
    REPLY,
    SETTLE,
    complain,
    correct,
    department,
    overseen_world,
    post,
    read,
    suspect,
)


@pytest.fixture(scope="module")
def own(short_folder: Path) -> Iterator[World]:
    with overseen_world(short_folder / "rights") as world:
        yield world


def test_what_is_anothers_and_what_never_was_look_alike(own: World) -> None:
    matter = complain(own, "YQ-2026-9301")
    there, nowhere = f"/complaints/{matter['id']}", "/complaints/C-2026-999999"
    for signer in (another(own, OTHER), department(own)):
        answers = [read(own, target, signer) for target in (there, nowhere)]
        answers += [post(own, f"{target}/steps", signer, REPLY) for target in (there, nowhere)]
        problems = [{**answer.document, "request_id": ""} for answer in answers]
        assert [problem["code"] for problem in problems] == ["MATTER_ABSENT"] * 4
        assert problems[0] == problems[1]
        assert problems[2] == problems[3]
    assert read(own, "/complaints", another(own, OTHER)).document["matters"] == []


@pytest.fixture(scope="module")
def known(own: World) -> dict[str, str]:
    """What is the agency's, by segment; the department has to answer the correction."""
    drill = {"scope": "public_security", "words": "季度演练", "drill": True}
    incident = post(own, "/incidents", auditor(own, "supervisor"), drill).document["incident"]
    return {
        "incidents": str(incident["id"]),
        "complaints": str(complain(own, "YQ-2026-9321")["id"]),
        "corrections": correct(own, "YQ-2026-9322"),
        "findings": suspect(own, "YQ-2026-9323"),
    }


# What each is answered, in the order of WHO; a point is 200.
WHO = ("agency", "other", "department", "neighbour", "supervisor", "reader", "keeper")
ABSENT, UNFOUND, REFUSED = "MATTER_ABSENT", "FINDING_ABSENT", "SUPERVISION_REFUSED"
CALM = "INCIDENT_ABSENT"
NOTE = {"step": "note", "words": "已联系"}
STEPS = {
    "complaints": ASSIGN,
    "corrections": ASSIGN | {"step": "escalate"},
    "findings": SETTLE,
    "incidents": NOTE,
}
ANSWERS: list[tuple[str, tuple[str, ...]]] = [
    ("complaints", (".", ".", REFUSED, REFUSED, ".", ".", REFUSED)),
    ("complaints/{}", (".", ABSENT, ABSENT, ABSENT, ".", ".", REFUSED)),
    ("corrections", (".", ".", ".", ".", ".", ".", REFUSED)),
    ("corrections/{}", (".", ABSENT, ".", ABSENT, ".", ".", REFUSED)),
    ("complaints/{}/steps", (REFUSED, ABSENT, ABSENT, ABSENT, ".", REFUSED, REFUSED)),
    ("corrections/{}/steps", (REFUSED, ABSENT, REFUSED, ABSENT, ".", REFUSED, REFUSED)),
    ("tickets", (".", ".", REFUSED, REFUSED, ".", ".", REFUSED)),
    ("measures", (".", ".", REFUSED, REFUSED, ".", ".", REFUSED)),
    ("findings", (".", ".", REFUSED, REFUSED, ".", ".", REFUSED)),
    ("findings/{}", (".", UNFOUND, UNFOUND, UNFOUND, ".", ".", REFUSED)),
    ("findings/{}/steps", (REFUSED, UNFOUND, UNFOUND, UNFOUND, ".", REFUSED, REFUSED)),
    ("incidents", (".", ".", ".", ".", ".", ".", REFUSED)),
    ("incidents/{}", (".", CALM, ".", CALM, ".", ".", REFUSED)),
    ("incidents/{}/steps", (REFUSED, CALM, REFUSED, CALM, ".", REFUSED, REFUSED)),
    ("alarms", (REFUSED, REFUSED, ".", ".", ".", ".", REFUSED)),
    ("evaluations", (".", ".", REFUSED, REFUSED, ".", ".", REFUSED)),
]


@pytest.mark.parametrize(
    ("target", "who", "code"),
    [(target, *cell) for target, row in ANSWERS for cell in zip(WHO, row, strict=True)],
)
def test_who_is_answered_what(
    own: World, known: dict[str, str], target: str, who: str, code: str
) -> None:
    signers: dict[str, Callable[[World], Signer]] = {
        "agency": agency,
        "other": lambda world: another(world, OTHER),
        "department": department,
        "neighbour": lambda world: department(world, "yq-zfgjj"),
        "supervisor": lambda world: auditor(world, "supervisor"),
        "reader": auditor,
        "keeper": lambda world: auditor(world, "keeper"),
    }
    segment = target.partition("/")[0]
    path = f"/{target}".format(known.get(segment, ""))
    signer = signers[who](own)
    if target.endswith("steps"):
        answer = post(own, path, signer, STEPS[segment])
    else:
        answer = read(own, path, signer)
    assert answer.document.get("code", ".") == code
    assert recorded_in(own, answer).code == (None if code == "." else code)


def test_an_agency_is_limited_here_as_everywhere(own: World) -> None:
    often = another(own, OFTEN)
    answers = [read(own, "/complaints", often) for _ in range(2)]
    answers += [read(own, "/complaints", often), post(own, "/complaints", often, {})]
    assert [answer.status for answer in answers] == [200, 200, 429, 429]
    assert [recorded_in(own, answer).code for answer in answers[2:]] == ["RATE_LIMITED"] * 2
