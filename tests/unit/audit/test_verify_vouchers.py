# SPDX-License-Identifier: Apache-2.0
"""Timestamps that were kept, verified again: also after their authority was replaced."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gateway.audit.evidence.vouchers import find_timestamp
from gateway.audit.log import Log
from gateway.audit.store.notary import NOTARY_DATABASE, NotaryReader, NotaryStore, Timestamp
from gateway.audit.store.reader import LogReader
from gateway.audit.store.sqlite import SqliteStore
from gateway.audit.verify_vouchers import Vouchers, verify_vouchers
from gateway.crypto.digest import sha256
from gateway.crypto.timestamp import TimestampAuthority, ask
from gateway.errors import TrustError
from tests.integration.tsa import make_authority, reply_to
from tests.unit.audit.samples import KEY, SIGNER, entry_bytes

Pems = tuple[bytes, bytes]


@pytest.fixture(scope="module")
def authorities(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """One, and the one that replaced it."""
    folders = tmp_path_factory.mktemp("old"), tmp_path_factory.mktemp("new")
    for folder in folders:
        make_authority(folder)
    return folders


@pytest.fixture
def folder(tmp_path: Path, authorities: tuple[Path, Path]) -> Path:
    """A log of two checkpoints, the first stamped by the old authority, the second by the new."""
    store = SqliteStore.open(tmp_path, KEY)
    log = Log(store, SIGNER)
    for number in range(2):
        log.append([entry_bytes(number)])
    store.close()
    for size, authority in enumerate(authorities, start=1):
        stamp(tmp_path, size, reply_to(authority, ask(note_of(tmp_path, size)).der))
    return tmp_path


def note_of(folder: Path, size: int) -> bytes:
    with closing(LogReader.open(folder)) as reader:
        return dict(reader.checkpoints())[size]


def stamp(folder: Path, size: int, reply: bytes, note: bytes | None = None) -> None:
    at = datetime(2026, 11, 22, tzinfo=UTC)
    with closing(NotaryStore.open(folder)) as notary:
        notary.add_timestamp(Timestamp(size, sha256(note or note_of(folder, size)), reply, at))


def pems(*folders: Path) -> Pems:
    """The files that a site names, the authority of now first."""
    crts, roots = ([f / name for f in folders] for name in ("tsa.crt", "root.crt"))
    return b"".join(map(Path.read_bytes, crts)), b"".join(map(Path.read_bytes, roots))


@pytest.fixture
def readers(folder: Path) -> Iterator[tuple[LogReader, NotaryReader]]:
    with closing(LogReader.open(folder)) as log, closing(NotaryReader.open(folder)) as notary:
        yield log, notary


def verify(readers: tuple[LogReader, NotaryReader], files: Pems) -> Vouchers:
    return verify_vouchers(*readers, policy=None, authority=TimestampAuthority(*files))


def test_timestamps_of_an_authority_that_was_replaced_verify_by_its_kept_x509_certificate(
    readers: tuple[LogReader, NotaryReader], authorities: tuple[Path, Path]
) -> None:
    old, new = authorities
    found = verify(readers, pems(new, old))
    assert (found.stamped_size, found.timestamp_count, found.by_others_count) == (2, 2, 0)


def test_timestamps_of_an_authority_that_nobody_names_any_more_are_counted_apart(
    readers: tuple[LogReader, NotaryReader], authorities: tuple[Path, Path]
) -> None:
    old, new = authorities
    found = verify(readers, pems(new))
    assert (found.stamped_size, found.timestamp_count, found.by_others_count) == (2, 1, 1)
    found = verify(readers, pems(old))
    assert (found.stamped_size, found.timestamp_count, found.by_others_count) == (1, 1, 1)


def test_whoever_made_it_a_timestamp_of_another_checkpoint_fails(
    folder: Path, readers: tuple[LogReader, NotaryReader], authorities: tuple[Path, Path]
) -> None:
    old, new = authorities
    note = b"another history\n"
    stamp(folder, 1, reply_to(old, ask(note).der), note)
    for files in (pems(new, old), pems(new)):
        with pytest.raises(TrustError, match="checkpoint 1: another was timestamped"):
            verify(readers, files)


def test_a_timestamp_that_a_known_authority_did_not_sign_fails(
    folder: Path, readers: tuple[LogReader, NotaryReader], authorities: tuple[Path, Path]
) -> None:
    old, new = authorities
    reply = bytearray(reply_to(old, ask(note_of(folder, 1)).der))
    reply[-1] ^= 1  # of its signature
    with closing(sqlite3.connect(folder / NOTARY_DATABASE)) as connection, connection:
        connection.execute("UPDATE timestamps SET reply = ? WHERE size = 1", [bytes(reply)])
    with pytest.raises(TrustError, match="checkpoint 1: its timestamp"):
        verify(readers, pems(new, old))


def test_a_case_of_evidence_holds_the_timestamp_of_an_authority_that_was_replaced(
    readers: tuple[LogReader, NotaryReader], authorities: tuple[Path, Path]
) -> None:
    old, new = authorities
    log, notary = readers
    found = find_timestamp(log, notary, 0, pems(new, old))
    assert found is not None
    assert found[0].size == 1
