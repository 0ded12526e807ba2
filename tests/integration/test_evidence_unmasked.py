# SPDX-License-Identifier: Apache-2.0
"""An agency that denies having asked is proved to have asked, without its help, by two persons.

The log holds what the agency signed under a key that would let numbers be tried. Who has seen the
number already, with a second person's approval, may take that key out, and nobody else.
"""

import io
from collections.abc import Callable
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import msgspec
import pytest
import typer

from fixtures.world import World
from gateway.audit.evidence.archive import format_archive
from gateway.audit.standalone import verify_case
from gateway.cli.main import app
from gateway.cli.output import EXIT_REFUSED, exit_code
from gateway.errors import RequestError, SetupError
from tests.integration.evidence import (
    REASON,
    Access,
    acts,
    ask,
    ask_for_materials,
    make,
    verify,
)


def unmask(world: World, step: str, what: str, by: str = "auditor-a") -> Any:
    """Take one step of an unmasking; returns its document."""
    with redirect_stdout(io.StringIO()) as said:
        arguments = ["audit", "unmask", step, what, "--site", str(world.site), "--json"]
        app([*arguments, *world.auditing(by, REASON)], standalone_mode=False)
    return msgspec.json.decode(said.getvalue())


def approved(world: World, record: str) -> str:
    """An ask for a record that a second person approved; returns its id."""
    asked = unmask(world, "ask", record)["ask"]
    unmask(world, "approve", asked, by="auditor-b")
    return str(asked)


def redeemed(world: World, record: str) -> str:
    """An ask by which the number was seen; returns its id."""
    asked = approved(world, record)
    unmask(world, "redeem", asked)
    return asked


@pytest.fixture(scope="module")
def access(world: World, tmp_path_factory: pytest.TempPathFactory) -> Access:
    number = world.citizen_with_account(43).id_number
    return ask(world, tmp_path_factory.mktemp("agency"), number)


@pytest.fixture(scope="module")
def seen(world: World, access: Access) -> str:
    return redeemed(world, access.request_id)


@pytest.fixture(scope="module")
def case(world: World, access: Access, seen: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A case without the request, by who has seen the number."""
    output = tmp_path_factory.mktemp("case") / "case.zip"
    make(world, output, access.request_id, "--unmasked", seen, "--authority", access.authority)
    return output


def test_the_agencys_signature_is_proved_from_the_log(
    world: World, access: Access, case: Path, tmp_path: Path
) -> None:
    kept, alone = tmp_path / "kept.zip", tmp_path / "alone.zip"
    make(world, alone, access.request_id)
    assert verify(alone).claims["request"] == "-"
    verdict = verify(case, "--agency-key", world.agency_key().with_suffix(".pub.pem"))
    assert verdict.code == 0, verdict.text
    absent = {name for name, word in verdict.claims.items() if word == "-"}
    assert absent == {"answer", "seal", "witnesses", "timestamp"}
    make(world, kept, access.request_id, "--request", access.request)
    files, given = (verify_case.read_archive(each.read_bytes()) for each in (case, kept))
    assert "request.http" not in files
    for name in ("request.base", "request.key"):
        assert files[name] == given[name]


def test_the_signature_over_a_call_for_all_materials_is_proved_from_the_log(
    world: World, tmp_path: Path
) -> None:
    access, indices = ask_for_materials(world, tmp_path, "YQ-2026-7302")
    output, wanted = tmp_path / "case.zip", str(indices[0])
    asked = redeemed(world, wanted)
    make(world, output, wanted, "--unmasked", asked, "--authority", access.authority)
    verdict = verify(output)
    assert verdict.code == 0, verdict.text
    assert verdict.claims["request"] == "holds"


@pytest.mark.parametrize("name", ["request.base", "request.key", "entry.json"])
def test_a_byte_that_was_changed_is_named(case: Path, tmp_path: Path, name: str) -> None:
    output, files = tmp_path / "case.zip", verify_case.read_archive(case.read_bytes())
    for at in range(0, len(files[name]), max(1, len(files[name]) // 20)):
        changed = bytearray(files[name])
        changed[at] ^= 1
        output.write_bytes(format_archive(files | {name: bytes(changed)}))
        remarks = [
            remark
            for holds, _, remark in verify_case.verify(output.read_bytes(), {})
            if holds == "FAILS"
        ]
        assert f"{name}: not the file that was signed for" in remarks, at
        assert len(remarks) > 1, at
    verdict = verify(output)
    assert verdict.code == 4
    assert f"{name}: not the file that was signed for" in verdict.text


def test_the_case_says_that_it_tells_the_number(world: World, case: Path) -> None:
    files = verify_case.read_archive(case.read_bytes())
    manifest = msgspec.json.decode(files["manifest.json"])
    assert manifest["agency_signature"] == "rebuilt_after_unmasking"
    assert "Handle this case like the holder's number itself" in files["summary.en.md"].decode()
    assert "本证据包须按证件号码本身保管" in files["summary.zh.md"].decode()
    readme = files["README.md"].decode()
    assert "handle it like the number itself" in readme
    assert "须按证件号码本身保管" in readme
    number = world.citizen_with_account(43).id_number.encode()
    assert not any(number in content for content in files.values())


def test_the_command_says_so(
    world: World, access: Access, seen: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ("--unmasked", seen, "--authority", access.authority)
    make(world, tmp_path / "told.zip", access.request_id, *options)
    said = capsys.readouterr().out
    assert "handle it like the number" in said
    assert "须按证件号码本身保管" in said
    make(world, tmp_path / "json.zip", access.request_id, *options, "--json")
    document = msgspec.json.decode(capsys.readouterr().out)
    assert document["agency_signature"] == "rebuilt_after_unmasking"


def test_the_act_names_the_unmasking_that_it_rests_on(
    access: Access, case: Path, seen: str
) -> None:
    act = msgspec.json.decode(verify_case.read_archive(case.read_bytes())["act.json"])
    assert (act["action"], act["subject"]) == ("evidence", access.request_id)
    assert msgspec.json.decode(act["query"]) == {"unmasking": seen}


def another_record(world: World, access: Access, folder: Path) -> tuple[str, str]:
    other = ask(world, folder, world.citizen_with_account(44).id_number)
    return redeemed(world, other.request_id), "auditor-a"


def another_auditor(world: World, access: Access, folder: Path) -> tuple[str, str]:
    return redeemed(world, access.request_id), "auditor-b"


def not_redeemed(world: World, access: Access, folder: Path) -> tuple[str, str]:
    return approved(world, access.request_id), "auditor-a"


def not_approved(world: World, access: Access, folder: Path) -> tuple[str, str]:
    return str(unmask(world, "ask", access.request_id)["ask"]), "auditor-a"


def nobody_asked(world: World, access: Access, folder: Path) -> tuple[str, str]:
    return "0" * 32, "auditor-a"


@pytest.mark.parametrize(
    ("prepare", "words"),
    [
        (another_record, "for another record; ask for this one: `yizheng audit unmask ask "),
        (another_auditor, "may show a number to auditor-a only; ask for this one: `yizheng "),
        (not_redeemed, "redeem it within 15 minutes"),
        (not_approved, "let it be approved"),
        (nobody_asked, "no unmasking was asked for under this id; ask for this one: `yizheng "),
    ],
)
def test_whoever_has_not_seen_the_number_by_this_unmasking_gets_nothing(
    world: World,
    access: Access,
    tmp_path: Path,
    prepare: Callable[[World, Access, Path], tuple[str, str]],
    words: str,
) -> None:
    asked, by = prepare(world, access, tmp_path / "agency")
    output, before = tmp_path / "case.zip", acts(world)
    options = ("--unmasked", asked, "--authority", access.authority)
    with pytest.raises(RequestError) as caught:
        make(world, output, access.request_id, *options, by=by)
    assert caught.value.code == "UNMASK_REFUSED"
    assert words in caught.value.detail
    assert exit_code(caught.value) == EXIT_REFUSED
    assert not output.exists()
    assert acts(world) == before


def test_what_cannot_be_rebuilt_leaves_no_key_behind(
    world: World, access: Access, seen: str, tmp_path: Path
) -> None:
    output = tmp_path / "case.zip"
    options = ("--unmasked", seen, "--authority", "elsewhere.example")
    with pytest.raises(SetupError, match="name the host that the agency asked with --authority"):
        make(world, output, access.request_id, *options)
    assert not output.exists()


def test_an_epoch_that_was_erased_since_is_said(
    world: World, access: Access, seen: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.keyring.kept_epochs", lambda _site: ())
    output = tmp_path / "case.zip"
    options = ("--unmasked", seen, "--authority", access.authority)
    with pytest.raises(RequestError, match="EPOCH_ERASED"):
        make(world, output, access.request_id, *options)
    assert not output.exists()


def test_options_that_do_not_go_together_are_refused(
    world: World, access: Access, seen: str, tmp_path: Path
) -> None:
    for options in (
        ("--unmasked", seen, "--request", access.request),
        ("--authority", access.authority),
    ):
        with pytest.raises(typer.BadParameter, match="--unmasked"):
            make(world, tmp_path / "case.zip", access.request_id, *options)
