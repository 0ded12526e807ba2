# SPDX-License-Identifier: Apache-2.0
"""What an agency may have promised in a material's place, and how that is recorded."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from gateway.admission.rate import AgencyLimits
from gateway.audit.cases import CaseActs
from gateway.catalog.catalog import ItemCatalog
from gateway.exchange.case_requests import CaseRequests
from gateway.exchange.commitments import CaseCommitments, digest_of
from gateway.exchange.reply import Reply
from gateway.model.commitment import CommitmentStep
from gateway.model.limits import LimitsSection
from gateway.sdk import Deadline
from tests.unit.exchange.planning import COMMITMENT, ITEM, Counter
from tests.unit.exchange.rooms import NOW, NUMBER, Month
from tests.unit.office.drafts import AGENCY, CASE, SPOUSE

TITLE = "产权证"
BODY: dict[str, Any] = {
    "text_version": ITEM.version,
    "text_digest": digest_of(COMMITMENT.text),
    "form": "signed",
    "by": "applicant",
    "committed_on": "2026-11-22",
}


class Window(Counter):
    """A window that also takes commitments."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.desk = CaseCommitments(
            book=self.book,
            commitments=self.commitments,
            requests=CaseRequests(
                CaseActs(self.log, epochs=Month(), clock=lambda: NOW, nonce_life_s=65),
                AgencyLimits(LimitsSection(), workers=1),
                on_fault=self.faults.append,
            ),
            catalog=ItemCatalog([ITEM]),
            clock=lambda: NOW,
            utc_offset_h=8,
        )

    async def commit(self, material: str = TITLE, **changes: Any) -> tuple[Reply, dict[str, Any]]:
        body = msgspec.json.encode(BODY | changes)
        reply = await self.desk.commit(
            self.caller(body), "r" * 32, (CASE, material), body, Deadline.after(5)
        )
        return reply, msgspec.json.decode(reply.body)

    async def refusal(self, material: str = TITLE, **changes: Any) -> str:
        reply, said = await self.commit(material, **changes)
        assert self.log.acts[-1].code == said["code"], reply
        return str(said["code"])

    async def find_false(self) -> None:
        step = CommitmentStep(step="check", by="核查科", result="false", words="登记信息不符")
        await self.commitments.take((AGENCY, CASE, TITLE), step, Deadline.after(5))


@pytest.fixture
def window(tmp_path: Path) -> Iterator[Window]:
    opened = Window(tmp_path / "office")
    yield opened
    opened.store.close()


async def test_clause_7_4_a_commitment_is_kept_recorded_and_answered_with_its_check_task(
    window: Window,
) -> None:
    await window.register()
    reply, said = await window.commit()
    assert (reply.status, reply.index) == (200, 0)
    kept = said["commitment"]
    assert {name: kept[name] for name in BODY} == BODY
    assert (kept["case"], kept["item"], kept["material"]) == (CASE, ITEM.code, TITLE)
    [act] = window.log.acts
    assert (act.action, act.subject, act.outcome) == ("case_commit", CASE, "done")
    assert msgspec.json.decode(act.query or "") == {
        "by": "applicant",
        "committed_on": "2026-11-22",
        "form": "signed",
        "material": TITLE,
        "text": [1, digest_of(COMMITMENT.text)],
    }
    assert act.holder is not None
    assert NUMBER.encode() not in b"".join(window.log.lines)


async def test_it_is_shown_as_it_stands_to_its_agency_alone(window: Window) -> None:
    await window.register()
    await window.commit()
    shown = await window.desk.show(window.caller(b""), "s" * 32, (CASE, TITLE), Deadline.after(5))
    assert msgspec.json.decode(shown.body)["commitment"]["material"] == TITLE
    absent = await window.desk.show(window.caller(b""), "s" * 32, (CASE, "照片"), Deadline.after(5))
    assert msgspec.json.decode(absent.body)["code"] == "COMMITMENT_ABSENT"
    assert [act.action for act in window.log.acts[1:]] == ["case_commitment"] * 2


@pytest.mark.parametrize(
    ("material", "changes", "code"),
    [
        ("身份证", {}, "COMMITMENT_NOT_ALLOWED"),
        ("未婚声明", {}, "COMMITMENT_NOT_ALLOWED"),  # of another situation than the case's
        ("没有的材料", {}, "COMMITMENT_NOT_ALLOWED"),
        (TITLE, {"text_version": 2}, "COMMITMENT_TEXT_CHANGED"),
        (TITLE, {"text_digest": digest_of("另一文本")}, "COMMITMENT_TEXT_CHANGED"),
        (TITLE, {"by": "spouse"}, "CASE_HOLDER_MISMATCH"),
        (TITLE, {"committed_on": "2026-11-23"}, "BODY_MALFORMED"),
        (TITLE, {"committed_on": "2026-11-21"}, "BODY_MALFORMED"),
        (TITLE, {"form": "shouted"}, "BODY_MALFORMED"),
        (TITLE, {"number": NUMBER}, "BODY_MALFORMED"),
    ],
)
async def test_clause_7_4_a_commitment_is_only_what_the_catalogue_lets_be_promised(
    window: Window, material: str, changes: dict[str, Any], code: str
) -> None:
    await window.register()
    assert await window.refusal(material, **changes) == code
    assert window.commitments.of_case(AGENCY, CASE) == []


async def test_a_commitment_is_of_a_known_case(window: Window) -> None:
    assert await window.refusal() == "CASE_ABSENT"


async def test_clause_7_4_a_material_that_was_promised_by_commitment_is_missing_no_more(
    window: Window,
) -> None:
    await window.register(("spouse", SPOUSE))
    window.departments.answers["b.title"] = TimeoutError()
    window.departments.answers["b.marriage"] = TimeoutError()
    _, before = await window.ask()
    offered = {each["material"]: each for each in before["materials"]}
    assert offered[TITLE]["commitment"]["digest"] == BODY["text_digest"]
    assert offered[TITLE]["commitment"]["version"] == BODY["text_version"]
    await window.commit(TITLE)
    await window.commit("结婚证", by="spouse")
    _, after = await window.ask()
    told = {each["material"]: each for each in after["materials"]}
    for name in (TITLE, "结婚证"):
        assert told[name]["outcome"] == "promisable"
        assert told[name]["committed"]["committed_on"] == "2026-11-22"
        assert not told[name].keys() & {"commitment", "deferral", "todo"}
        assert name not in {line["material"] for line in after["notice"]["missing"]}
    assert TITLE in {line["material"] for line in before["notice"]["missing"]}


async def test_clause_7_4_a_commitment_that_was_false_stands_for_nothing_and_none_is_offered(
    window: Window,
) -> None:
    await window.register()
    window.departments.answers["b.title"] = TimeoutError()
    await window.commit(TITLE)
    await window.find_false()
    _, said = await window.ask()
    told = {each["material"]: each for each in said["materials"]}
    assert told[TITLE]["outcome"] == "unavailable"
    assert told[TITLE]["committed"]["result"] == "false"
    assert TITLE in {line["material"] for line in said["notice"]["missing"]}
    assert not [name for name, each in told.items() if "commitment" in each]
    assert await window.refusal("结婚证") == "COMMITMENT_EXCLUDED"
