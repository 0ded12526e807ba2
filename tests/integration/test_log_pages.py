# SPDX-License-Identifier: Apache-2.0
"""The log over HTTP: what everybody may have, what only who may, and what is recorded of it."""

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import msgspec
import pytest

from fixtures.world import AGENCY, KEYIDS, World
from gateway.audit.desk import verify_act
from gateway.audit.export import locked
from gateway.audit.store.reader import LogReader
from gateway.audit.verify import verify_log
from gateway.auditors import AuditorFolder
from gateway.config import load_site
from gateway.crypto.digest import b64url_decode
from gateway.crypto.keys import load_verifier
from gateway.errors import TrustError
from gateway.keyring import log_verifier
from gateway.model.act import Act
from gateway.model.agency_file import parse_agency
from gateway.model.entry import Entry
from gateway.model.record import parse_record
from gateway.tlog.bundle import parse_bundle
from gateway.tlog.checkpoint import verify_checkpoint
from gateway.tlog.merkle import Frontier, leaf_hash
from gateway.tlog.proof import parse_proof, verify_proof
from tests.command import yizheng
from tests.integration.log_reading import (
    ACCESSES,
    TARGET,
    agency,
    another,
    auditor,
    checkpoint,
    get,
    plain,
    reading_world,
    recorded_in,
    records,
)
from tests.integration.wire import send, verify_signed


@pytest.fixture(scope="module")
def own(short_folder: Path) -> Iterator[World]:
    """A world whose log this module writes to."""
    with reading_world(short_folder / "pages") as world:
        yield world


def test_the_checkpoint_and_the_tile_of_its_size_fit_the_entries(own: World) -> None:
    served = checkpoint(own)
    tile = plain(own, f"/log/tile/0/000.p/{served.size}")
    assert tile.status == 200
    assert tile.fields["content-type"] == "application/octet-stream"
    assert tile.fields["cache-control"] == "public, max-age=31536000, immutable"
    frontier = Frontier()
    for line, _ in records(own)[: served.size]:
        frontier.append(leaf_hash(line))
        at = (frontier.size - 1) * 32
        assert tile.body[at : at + 32] == leaf_hash(line)
    assert frontier.root() == served.root
    assert len(tile.body) == served.size * 32


def test_a_narrower_tile_is_the_beginning_of_a_wider_one(own: World) -> None:
    size = checkpoint(own).size
    whole = plain(own, f"/log/tile/0/000.p/{size}").body
    assert plain(own, "/log/tile/0/000.p/1").body == whole[:32]


@pytest.mark.parametrize(
    "path",
    [
        "tile/0/000",  # not full yet
        "tile/0/000.p/255",
        "tile/0/001.p/1",
        "tile/1/000.p/1",
        "tile/0/x999/x999/x999/x999/x999/x999/x999/999",
        "tile/0/0",
        "tile/00/000",
        "tile/64/000",
        "tile/0/000.p/0",
        "tile/0/000.p/256",
        "tile/0/000.p/01",
        "tile/0/x000/001",
        "tile/0/000/",
        "tile/0/%3000",
        "tile/entries/0",
        "tile/data/000",
        "tile/",
        "",
        "checkpoint/",
        "log.vkey",
    ],
)
def test_what_is_not_there_is_not_found(own: World, path: str) -> None:
    answer = plain(own, f"/log/{path}")
    assert (answer.status, answer.document["code"]) == (404, "PATH_UNKNOWN")
    assert answer.fields["cache-control"] == "no-store"


@pytest.mark.parametrize("path", ["/log/checkpoint", "/log/tile/0/000", "/v1/receipts/0"])
def test_other_methods_are_told_the_right_one(own: World, path: str) -> None:
    answer = plain(own, path, "POST")
    assert (answer.status, answer.fields["allow"]) == (405, "GET")


def test_an_agency_gets_its_record_and_can_prove_it_offline(own: World) -> None:
    draft = get(own, "/v1/receipts/1", agency(own))
    answer = send(own, draft)
    verify_signed(own, draft, answer)
    assert (answer.status, answer.fields["content-type"]) == (200, "application/json")
    receipt = answer.document
    line, entry = records(own)[1]
    assert isinstance(entry, Entry)
    assert (receipt["index"], receipt["entry"].encode()) == (1, line)
    proof = parse_proof(receipt["proof"].encode())
    proved = verify_proof(proof, line, log_verifier(load_site(own.site)))
    assert receipt["log"] == proved.origin
    assert (proof.index, proved.size >= 2) == (1, True)


def test_taking_a_receipt_is_on_record_with_the_agencys_own_signature(own: World) -> None:
    draft = get(own, "/v1/receipts/0", agency(own))
    act = recorded_in(own, send(own, draft))
    assert (act.action, act.actor, act.keyid) == ("receipt", AGENCY, KEYIDS["ecdsa-p256-sha256"])
    assert (act.subject, act.count, act.outcome, act.reason) == ("0", 1, "done", None)
    assert act.request is not None
    assert act.request.target == "GET /v1/receipts/0"
    assert act.request.authority == urlsplit(own.url).netloc
    # The base, from the record alone.
    method, path = act.request.target.split(" ")
    base = (
        f'"@method": {method}\n"@authority": {act.request.authority}\n"@path": {path}\n'
        f'"@query": ?\n"@signature-params": {act.request.signature_input}'
    )
    key = parse_agency((own.site / f"agencies/{AGENCY}.toml").read_text()).keys[0]
    load_verifier(key.public, key.algorithm).verify(b64url_decode(act.signature), base.encode())


def test_an_act_that_says_another_thing_than_was_signed_does_not_verify(own: World) -> None:
    act = recorded_in(own, send(own, get(own, "/v1/receipts/0", agency(own))))
    key = parse_agency((own.site / f"agencies/{AGENCY}.toml").read_text()).keys[0]
    verify_act(act, key)
    assert act.request is not None
    for change in (
        {"subject": "1"},
        {"action": "entries"},
        {"action": "search"},
        {"keyid": "another"},
        {"request": msgspec.structs.replace(act.request, authority="elsewhere.example")},
        {"request": msgspec.structs.replace(act.request, target="GET /v1/receipts/1")},
        {"request": msgspec.structs.replace(act.request, signature_input="(")},
        {"request": None},
        {"signature": act.signature[:-4]},
    ):
        with pytest.raises(TrustError, match="does not verify"):
            verify_act(msgspec.structs.replace(act, **change), key)


def test_the_record_of_a_receipt_is_the_agencys_too(own: World) -> None:
    first = send(own, get(own, "/v1/receipts/0", agency(own)))
    index = first.fields["audit-receipt"].rpartition("=")[2]
    again = send(own, get(own, f"/v1/receipts/{index}", agency(own)))
    assert (again.status, again.document["index"]) == (200, int(index))


def test_anothers_record_and_one_that_is_not_there_cannot_be_told_apart(own: World) -> None:
    other = another(own, "yq-other")
    drafts = [get(own, "/v1/receipts/1", other), get(own, "/v1/receipts/99999", other)]
    answers = [send(own, draft) for draft in drafts]
    said = []
    for draft, answer in zip(drafts, answers, strict=True):
        verify_signed(own, draft, answer)
        act = recorded_in(own, answer)
        assert (act.outcome, act.code, act.actor) == ("refused", "RECORD_UNKNOWN", "yq-other")
        said.append({**answer.document, "request_id": "", "detail": ""})
    assert answers[0].status == 404
    assert said[0] == said[1]
    assert "99999" in answers[1].document["detail"]


def test_receipts_count_against_the_agencys_rate_limit(own: World) -> None:
    answers = [send(own, get(own, "/v1/receipts/0", another(own, "yq-often"))) for _ in "12345"]
    answer = next(one for one in answers if one.status == 429)
    assert answer.document["code"] == recorded_in(own, answer).code == "RATE_LIMITED"
    assert answers[0].status == 404
    assert all(one.fields["ratelimit-policy"] == '"agency";q=1;w=1' for one in answers)


def test_an_auditors_act_is_no_agencys_record(own: World) -> None:
    answer = send(own, get(own, "/log/tile/entries/000.p/1", auditor(own)))
    index = answer.fields["audit-receipt"].rpartition("=")[2]
    assert send(own, get(own, f"/v1/receipts/{index}", agency(own))).status == 404


@pytest.mark.parametrize(
    "path", ["x", "01", "-1", "1?a=b", "140302190001010017", "1/", "", "%31", "1000000000000"]
)
def test_what_is_no_index_is_not_found_and_not_recorded(own: World, path: str) -> None:
    before = len(records(own))
    answer = send(own, get(own, f"/v1/receipts/{path}", agency(own)))
    assert (answer.status, answer.document["code"]) == (404, "PATH_UNKNOWN")
    assert len(records(own)) == before


def test_an_auditor_gets_entries_and_is_on_record_first(own: World) -> None:
    draft = get(own, f"/log/tile/entries/000.p/{ACCESSES}", auditor(own))
    answer = send(own, draft)
    verify_signed(own, draft, answer)
    assert answer.fields["content-type"] == "application/octet-stream"
    assert answer.fields["cache-control"] == "no-store"
    assert parse_bundle(answer.body) == [line for line, _ in records(own)[:ACCESSES]]
    act = recorded_in(own, answer)
    assert (act.action, act.actor, act.count) == ("entries", "auditor-a", ACCESSES)
    assert act.subject == f"tile/entries/000.p/{ACCESSES}"
    assert act.request is not None
    assert act.request.target == f"GET /log/tile/entries/000.p/{ACCESSES}"


def test_entries_that_are_not_there_yet_are_refused_on_record(own: World) -> None:
    answer = send(own, get(own, "/log/tile/entries/000", auditor(own)))
    assert (answer.status, answer.document["code"]) == (404, "RECORD_UNKNOWN")
    assert recorded_in(own, answer).code == "RECORD_UNKNOWN"


def test_who_may_not_read_is_refused_on_record(own: World) -> None:
    answer = send(own, get(own, "/log/tile/entries/000.p/1", auditor(own, "keeper")))
    assert (answer.status, answer.document["code"]) == (403, "AUDITOR_REFUSED")
    act = recorded_in(own, answer)
    assert (act.actor, act.outcome, act.code, act.count) == (
        "keeper",
        "refused",
        "AUDITOR_REFUSED",
        None,
    )


def test_auditors_and_agencies_have_doors_of_their_own(own: World) -> None:
    for target, signer in (
        ("/log/tile/entries/000.p/1", agency(own)),
        ("/v1/receipts/0", auditor(own)),
    ):
        answer = send(own, get(own, target, signer))
        assert (answer.status, answer.document["code"]) == (401, "KEY_UNKNOWN")
        assert "audit-receipt" not in answer.fields


@pytest.mark.parametrize("target", ["/log/tile/entries/000.p/1", "/v1/receipts/0"])
def test_nothing_is_given_to_who_does_not_sign(own: World, target: str) -> None:
    assert plain(own, target).document["code"] == "SIGNATURE_MISSING"


def test_a_request_that_was_received_before_is_refused_on_record(own: World) -> None:
    for target, signer in (
        ("/log/tile/entries/000.p/1", auditor(own)),
        ("/v1/receipts/0", agency(own)),
    ):
        draft = get(own, target, signer)
        assert send(own, draft).status == 200
        again = send(own, draft)
        verify_signed(own, draft, again)
        assert (again.status, again.document["code"]) == (401, "NONCE_REPLAYED")
        assert recorded_in(own, again).code == "NONCE_REPLAYED"


def test_a_nonce_is_remembered_when_the_sequencer_starts_again(own: World) -> None:
    draft = get(own, "/v1/receipts/0", agency(own))
    assert send(own, draft).status == 200
    os.kill(own.pids()["sequencer"], signal.SIGKILL)
    until_s = time.monotonic() + 60
    while (answer := send(own, draft)).status == 503:
        assert time.monotonic() < until_s
    assert answer.document["code"] == "NONCE_REPLAYED"


def test_what_the_record_could_not_show_again_is_not_accepted(own: World) -> None:
    draft = get(own, "/v1/receipts/0", agency(own), covered=(*TARGET, "date"))
    answer = send(own, draft)
    assert (answer.status, answer.document["code"]) == (400, "SIGNATURE_MALFORMED")
    draft = get(own, "/v1/receipts/0", agency(own), covered=TARGET[:3])
    assert send(own, draft).document["code"] == "COMPONENT_MISSING"


def test_a_request_with_content_is_refused(own: World) -> None:
    draft = get(own, "/v1/receipts/0", agency(own))
    answer = send(own, msgspec.structs.replace(draft, body=b"{}"))
    assert (answer.status, answer.document["code"]) == (400, "HTTP_UNACCEPTABLE")


def test_an_auditor_who_left_is_refused_at_once_and_may_come_back(own: World) -> None:
    folder = AuditorFolder(own.site)
    folder.set_active("auditor-b", active=False)
    target = "/log/tile/entries/000.p/1"
    answer = send(own, get(own, target, auditor(own, "auditor-b")))
    assert (answer.status, answer.document["code"]) == (403, "AGENCY_INACTIVE")
    folder.set_active("auditor-b", active=True)
    assert send(own, get(own, target, auditor(own, "auditor-b"))).status == 200


def test_a_broken_file_lets_its_auditor_not_in_and_holds_nobody_back(own: World) -> None:
    file = own.site / "auditors/auditor-b.toml"
    good = file.read_text()
    file.write_text("id = ")
    try:
        target = "/log/tile/entries/000.p/1"
        answer = send(own, get(own, target, auditor(own, "auditor-b")))
        assert answer.document["code"] == "KEY_UNKNOWN"
        assert send(own, get(own, target, auditor(own))).status == 200
    finally:
        file.write_text(good)


def test_the_log_still_verifies(own: World) -> None:
    reader = LogReader.open(own.site / "var/audit")
    try:
        report = verify_log(reader, log_verifier(load_site(own.site)))
    finally:
        reader.close()
    assert report.size == len(records(own))


def test_the_log_is_exported_by_a_command_that_is_on_record(own: World, tmp_path: Path) -> None:
    folder = tmp_path / "mirror"
    command = ["audit", "export-log", str(folder)]
    options = [*own.auditing(reason="季度归档 archive"), "--site", str(own.site), "--json"]
    done = yizheng(*command, *options)
    assert done.returncode == 0, done.stderr
    said = msgspec.json.decode(done.stdout)
    exported = verify_checkpoint(
        (folder / "checkpoint").read_bytes(), log_verifier(load_site(own.site))
    )
    assert (said["entries"], said["root"]) == (exported.size, exported.root.hex())
    bundle = parse_bundle((folder / f"tile/entries/000.p/{exported.size}").read_bytes())
    assert bundle == [line for line, _ in records(own)]
    act = parse_record(bundle[-1])
    assert isinstance(act, Act)
    assert (act.action, act.actor, act.reason) == ("export", "auditor-a", "季度归档 archive")
    assert (folder / "log.vkey").read_bytes() == (own.site / "keys/log.vkey").read_bytes()
    size = len(records(own))
    with locked(folder):
        second = yizheng(*command, *options)
    assert second.returncode == 78
    assert "another export writes to it" in second.stderr
    assert len(records(own)) == size  # nothing left, so nothing is on record
    refused = yizheng(*command, *own.auditing("keeper"), "--site", own.site)
    assert refused.returncode == 1
    assert "AUDITOR_REFUSED" in refused.stderr
