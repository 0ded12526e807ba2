# SPDX-License-Identifier: Apache-2.0
"""A case proves one access to whoever has Python and `cryptography`, and no byte of it can change.

The verifier is run as outsiders run it: as a script, isolated, from another folder. For the flips
it is called in this process. `YIZHENG_MUTATIONS` says how many bytes are flipped; from 10,000 on,
every one.
"""

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from fixtures.world import World
from gateway.audit.evidence.archive import format_archive
from gateway.audit.standalone import verify_case
from gateway.cli.main import app
from gateway.errors import RequestError, TrustError
from tests.integration.evidence import (
    REASON,
    SCRIPT,
    Access,
    acts,
    ask,
    ask_for_materials,
    make,
    verify,
)

FLIPS = int(os.environ.get("YIZHENG_MUTATIONS", "200"))
ALL_FROM = 10_000


@pytest.fixture(scope="module")
def access(world: World, tmp_path_factory: pytest.TempPathFactory) -> Access:
    number = world.citizen_with_account(40).id_number
    return ask(world, tmp_path_factory.mktemp("agency"), number)


@pytest.fixture(scope="module")
def case(world: World, access: Access, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A case with both messages."""
    output = tmp_path_factory.mktemp("case") / "case.zip"
    kept = ("--request", access.request, "--response", access.response)
    make(world, output, access.request_id, *kept)
    return output


def test_everything_about_an_access_is_proved(case: Path) -> None:
    verdict = verify(case)
    assert verdict.code == 0, verdict.text
    absent = {name for name, word in verdict.claims.items() if word == "-"}
    assert absent == {"witnesses", "timestamp"}
    assert set(verdict.claims.values()) == {"holds", "-"}


def test_the_script_in_the_case_is_the_one_that_is_shipped(case: Path) -> None:
    assert verify_case.read_archive(case.read_bytes())["verify_case.py"] == SCRIPT.read_bytes()


def test_a_stock_reader_of_zip_files_opens_it(case: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "zipfile", "-t", str(case)], capture_output=True, check=True
    )
    assert b"Done" in done.stdout


def test_the_case_is_its_makers_alone(case: Path) -> None:
    assert case.stat().st_mode & 0o777 == 0o600


def test_making_it_was_recorded_with_its_reason(world: World, case: Path, access: Access) -> None:
    made = [act for act in acts(world) if act.action == "evidence"]
    assert (access.request_id, REASON, "auditor-a") in {
        (act.subject, act.reason, act.actor) for act in made
    }


def test_the_owners_keys_are_compared(world: World, case: Path) -> None:
    agency = world.agency_key().with_suffix(".pub.pem")
    keys = world.site / "keys"
    owners = ("--agency-key", agency, "--log-key", keys / "log.vkey")
    assert verify(case, *owners, "--gateway-key", keys / "gateway.pub.pem").code == 0
    verdict = verify(case, "--agency-key", keys / "gateway.pub.pem")
    assert verdict.code == 4
    assert "keys/agency.pem: not the key that the owner gave" in verdict.text


def test_people_can_read_what_it_is_about(case: Path, access: Access) -> None:
    files = verify_case.read_archive(case.read_bytes())
    for name in ("summary.zh.md", "summary.en.md"):
        text = files[name].decode()
        assert access.request_id in text
        assert "yq-gjj" in text
        assert "投诉核查" in text
        assert text.count("- [x]") == 6


def test_without_the_request_nothing_is_given_out_that_numbers_could_be_tried_on(
    world: World, access: Access, tmp_path: Path
) -> None:
    """One auditor, whom nobody approved: two persons are needed to see a number."""
    output = tmp_path / "case.zip"
    make(world, output, access.request_id)
    files = verify_case.read_archive(output.read_bytes())
    assert not files.keys() & {"request.key", "request.base", "request.http"}
    digest = verify_case.sha256(access.request.read_bytes().partition(b"\r\n\r\n")[2])
    assert not [name for name, content in files.items() if digest.hex().encode() in content]


def test_without_the_request_the_case_holds_and_says_that_this_is_not_proved(
    world: World, access: Access, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "case.zip"
    make(world, tmp_path / "other.zip", access.request_id)
    assert "既未证明，也未否定" in capsys.readouterr().out
    make(world, output, access.request_id, "--json")
    assert msgspec.json.decode(capsys.readouterr().out)["agency_signature"] == "request_not_given"
    verdict = verify(output)
    assert verdict.code == 0, verdict.text
    absent = {name for name, word in verdict.claims.items() if word == "-"}
    assert absent == {"request", "answer", "seal", "witnesses", "timestamp"}
    assert verdict.text.count("neither proved nor disproved") == 5
    assert verdict.text.count("既未证明，也未否定") == 5
    files = verify_case.read_archive(output.read_bytes())
    assert msgspec.json.decode(files["manifest.json"])["agency_signature"] == "request_not_given"
    assert "neither proved nor disproved" in files["summary.en.md"].decode()
    assert "既未证明，也未否定" in files["summary.zh.md"].decode()


def test_with_the_request_the_case_says_that_the_signature_is_proved(case: Path) -> None:
    files = verify_case.read_archive(case.read_bytes())
    assert msgspec.json.decode(files["manifest.json"])["agency_signature"] == "proved"
    assert "request.key" in files
    assert "neither proved nor disproved" not in files["summary.en.md"].decode()


def test_a_request_that_was_guessed_is_refused_in_the_same_words_right_or_wrong(
    world: World, access: Access, tmp_path: Path
) -> None:
    """What is refused must not tell whether the digest in the log fits: it would be an oracle."""
    kept = access.request.read_bytes()
    head, _, body = kept.partition(b"\r\n\r\n")
    head = re.sub(rb"(?m)^(Signature: [^:]*:)[^:]*", rb"\1" + b"A" * 86 + b"==", head)
    number, other = (world.citizen_with_account(n).id_number.encode() for n in (40, 41))
    guess, output = tmp_path / "guess.http", tmp_path / "case.zip"
    for guessed in (body, body.replace(number, other)):
        guess.write_bytes(head + b"\r\n\r\n" + guessed)
        with pytest.raises(TrustError, match="request is not that of this entry"):
            make(world, output, access.request_id, "--request", guess)
    assert not output.exists()


def test_a_case_of_before_that_has_the_key_and_no_request_still_verifies(case: Path) -> None:
    files = verify_case.read_archive(case.read_bytes())
    del files["request.http"]
    results = verify_case.verify(format_archive(files), {})
    assert dict(zip(verify_case.CLAIMS, results, strict=False))["request"][0] == "holds"


def test_without_messages_nothing_of_the_holder_stands_in_it(
    world: World, access: Access, tmp_path: Path
) -> None:
    output = tmp_path / "case.zip"
    make(world, output, access.request_id)
    content, citizen = output.read_bytes(), world.citizen_with_account(40)
    assert citizen.id_number.encode() not in content
    assert citizen.name.encode() not in content


def test_a_refusal_is_proved_as_well(world: World, tmp_path: Path) -> None:
    number = world.citizen_with_account(41).id_number
    access = ask(world, tmp_path / "agency", number, fields=("name", "household_address"))
    output = tmp_path / "case.zip"
    kept = ("--request", access.request, "--response", access.response)
    make(world, output, access.request_id, *kept)
    verdict = verify(output)
    assert verdict.code == 0, verdict.text
    assert verdict.claims["answer"] == "holds"
    assert verdict.claims["seal"] == "-"


@pytest.fixture(scope="module")
def call(world: World, tmp_path_factory: pytest.TempPathFactory) -> tuple[Access, list[int]]:
    return ask_for_materials(world, tmp_path_factory.mktemp("call"), "YQ-2026-7301")


def test_each_access_of_a_call_for_all_materials_is_proved_by_its_one_answer(
    world: World, call: tuple[Access, list[int]], tmp_path: Path
) -> None:
    access, indices = call
    assert len(indices) > 1
    for index in indices:
        output = tmp_path / f"{index}.zip"
        kept = ("--request", access.request, "--response", access.response)
        make(world, output, str(index), *kept)
        verdict = verify(output)
        assert verdict.code == 0, verdict.text
        assert {verdict.claims[name] for name in ("request", "answer", "seal")} == {"holds"}


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("call.json", (b"case_materials", b"case_registers")),
        ("answer.json", (b'"outcome":"found"', b'"outcome":"fount"')),
    ],
)
def test_a_call_that_was_changed_proves_nothing(
    world: World,
    call: tuple[Access, list[int]],
    tmp_path: Path,
    name: str,
    change: tuple[bytes, bytes],
) -> None:
    access, indices = call
    output = tmp_path / "case.zip"
    kept = ("--request", access.request, "--response", access.response)
    make(world, output, str(indices[0]), *kept)
    files = verify_case.read_archive(output.read_bytes())
    assert change[0] in files[name]
    output.write_bytes(format_archive(files | {name: files[name].replace(*change)}))
    verdict = verify(output)
    assert verdict.code == 4
    assert verdict.claims["answer"] == "FAILS"


def test_messages_of_another_access_are_refused(
    world: World, access: Access, tmp_path: Path
) -> None:
    other = ask(world, tmp_path / "agency", world.citizen_with_account(42).id_number)
    output = tmp_path / "case.zip"
    with pytest.raises(TrustError, match="request is not that of this entry"):
        make(world, output, access.request_id, "--request", other.request)
    kept = ("--request", access.request, "--response", other.response)
    with pytest.raises(TrustError, match="response is not that of this entry"):
        make(world, output, access.request_id, *kept)
    assert not output.exists()


def test_an_access_that_is_not_there_is_asked_for_on_record(world: World, tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="RECORD_UNKNOWN"):
        make(world, tmp_path / "case.zip", "0" * 32)
    assert acts(world)[-1].subject == "0" * 32


def test_who_may_not_read_makes_no_case(world: World, access: Access, tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="AUDITOR_REFUSED"):
        make(world, tmp_path / "case.zip", access.request_id, by="keeper")


@pytest.mark.timeout(3600)
def test_no_byte_of_a_case_changes_unseen(
    case: Path, record_property: Callable[[str, object], None]
) -> None:
    content = case.read_bytes()
    step = 1 if FLIPS >= ALL_FROM else max(1, len(content) // FLIPS)
    offsets = range(0, len(content), step)
    for at in offsets:
        changed = bytearray(content)
        changed[at] ^= 1 << at % 8
        failed = [
            name for holds, name, _ in verify_case.verify(bytes(changed), {}) if holds == "FAILS"
        ]
        assert failed, at
    record_property("flips", f"{len(offsets)} of {len(content)} bytes")


def test_a_case_that_is_cut_or_lengthened_fails(case: Path) -> None:
    content = case.read_bytes()
    for changed in (b"", content[:-1], content[: len(content) // 2], content + b"\0"):
        assert any(holds == "FAILS" for holds, *_ in verify_case.verify(changed, {}))


@pytest.mark.parametrize("name", ["summary.zh.md", "request.http", "response.http", "entry.json"])
def test_a_file_that_is_exchanged_with_care_is_named(case: Path, name: str, tmp_path: Path) -> None:
    """Archive and manifest are made anew; only the auditor's key is missing."""
    files = verify_case.read_archive(case.read_bytes())
    forged = files[name].replace(b"yq-gjj", b"yq-xxx")
    listed = files["manifest.json"].replace(
        verify_case.sha256(files[name]).hex().encode(), verify_case.sha256(forged).hex().encode()
    )
    output = tmp_path / "case.zip"
    output.write_bytes(format_archive(files | {name: forged, "manifest.json": listed}))
    verdict = verify(output)
    assert verdict.code == 4
    assert verdict.claims["archive"] == "holds"
    assert verdict.claims["manifest"] == "FAILS"


def test_the_whole_log_verifies_with_its_acts_and_its_index(
    world: World, case: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--site", str(world.site)]
    app(["audit", "verify", "--deep", *arguments, "--json"], standalone_mode=False)
    said = msgspec.json.decode(capsys.readouterr().out)
    assert said["verified"] is True
    assert said["acts"] >= 1
    assert 0 <= said["indexed"] <= said["entries"]  # the indexer of this world follows


def test_a_file_that_is_exchanged_alone_is_named(case: Path, tmp_path: Path) -> None:
    files = verify_case.read_archive(case.read_bytes())
    output = tmp_path / "case.zip"
    output.write_bytes(format_archive(files | {"summary.zh.md": b"another story"}))
    assert "summary.zh.md: not the file that was signed for" in verify(output).text


def test_equal_contents_make_equal_bytes(case: Path) -> None:
    content = case.read_bytes()
    assert format_archive(verify_case.read_archive(content)) == content
    assert verify_case.write_archive(verify_case.read_archive(content)) == content
