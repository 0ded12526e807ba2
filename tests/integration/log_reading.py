# SPDX-License-Identifier: Apache-2.0
"""A small world whose log is read over HTTP, and requests for it made by hand."""

import secrets
import time
from base64 import b64encode
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from fixtures.world import AGENCY, KEYIDS, World
from gateway.audit.store.reader import LogReader
from gateway.config import load_site
from gateway.crypto.digest import b64url_encode
from gateway.crypto.keys import Signer, load_signer
from gateway.keyring import log_verifier, write_key_pair
from gateway.model.act import Act
from gateway.model.agency_file import format_agency, parse_agency
from gateway.model.record import Record, parse_record
from gateway.tlog.checkpoint import Checkpoint, verify_checkpoint
from tests.integration.wire import Answer, Draft, lookup_body, send, sign

TARGET = ("@method", "@authority", "@path", "@query")
ACCESSES = 3


@contextmanager
def reading_world(folder: Path) -> Iterator[World]:
    """One department, three agencies, a few accesses on record."""
    folder.mkdir()
    world = World(folder)
    add_agency(world, "yq-other")
    add_agency(world, "yq-often", per_s=1, burst=1)
    try:
        world.public_security.start()
        world.start_gateway()
        for citizen in world.citizens[:ACCESSES]:
            body = msgspec.json.encode(lookup_body(world, citizen.id_number))
            assert send(world, sign(world, body)).status == 200
        yield world
    finally:
        world.stop()


def add_agency(world: World, name: str, **settings: object) -> None:
    """Another agency, with a key of its own."""
    write_key_pair(world.folder / f"agency/{name}.pem", "ed25519")
    known = parse_agency((world.site / f"agencies/{AGENCY}.toml").read_text())
    public = (world.folder / f"agency/{name}.pub.pem").read_text()
    key = msgspec.structs.replace(known.keys[1], id=name, public=public)
    other = msgspec.structs.replace(known, id=name, keys=(key,), **settings)
    (world.site / f"agencies/{name}.toml").write_text(format_agency(other))


def agency(world: World) -> Signer:
    return load_signer(world.agency_key().read_bytes(), KEYIDS["ecdsa-p256-sha256"])


def another(world: World, name: str) -> Signer:
    return load_signer((world.folder / f"agency/{name}.pem").read_bytes(), name)


def auditor(world: World, name: str = "auditor-a") -> Signer:
    return load_signer(world.auditor_key(name).read_bytes(), f"{name}-1")


def get(world: World, target: str, signer: Signer, *, covered: Sequence[str] = TARGET) -> Draft:
    """A signed GET, its base written out here (RFC 9421 §2.5)."""
    path, mark, query = target.partition("?")
    host = urlsplit(world.url).netloc
    values = {
        "@method": "GET", "@authority": host, "@path": path, "@query": (mark or "?") + query,
        "date": "Sun, 22 Nov 2026 19:41:48 GMT",
    }  # fmt: skip
    listed = " ".join(f'"{name}"' for name in covered)
    member = (
        f'({listed});created={int(time.time())};nonce="{b64url_encode(secrets.token_bytes(18))}"'
        f';keyid="{signer.keyid}";tag="yizheng-v1"'
    )
    base = "".join(f'"{name}": {values[name]}\n' for name in covered)
    value = b64encode(signer.sign(f'{base}"@signature-params": {member}'.encode())).decode()
    fields = {"Host": host, "Signature-Input": f"s={member}", "Signature": f"s=:{value}:"}
    if "date" in covered:
        fields["Date"] = values["date"]
    return Draft(target, fields, method="GET")


def plain(world: World, target: str, method: str = "GET") -> Answer:
    return send(world, Draft(target, {"Host": urlsplit(world.url).netloc}, method=method))


def records(world: World) -> list[tuple[bytes, Record]]:
    reader = LogReader.open(world.site / "var/audit")
    try:
        return [(line, parse_record(line)) for _, line in reader.entries()]
    finally:
        reader.close()


def recorded_in(world: World, answer: Answer) -> Act:
    """The act that an answer says it is recorded in."""
    origin, _, index = answer.fields["audit-receipt"].partition(", index=")
    assert origin == f'log="{load_site(world.site).config.site.origin}"'
    act = records(world)[int(index)][1]
    assert isinstance(act, Act)
    return act


def checkpoint(world: World) -> Checkpoint:
    answer = plain(world, "/log/checkpoint")
    assert answer.status == 200
    assert answer.fields["content-type"] == "text/plain; charset=utf-8"
    assert answer.fields["cache-control"] == "no-store"
    return verify_checkpoint(answer.body, log_verifier(load_site(world.site)))
