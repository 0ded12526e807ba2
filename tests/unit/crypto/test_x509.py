# SPDX-License-Identifier: Apache-2.0
"""The X.509 certificate of a connection: known by its DER, however it is written."""

import subprocess
from datetime import timedelta
from pathlib import Path

import pytest

from gateway.crypto.digest import sha256
from gateway.crypto.x509 import fingerprint, read_connection_x509
from gateway.errors import RequestError


def openssl(*arguments: str) -> bytes:
    return subprocess.run(["openssl", *arguments], check=True, capture_output=True).stdout


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("x509")
    openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30", "-subj", "/CN=yq-gjj",
            "-keyout", f"{made}/own.key", "-out", f"{made}/own.crt")  # fmt: skip
    return made


def test_pem_and_der_have_the_fingerprint_that_openssl_prints(folder: Path) -> None:
    pem = (folder / "own.crt").read_bytes()
    der = openssl("x509", "-in", f"{folder}/own.crt", "-outform", "DER")
    printed = openssl("x509", "-in", f"{folder}/own.crt", "-noout", "-fingerprint", "-sha256")
    expected = printed.decode().strip().partition("=")[2].replace(":", "").lower()
    found = read_connection_x509(pem)
    assert found == read_connection_x509(der) == read_connection_x509(pem + pem)
    assert found.sha256 == fingerprint(der) == sha256(der).hex() == expected
    assert found.not_after - found.not_before == timedelta(days=30)


def test_what_is_no_x509_is_refused_and_a_private_key_by_name(folder: Path) -> None:
    pem = (folder / "own.crt").read_bytes()
    for wrong in (b"", b"text", pem[:200], b"\x30\x82\x01", b" " * 70_000):
        with pytest.raises(RequestError, match="X509_UNUSABLE"):
            read_connection_x509(wrong)
    with pytest.raises(RequestError, match="KEY_PRIVATE"):
        read_connection_x509(pem + (folder / "own.key").read_bytes())


def test_a_version_that_nobody_issues_is_refused_like_anything_unreadable(folder: Path) -> None:
    der = openssl("x509", "-in", f"{folder}/own.crt", "-outform", "DER")
    second = der.replace(b"\xa0\x03\x02\x01\x02", b"\xa0\x03\x02\x01\x01", 1)
    assert second != der
    with pytest.raises(RequestError, match="X509_UNUSABLE"):
        read_connection_x509(second)
