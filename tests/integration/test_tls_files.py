# SPDX-License-Identifier: Apache-2.0
"""Settings of TLS that cannot be used are refused before anything starts."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from fixtures.world import AGENCY
from gateway.errors import SetupError
from tests.integration.test_cli_agencies import run
from tests.integration.tls_files import Authority, configure


@pytest.fixture(scope="module")
def authority(short_folder: Path) -> Authority:
    made = Authority(short_folder / "pki-of-settings")
    made.issue("other")
    return made


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda keys: (keys / "tls.crt").unlink(), "tls.crt: cannot be read"),
        (lambda keys: (keys / "tls.crt").write_text("none"), "is no X.509 in PEM"),
        (lambda keys: (keys / "tls.key").write_text("none"), "are no pair in PEM"),
        (lambda keys: (keys / "tls.key").write_text("ENCRYPTED"), "is encrypted"),
        (lambda keys: (keys / "tls.key").chmod(0o644), "can be read by others"),
        (lambda keys: (keys / "ca.crt").write_text("none"), "is not a list of X.509"),
        (
            lambda keys: (keys / "tls.crt").write_bytes((keys / "ca.crt").read_bytes()),
            "are no pair in PEM",
        ),
    ],
)
def test_files_that_cannot_be_used_are_refused_before_anything_starts(
    make_site: Callable[[], Path],
    authority: Authority,
    spoil: Callable[[Path], None],
    words: str,
) -> None:
    from gateway.app import check_site
    from gateway.config import load_site

    site = make_site()
    authority.install(site)
    configure(site)
    check_site(load_site(site))
    spoil(site / "keys")
    with pytest.raises(SetupError, match=re.escape(words)):
        check_site(load_site(site))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('tls_chain = "a"', "belong together"),
        ('client_ca = "a"', "client_ca needs"),
        ('client_x509 = "required"', "client_x509 needs"),
    ],
)
def test_half_a_setting_is_refused(make_site: Callable[[], Path], text: str, words: str) -> None:
    from gateway.config import load_site

    site = make_site()
    configure(site, f"[http]\n{text}\n")
    with pytest.raises(SetupError, match=words):
        load_site(site)


def test_an_agency_cannot_be_bound_where_nobody_can_present(make_site: Callable[[], Path]) -> None:
    from gateway.config import load_site

    site = make_site()
    file = site / f"agencies/{AGENCY}.toml"
    file.write_text(f'x509_sha256 = ["{"0" * 64}"]\n' + file.read_text())
    with pytest.raises(SetupError, match="client_ca"):
        load_site(site)


def test_no_agency_is_bound_where_nobody_can_present(
    make_site: Callable[[], Path], authority: Authority
) -> None:
    site = make_site()
    before = {file: file.read_bytes() for file in (site / "agencies").iterdir()}
    file = authority.folder / "agency.crt"
    assert run("agency", "x509", "add", AGENCY, file, "--site", site) == (78, "SETUP_INVALID")
    assert {file: file.read_bytes() for file in (site / "agencies").iterdir()} == before
