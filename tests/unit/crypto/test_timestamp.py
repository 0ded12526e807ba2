# SPDX-License-Identifier: Apache-2.0
"""RFC 3161, against replies that `openssl ts` makes."""

import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from gateway.crypto.digest import sha256
from gateway.crypto.timestamp import TimestampAuthority, ask
from gateway.errors import RequestError, TrustError
from tests.integration.tsa import make_authority, openssl, reply_to

NOTE = b"audit.example/node-1\n3\n"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tsa")
    make_authority(folder)
    return folder


def load(folder: Path, roots: Path | None = None) -> TimestampAuthority:
    return TimestampAuthority(
        (folder / "tsa.crt").read_bytes(), ((roots or folder) / "root.crt").read_bytes()
    )


def test_a_reply_to_our_question_tells_the_time(folder: Path) -> None:
    question = ask(NOTE)
    at = load(folder).verify(reply_to(folder, question.der), NOTE, nonce=question.nonce)
    assert abs(at - datetime.now(UTC)) < timedelta(seconds=10)


def test_a_reply_that_was_kept_verifies_without_its_question(folder: Path) -> None:
    load(folder).verify(reply_to(folder, ask(NOTE).der), NOTE)


def test_openssl_agrees_with_what_we_ask_and_accept(folder: Path) -> None:
    (folder / "note").write_bytes(NOTE)
    (folder / "kept").write_bytes(reply_to(folder, ask(NOTE).der))
    openssl(
        folder, "ts", "-verify", "-data", "note", "-in", "kept", "-CAfile", "root.crt",
        "-untrusted", "tsa.crt",
    )  # fmt: skip
    (folder / "note").write_bytes(NOTE + b"\n")
    with pytest.raises(subprocess.CalledProcessError):
        openssl(
            folder, "ts", "-verify", "-data", "note", "-in", "kept", "-CAfile", "root.crt",
            "-untrusted", "tsa.crt",
        )  # fmt: skip


def test_each_question_has_a_nonce_and_only_the_digest(folder: Path) -> None:
    one, two = ask(NOTE), ask(NOTE)
    assert one.nonce != two.nonce
    assert sha256(NOTE) in one.der
    assert NOTE not in one.der


def test_another_content_or_nonce_is_refused(folder: Path) -> None:
    question, authority = ask(NOTE), load(folder)
    reply = reply_to(folder, question.der)
    with pytest.raises(TrustError, match="Mismatch between messages"):
        authority.verify(reply, NOTE + b"\n", nonce=question.nonce)
    with pytest.raises(TrustError, match="Nonce mismatch"):
        authority.verify(reply, NOTE, nonce=question.nonce + 1)


def test_another_root_or_authority_is_refused(folder: Path, tmp_path: Path) -> None:
    make_authority(tmp_path)
    reply = reply_to(folder, ask(NOTE).der)
    for authority in (load(folder, tmp_path), load(tmp_path), load(tmp_path, folder)):
        with pytest.raises(TrustError):
            authority.verify(reply, NOTE)


def test_an_x509_certificate_that_is_not_for_timestamps_is_refused(tmp_path: Path) -> None:
    make_authority(tmp_path)
    question = ask(NOTE)
    reply = reply_to(tmp_path, question.der)
    openssl(
        tmp_path, "x509", "-req", "-in", "tsa.csr", "-CA", "root.crt", "-CAkey", "root.key",
        "-days", "2", "-extfile", "tsa.cnf", "-extensions", "signs", "-out", "tsa.crt",
    )  # fmt: skip
    with pytest.raises(TrustError):
        load(tmp_path).verify(reply, NOTE, nonce=question.nonce)


def test_a_rejection_is_refused(folder: Path) -> None:
    with pytest.raises(TrustError, match="not a granted reply"):
        load(folder).verify(reply_to(folder, b"junk"), NOTE)


@pytest.mark.filterwarnings("ignore::cryptography.utils.CryptographyDeprecationWarning")
def test_damaged_replies_are_refused_or_tell_the_same(folder: Path) -> None:
    question, authority = ask(NOTE), load(folder)
    reply = reply_to(folder, question.der)
    at = authority.verify(reply, NOTE, nonce=question.nonce)
    for offset in range(len(reply)):
        damaged = bytearray(reply)
        damaged[offset] ^= 0x41
        try:
            assert authority.verify(bytes(damaged), NOTE, nonce=question.nonce) == at
        except TrustError:
            continue
    for length in (0, 1, 5, len(reply) // 2, len(reply) - 1):
        with pytest.raises(TrustError):
            authority.verify(reply[:length], NOTE)


@pytest.mark.parametrize("pem", [b"", b"junk", b"-----BEGIN CERTIFICATE-----\nAAAA\n"])
def test_files_that_hold_no_x509_certificate_are_refused(folder: Path, pem: bytes) -> None:
    good = (folder / "root.crt").read_bytes()
    for files in ((pem, good), (good, pem)):
        with pytest.raises(RequestError) as caught:
            TimestampAuthority(*files)
        assert caught.value.code == "X509_UNUSABLE"


def test_an_authority_that_was_replaced_vouches_for_what_was_kept_and_for_nothing_new(
    folder: Path, tmp_path: Path
) -> None:
    make_authority(tmp_path)
    question = ask(NOTE)
    reply = reply_to(folder, question.der)
    files = [
        b"".join((of / name).read_bytes() for of in (tmp_path, folder))  # the one of now first
        for name in ("tsa.crt", "root.crt")
    ]
    authority = TimestampAuthority(*files)
    authority.verify(reply, NOTE)
    for name, content in zip(("note", "kept", "crts", "roots"), (NOTE, reply, *files), strict=True):
        (tmp_path / name).write_bytes(content)
    openssl(
        tmp_path, "ts", "-verify", "-data", "note", "-in", "kept", "-CAfile", "roots",
        "-untrusted", "crts",
    )  # fmt: skip
    with pytest.raises(TrustError, match="certificate was replaced"):
        authority.verify(reply, NOTE, nonce=question.nonce)
    asked = ask(NOTE)
    authority.verify(reply_to(tmp_path, asked.der), NOTE, nonce=asked.nonce)


def test_whose_reply_it_says_to_be_is_told_without_believing_it(
    folder: Path, tmp_path: Path
) -> None:
    make_authority(tmp_path)
    reply = reply_to(folder, ask(NOTE).der)
    assert load(folder).is_named_in(reply)
    assert not load(tmp_path).is_named_in(reply)
    with pytest.raises(TrustError, match="not a granted reply"):
        load(folder).is_named_in(reply[:-1])
