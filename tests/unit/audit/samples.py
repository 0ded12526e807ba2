# SPDX-License-Identifier: Apache-2.0
"""Synthetic entries, and logs made of them."""

import secrets
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path

from gateway.audit.log import Log
from gateway.audit.store.reader import DATABASE
from gateway.audit.store.sqlite import SqliteStore
from gateway.crypto.keys import generate_private_key
from gateway.model.entry import (
    DecisionMark,
    Entry,
    HolderMark,
    RequestMark,
    ResponseMark,
    format_entry,
)
from gateway.tlog.note import NoteSigner

ORIGIN = "audit.example/node-1"
KEYID = "yq-gjj-1"
PEM = generate_private_key("ed25519")
SIGNER = NoteSigner.from_pem(ORIGIN, PEM)
KEY = SIGNER.public
NOW_S = 1_763_800_000  # 2025-11-22T08:26:40Z


def nonce() -> str:
    return secrets.token_urlsafe(16)


def entry_bytes(
    number: int,
    *,
    at_s: float = NOW_S,
    created: int = NOW_S,
    signed_nonce: str | None = None,
    result: str = "permit",
    grant: str | None = "yq-gjj@1",
    purpose: str = "公积金提取",
) -> bytes:
    signature_input = (
        '("@method" "@authority" "@path" "@query" "content-type" "content-digest")'
        f';created={created};nonce="{signed_nonce or nonce()}";keyid="{KEYID}"'
        ';alg="ecdsa-p256-sha256";tag="yizheng-v1"'
    )
    time = datetime.fromtimestamp(at_s, UTC).isoformat(timespec="milliseconds")
    return format_entry(
        Entry(
            id=f"request-{number}",
            salt=nonce(),
            time=time.replace("+00:00", "Z"),
            agency="yq-gjj",
            keyid=KEYID,
            operator="yq-0417",
            terminal="window-03",
            division="140300",
            item="yq-gjj-001",
            case=f"YQ{number:08}",
            purpose=purpose,
            holder=HolderMark("2025-11", "cn-id", "x" * 43, "y" * 62, "140*************17"),
            certificate="public_security.identity",
            operation="query",
            fields_requested=("name", "valid_to"),
            fields_released=("name", "valid_to"),
            grant=grant,
            decision=DecisionMark("deny" if result == "deny" else "permit", "grant"),
            outcome="found",
            served_from="source",
            as_of="2025-11-22T08:00:00Z",
            adapter="public-security",
            adapter_ms=12,
            request=RequestMark("2026-11", signature_input, "b" * 166),
            response=ResponseMark("c" * 64),
        )
    )


def write_log(folder: Path, groups: Sequence[int]) -> list[bytes]:
    """A closed log of that many entries a group; returns the entries."""
    store = SqliteStore.open(folder, KEY)
    log = Log(store, SIGNER)
    entries = [entry_bytes(number) for number in range(sum(groups))]
    at = 0
    for count in groups:
        assert log.append(entries[at : at + count]) == at
        at += count
    store.close()
    return entries


@contextmanager
def held_snapshot(folder: Path) -> Iterator[sqlite3.Connection]:
    """A reader at one instant, as `verify_log.py` is for as long as it runs."""
    with closing(sqlite3.connect(f"{(folder / DATABASE).as_uri()}?mode=ro", uri=True)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM entries").fetchone()
        yield reader
