# SPDX-License-Identifier: Apache-2.0
"""Accesses whose messages were kept, cases of evidence, and the verifier as outsiders run it."""

import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import msgspec

from fixtures.world import World
from gateway.audit.standalone import verify_case
from gateway.audit.store.reader import LogReader
from gateway.cli.main import app
from gateway.model.act import Act
from gateway.model.record import parse_record
from gateway.web.cases import format_target
from tests.integration.wire import Answer, Draft, lookup_body, send, sign

SCRIPT: Final = Path(verify_case.__file__)
REASON: Final = "投诉核查 complaint 2026-31"


class Access(msgspec.Struct, frozen=True):
    """An access and the files that its agency kept."""

    request_id: str
    request: Path
    response: Path
    authority: str


class Verdict(msgspec.Struct, frozen=True):
    """What the script said: `holds`, `FAILS` or `-` by claim, and all its words."""

    code: int
    claims: dict[str, str]
    text: str


def ask(world: World, folder: Path, number: str, **changes: Any) -> Access:
    body = msgspec.json.encode(lookup_body(world, number, **changes))
    draft: Draft = sign(world, body)
    answer: Answer = send(world, draft)
    folder.mkdir(exist_ok=True)
    request, response = folder / "request.http", folder / "response.http"
    request.write_bytes(draft.encode())
    response.write_bytes(answer.raw)
    return Access(answer.document["request_id"], request, response, draft.fields["Host"])


def make(
    world: World, output: Path, access: str, *options: str | Path, by: str = "auditor-a"
) -> None:
    arguments = ["audit", "evidence", access, "--output", output, *options]
    app(
        [*map(str, arguments), "--site", str(world.site), *world.auditing(by, REASON)],
        standalone_mode=False,
    )


def verify(case: Path, *options: str | Path) -> Verdict:
    done = subprocess.run(
        [sys.executable, "-I", str(SCRIPT), str(case), *map(str, options)],
        capture_output=True, check=False, text=True, cwd=case.parent, timeout=30,
    )  # fmt: skip
    assert "Traceback" not in done.stderr
    names = [*verify_case.CLAIMS, "timestamp", "keys"]
    lines = [line for line in done.stdout.splitlines() if not line.startswith(" ")]
    words = [line.split(" ", 1)[0] for line in lines]
    return Verdict(done.returncode, dict(zip(names, words, strict=True)), done.stdout)


def acts(world: World) -> list[Act]:
    reader = LogReader.open(world.site / "var/audit")
    try:
        records = [parse_record(line) for _, line in reader.tail(20)]
    finally:
        reader.close()
    return [record for record in records if isinstance(record, Act)]


def ask_for_materials(world: World, folder: Path, case: str) -> tuple[Access, list[int]]:
    """One call for all materials of a case, and the entries of those that were had."""
    operator = {"id": "yq-0417", "name": "测试经办"}
    known = [citizen for citizen in world.citizens if citizen.housing_fund is not None]
    people = zip(("applicant", "spouse"), known, strict=False)
    holders = [
        {"role": role, "holder": {"scheme": "cn-id", "number": citizen.id_number}}
        for role, citizen in people
    ]
    asked = {"item": "yq-gjj-001", "operator": operator}
    opened = asked | {
        "situation": "married",
        "opened_at": "2026-11-20T16:00:00+08:00",
        "holders": holders,
    }
    draft = sign(world, msgspec.json.encode(opened), target=format_target(case), method="PUT")
    assert send(world, draft).status == 200
    attribution = asked | {"case": case, "purpose": "公积金提取"}
    draft = sign(world, msgspec.json.encode({"attribution": attribution}), target="/v1/materials")
    answer = send(world, draft)
    request, response = folder / "request.http", folder / "response.http"
    request.write_bytes(draft.encode())
    response.write_bytes(answer.raw)
    document = answer.document
    had = [one["index"] for one in document["materials"] if one["outcome"] == "shared"]
    return Access(document["request_id"], request, response, draft.fields["Host"]), had
