# SPDX-License-Identifier: Apache-2.0
"""`yizheng explain` on the command line, and what a sandbox tells that production does not."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import msgspec
import pytest

from fixtures.citizens import Citizen
from fixtures.world import AGENCY, KEYIDS, World
from tests.integration.test_cli import run
from tests.integration.wire import Draft, lookup_body, send, sign


@pytest.fixture(scope="module")
def sandbox(short_folder: Path) -> Iterator[World]:
    folder = short_folder / "sandbox"
    folder.mkdir()
    own = World(folder)
    config = own.site / "gateway.toml"
    config.write_text(config.read_text().replace("[site]\n", '[site]\nmode = "sandbox"\n', 1))
    with own:
        yield own


def spoilt(world: World, number: str) -> Draft:
    """A request whose Content-Type changed after signing."""
    draft = sign(world, msgspec.json.encode(lookup_body(world, number)))
    return draft.with_fields(Content_Type="application/json; charset=utf-8")


def explained(world: World, request: Path, *more: str) -> tuple[int, str]:
    public = str(world.agency_key().with_suffix(".pub.pem"))
    authority = urlsplit(world.url).netloc
    done = run("explain", str(request), "--public-key", public, "--authority", authority, *more)
    assert done.stderr == ""
    return done.returncode, done.stdout


def test_a_sandbox_shows_the_base_and_it_holds_nobodys_data(sandbox: World) -> None:
    citizen = sandbox.citizen_with_account()
    answer = send(sandbox, spoilt(sandbox, citizen.id_number))
    assert answer.document["code"] == "SIGNATURE_INVALID"
    base = answer.document["signature_base"]
    assert base.startswith('"@method": POST\n"@authority": ')
    assert '\n"content-type": application/json; charset=utf-8\n' in base
    assert citizen.id_number not in base


def test_a_sandbox_shows_the_base_of_a_body_that_changed(sandbox: World) -> None:
    number = sandbox.citizen_with_account().id_number
    draft = sign(sandbox, msgspec.json.encode(lookup_body(sandbox, number)))
    answer = send(sandbox, msgspec.structs.replace(draft, body=draft.body + b"\n"))
    assert answer.document["code"] == "DIGEST_MISMATCH"
    assert draft.fields["Content-Digest"] in answer.document["signature_base"]


def test_a_sandbox_shows_no_base_where_there_is_none(sandbox: World) -> None:
    number = sandbox.citizen_with_account().id_number
    draft = spoilt(sandbox, number).without_fields("Signature")
    assert "signature_base" not in send(sandbox, draft).document


def test_production_shows_no_base(world: World, citizen: Citizen) -> None:
    answer = send(world, spoilt(world, citizen.id_number))
    assert answer.document["code"] == "SIGNATURE_INVALID"
    assert "signature_base" not in answer.document


def test_a_request_that_verifies_exits_0(world: World, citizen: Citizen, tmp_path: Path) -> None:
    file = tmp_path / "request.http"
    body = msgspec.json.encode(lookup_body(world, citizen.id_number))
    file.write_bytes(sign(world, body).encode())
    code, shown = explained(world, file)
    assert code == 0
    assert "请求验证通过" in shown
    late, shown = explained(world, file, "--at", "2020-01-01T00:00:00Z", "--json")
    assert (late, msgspec.json.decode(shown)["cause"]["id"]) == (1, "clock-off")


def test_the_site_says_what_is_registered(
    make_site: Callable[[], Path], world: World, citizen: Citizen, tmp_path: Path
) -> None:
    """The world's request; what is registered is changed in a copy in which nothing runs."""
    site, file, keyid = make_site(), tmp_path / "request.http", KEYIDS["ecdsa-p256-sha256"]
    shutil.copytree(world.site / "agencies", site / "agencies", dirs_exist_ok=True)
    body = msgspec.json.encode(lookup_body(world, citizen.id_number))
    file.write_bytes(sign(world, body).encode())

    def cause(*more: str) -> str:
        done = run("explain", str(file), "--site", str(site), "--json", *more)
        assert done.stderr == ""
        report = msgspec.json.decode(done.stdout)
        return report["cause"]["id"] if report["check"] else ""

    def command(*words: str) -> None:
        assert run(*words, "--site", str(site)).returncode == 0

    assert cause() == ""
    assert cause("--authority", "gateway.example") == "authority-other"
    assert cause("--at", "2020-01-01T00:00:00Z") == "clock-off"
    command("agency", "disable", AGENCY)
    assert cause() == "agency-disabled"
    command("agency", "enable", AGENCY)
    command("keys", "revoke", AGENCY, keyid)
    assert cause() == "key-inactive"
    (site / f"agencies/{AGENCY}.toml").unlink()
    (site / "grants/demo.toml").write_text("grants = []\n")
    assert cause() == "key-unknown"


@pytest.mark.parametrize(
    ("host", "cause"),
    [("", ""), (":443", ""), (":80", "authority-port"), (":8443", "authority-port")],
)
def test_a_site_behind_tls_leaves_out_the_port_of_https(  # noqa: PLR0917 - fixtures
    make_site: Callable[[], Path],
    world: World,
    citizen: Citizen,
    tmp_path: Path,
    host: str,
    cause: str,
) -> None:
    site, file = make_site(), tmp_path / "request.http"
    shutil.copytree(world.site / "agencies", site / "agencies", dirs_exist_ok=True)
    config = site / "gateway.toml"
    config.write_text(
        config.read_text().replace(
            "[http]\n",
            '[http]\ntls_chain = "keys/a.crt"\ntls_key = "keys/a.key"\n'
            'authorities = ["gateway.example"]\n',
        )
    )
    body = msgspec.json.encode(lookup_body(world, citizen.id_number))
    draft = sign(world, body, fields={"Host": "gateway.example"})
    file.write_bytes(draft.with_fields(Host=f"gateway.example{host}").encode())
    done = run("explain", str(file), "--site", str(site), "--json")
    report = msgspec.json.decode(done.stdout)
    assert (report["cause"]["id"] if report["check"] else "") == cause


def test_a_mistake_exits_1_with_a_caret(world: World, citizen: Citizen, tmp_path: Path) -> None:
    file = tmp_path / "request.http"
    file.write_bytes(spoilt(world, citizen.id_number).encode())
    code, shown = explained(world, file)
    assert code == 1
    assert "field-rewritten: " in shown
    assert "被签名的头在签名后被改动" in shown
    lines = shown.splitlines()
    caret = next(at for at, line in enumerate(lines) if line.strip() == "^")
    gateway, signed = (lines[at].partition(": ")[2] for at in (caret - 2, caret - 1))
    assert gateway == '"content-type": application/json; charset=utf-8\\n'
    assert signed == '"content-type": application/json\\n'
    assert citizen.id_number not in shown
    as_json = msgspec.json.decode(explained(world, file, "--json")[1])
    assert (as_json["check"], as_json["cause"]["id"]) == ("signature", "field-rewritten")


def test_what_has_no_cause_exits_4(world: World, citizen: Citizen, tmp_path: Path) -> None:
    draft = sign(world, msgspec.json.encode(lookup_body(world, citizen.id_number)))
    noise = "A" * 86 + "=="
    file = tmp_path / "request.http"
    file.write_bytes(draft.with_fields(Signature=f"sig1=:{noise}:").encode())
    code, shown = explained(world, file)
    assert code == 4
    assert "--their-base" in shown


def test_wrong_files_are_named(world: World, tmp_path: Path) -> None:
    file = tmp_path / "request.http"
    file.write_text("hello")
    public = str(world.agency_key().with_suffix(".pub.pem"))
    done = run("explain", str(file), "--public-key", public)
    assert (done.returncode, done.stdout) == (78, "")
    assert "request.http" in done.stderr
    assert run("explain", str(file)).returncode == 2
    unusable = run("explain", str(file), "--key", str(file))
    assert unusable.returncode == 78
    assert "Remedy" in unusable.stderr
