# SPDX-License-Identifier: Apache-2.0
"""A mistake in a site is named with its file and its remedy, before anything is started."""

import shutil
import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec
import pytest

from tests.command import yizheng

EXIT_CONFIG = 78


class Mistake(msgspec.Struct, frozen=True):
    """One mistake, and words of what has to be said about it.

    Attributes:
        says: where it is, what it is and how to mend it.
    """

    name: str
    plant: Callable[[Path], object]
    says: tuple[str, ...]


def edit(name: str, old: str, new: str) -> Callable[[Path], object]:
    def plant(site: Path) -> None:
        text = (site / name).read_text()
        assert old in text
        (site / name).write_text(text.replace(old, new, 1))

    return plant


def add(name: str, text: str | bytes) -> Callable[[Path], object]:
    def plant(site: Path) -> None:
        with (site / name).open("ab") as file:
            file.write(text if isinstance(text, bytes) else text.encode())

    return plant


def second_adapter(site: Path) -> None:
    shutil.copy(site / "adapters/public_security.toml", site / "adapters/police.toml")
    shutil.copy(site / "keys/seal-public_security.pem", site / "keys/seal-police.pem")


def second_agency(site: Path) -> None:
    text = (site / "agencies/yq-gjj.toml").read_text().replace('id = "yq-gjj"', 'id = "yq-mz"', 1)
    (site / "agencies/yq-mz.toml").write_text(text)


def write_key(name: str) -> Callable[[Path], object]:
    def plant(site: Path) -> None:
        path = site / "keys" / name
        path.write_text("not a key\n")

    return plant


GATEWAY, AGENCY, GRANTS = "gateway.toml", "agencies/yq-gjj.toml", "grants/demo.toml"
POLICE = "adapters/public_security.toml"

MISTAKES = (
    Mistake("no site", lambda s: (s / GATEWAY).unlink(), ("no gateway.toml", "yizheng init")),
    Mistake("unknown key", edit(GATEWAY, "port = 8080", "prot = 8080"),
            (f"{GATEWAY}: $.http", "`prot`", "did you mean `port`?")),
    Mistake("type", edit(GATEWAY, "port = 8080", 'port = "8080"'),
            (f"{GATEWAY}: $.http.port", "Expected `int`", "Remedy")),
    Mistake("missing key", edit(GATEWAY, 'origin = "gateway.yq.example/log"', ""),
            (f"{GATEWAY}: $.site", "`origin`", "add it")),
    Mistake("a stop shorter than a lookup", edit(GATEWAY, "port = 8080", "drain_s = 1"),
            (f"{GATEWAY}: $.http.drain_s", "cut off", "at least as long")),
    Mistake("a secret that is not there", lambda s: (s / "keys/public_security.secret").unlink(),
            ("public_security", "keys/public_security.secret", "Remedy")),
    Mistake("not TOML", add(GATEWAY, "\n[http\n"), (GATEWAY, "not TOML", "line")),
    Mistake("file name", edit(AGENCY, 'id = "yq-gjj"', 'id = "yq-mz"'),
            (f"{AGENCY}: $.id", "`yq-mz`", "make them equal")),
    Mistake("key id twice", second_agency,
            ("agencies/yq-mz.toml", "`yq-gjj-p256`", AGENCY, "its own")),
    Mistake("public key", edit(AGENCY, "BEGIN PUBLIC KEY", "BEGIN PUBLIC KEX"),
            (f"{AGENCY}: key `yq-gjj-p256`", "register a P-256 or Ed25519 public key")),
    Mistake("item of a grant", edit(GRANTS, '["yq-gjj-001"]', '["yq-gjj-002"]'),
            ("grants/: yq-gjj@3", "`yq-gjj-002`", "add it under items/")),
    Mistake("field of a grant", edit(GRANTS, '"sex_code"', '"sex"'),
            ("grants/: yq-gjj@3", "`sex`", "choose of:", "sex_code")),
    Mistake("certificate of a grant", edit(POLICE, "timeout", "enabled = false\ntimeout"),
            ("grants/: yq-gjj@3", "no adapter answers", "add the adapter")),
    Mistake("network of a grant", edit(GRANTS, "daily_cap", 'networks = ["10.0.0.1/8"]\ndaily_cap'),
            ("yq-gjj@3", "`10.0.0.1/8` is not a CIDR block", "10.20.0.0/16")),
    Mistake("plugin", edit(POLICE, '"public_security"', '"public_securty"'),
            (f"{POLICE}: $.plugin", "public_securty", "not installed", "mend the name")),
    Mistake("setting of a plugin", edit(POLICE, "requester", "requestor"),
            (f"{POLICE}: $.settings", "`request", "README")),
    Mistake("two adapters", second_adapter,
            ("adapters/p", "public_security.identity", "disable one of the two")),
    Mistake("no key file", lambda s: (s / "keys/gateway.pem").unlink(),
            ("keys/gateway.pem", "cannot be read", "yizheng keys init")),
    Mistake("open key file", lambda s: (s / "keys/log.pem").chmod(0o644),
            ("keys/log.pem", "can be read by others", "chmod 600 log.pem")),
    Mistake("key file", write_key("seal-housing_fund.pem"),
            ("keys/seal-housing_fund.pem", "not a private key", "backup")),
    Mistake("key of the log", write_key("log.pem"), ("keys/log.pem", "not an Ed25519", "backup")),
    Mistake("no office key", lambda s: (s / "keys/office.key").unlink(),
            ("keys/office.key", "cannot be read", "yizheng keys init")),
    Mistake("key of the epochs", write_key("audit.kek"), ("keys/audit.kek", "32 bytes", "backup")),
)  # fmt: skip


def run(site: Path, *command: str) -> subprocess.CompletedProcess[str]:
    return yizheng(*command, f"--site={site}")


def run_both(site: Path) -> tuple[str, str]:
    """What `config check` and `serve --json` say of a site that neither accepts."""
    commands = (["config", "check"], ["serve", "--json", "--port=0"])
    with ThreadPoolExecutor() as pool:
        words, document = pool.map(lambda command: run(site, *command), commands)
    for done in (words, document):
        assert (done.returncode, done.stdout) == (EXIT_CONFIG, ""), done.stderr
        assert "Traceback" not in done.stderr
    return words.stderr, document.stderr


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake.name)
def test_check_and_serve_name_the_mistake_and_its_remedy(
    make_site: Callable[[], Path], mistake: Mistake
) -> None:
    site = make_site()
    mistake.plant(site)
    words, document = run_both(site)
    assert words.startswith("SETUP_INVALID: ")
    for part in mistake.says:
        assert part in words
    error = msgspec.json.decode(document)["error"]
    assert error["code"] == "SETUP_INVALID"
    assert error["detail"] in words
    assert error["hint"].keys() == {"en", "zh"}


def test_a_path_too_long_for_a_socket_is_named(make_site: Callable[[], Path]) -> None:
    site = make_site()
    deep = site.with_name("d" * 110)
    site.rename(deep)
    words, document = run_both(deep)
    assert "sequencer.sock" in words
    assert "shorter path" in words
    assert msgspec.json.decode(document)["error"]["detail"] in words


@pytest.mark.parametrize("reference", ["file:keys/none.secret", "env:YIZHENG_NONE", "demo-secret"])
def test_a_secret_that_is_not_there_is_named_but_never_shown(
    make_site: Callable[[], Path], reference: str
) -> None:
    site = make_site()
    edit(POLICE, "file:keys/public_security.secret", reference)(site)
    done = run(site, "serve", "--port=0")
    assert done.returncode == EXIT_CONFIG
    assert POLICE in done.stderr
    assert "Remedy" in done.stderr
    assert "Traceback" not in done.stderr
    assert ("demo-secret" in done.stderr) is False


def test_a_site_without_mistakes_is_counted(make_site: Callable[[], Path]) -> None:
    done = run(make_site(), "config", "check", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    assert msgspec.json.decode(done.stdout) == {
        "ok": True,
        "agencies": 1,
        "items": 15,
        "grants": 2,
        "adapters": 2,
        "certificates": 3,
    }
