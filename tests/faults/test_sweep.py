# SPDX-License-Identifier: Apache-2.0
"""F-25: after YIZHENG_SWEEP lookups with faults, nobody and no key is in anything that is left.

Searched is every file of the site's `var/` and `keys/`, all that processes wrote to stderr, pages,
and what commands print: for each number and name that was used, in four charsets, in clear and
percent-encoded, in base64 at any offset, in hexadecimal, in JSON escapes; and for the body and the
raw bytes of each private key. That the search finds what is there is proved by planting.
"""

import asyncio
import os
import random
import resource
import signal
from base64 import b64decode, b64encode, urlsafe_b64encode
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

import aiohttp
import msgspec
import pytest
import pytest_asyncio
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from fixtures.world import World
from gateway.client import GatewayClient
from gateway.errors import GatewayError
from tests.command import yizheng
from tests.faults.sweep import Sweep
from tests.integration.wire import send, sign

LOOKUPS = int(os.environ.get("YIZHENG_SWEEP", "300"))
SEED = int(os.environ.get("YIZHENG_SEED", "20261122"))
CALLERS = 8
ACCOUNT = {"certificate": "housing_fund.account", "fields": ("name", "balance")}
_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)


def number_of(index: int) -> str:
    """A citizen number with a right check character that no register has."""
    body = f"140105{1900 + index % 90}{1 + index % 12:02}{1 + index % 28:02}{index // 90 % 1000:03}"
    total = sum(weight * int(digit) for weight, digit in zip(_WEIGHTS, body, strict=True))
    return body + "10X98765432"[total % 11]


class Traffic:
    """Lookups of every kind; keeps whom they were about and what they met."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.dice = random.Random(SEED)
        self.numbers = {citizen.id_number for citizen in world.citizens}
        self.names = {citizen.name for citizen in world.citizens} | {"测试经办"}
        self.outcomes: Counter[str] = Counter()

    async def run(self, start: int, stop: int) -> None:
        kinds = iter(range(start, stop))
        async with asyncio.TaskGroup() as tasks:
            for _ in range(CALLERS):
                tasks.create_task(self._call(kinds))

    async def _call(self, kinds: Iterator[int]) -> None:
        async with self.world.client() as client:
            for kind in kinds:
                try:
                    if kind % 10 == 9:
                        await asyncio.to_thread(self._send_raw, kind)
                    else:
                        self.outcomes[await self._ask(client, kind)] += 1
                except GatewayError as error:
                    self.outcomes[error.code] += 1

    async def _ask(self, client: GatewayClient, kind: int) -> str:
        citizen, other = self.dice.choices(self.world.citizens, k=2)
        changes: dict[str, Any] = {"max_age_s": self.dice.choice([0, 600])}
        number = citizen.id_number
        match kind % 10:
            case 4 | 5:
                number = number_of(kind)
                self.numbers.add(number)
            case 6:
                name = self.dice.choice([citizen.name, other.name])
                changes |= {"operation": "verify", "fields": (), "claims": {"name": name}}
            case 7:
                changes |= ACCOUNT
            case 8:
                changes["attribution__purpose"] = f"提取 {number} {citizen.name} {other.id_number}"
            case _:
                pass
        request = self.world.request(number, **changes)
        return (await client.lookup(request)).answer.outcome

    def _send_raw(self, kind: int) -> None:
        """What no client would send: persons where they do not belong."""
        citizen = self.dice.choice(self.world.citizens)
        number, name = citizen.id_number, citizen.name
        body = msgspec.json.encode(
            [{"holder": number, name: number}, {"holder": {"number": number, "name": name}}]
        )
        draft = sign(self.world, body[: self.dice.choice([len(body), 40])])
        match kind // 10 % 4:
            case 0:
                pass
            case 1:
                target = f"/v1/lookups/{number}?name={quote(name)}"
                draft = msgspec.structs.replace(draft, target=target)
            case 2:
                draft = draft.with_fields(**{f"x-{number}": quote(name), "Cookie": number})
            case _:
                draft = draft.with_fields(Signature=f"{number}=:{b64encode(name.encode())!r}:")
        with suppress(OSError):
            self.outcomes[f"raw {send(self.world, draft).status}"] += 1


async def break_things(world: World) -> None:
    """What can happen to a gateway while somebody asks; a worker ends as if by a fault of ours."""
    for name, number in (
        ("worker-1", signal.SIGABRT),
        ("sequencer", signal.SIGKILL),
        ("worker-2", signal.SIGSEGV),
        ("sequencer", signal.SIGTERM),
    ):
        await asyncio.sleep(0.3)
        with suppress(ProcessLookupError):
            os.kill(world.pids()[name], number)
    world.public_security.stop()
    await asyncio.sleep(0.5)
    await asyncio.to_thread(world.public_security.start)


def keys_of(world: World) -> dict[str, tuple[Path, dict[str, bytes]]]:
    """Where each private key belongs, and what it must not be known by elsewhere."""
    found = {}
    for path in (*world.site.glob("keys/*.pem"), *(world.folder / "agency").glob("*.pem")):
        text = path.read_bytes()
        if b"PRIVATE" not in text:
            continue
        key = load_pem_private_key(text, None)
        if isinstance(key, Ed25519PrivateKey):
            raw = key.private_bytes_raw()
        else:
            assert isinstance(key, EllipticCurvePrivateKey)
            raw = key.private_numbers().private_value.to_bytes(32, "big")
        body = b"".join(text.split(b"\n")[1:-2])
        found[path.name] = path, {"body": body[-48:], "raw": raw}
    kek = world.site / "keys/audit.kek"
    text = kek.read_bytes().strip()
    found[kek.name] = kek, {"body": text, "raw": b64decode(text)}
    return found


class Left(msgspec.Struct, frozen=True):
    """What a run left behind."""

    world: World
    traffic: Traffic
    sweep: Sweep
    pages: dict[str, bytes]

    def files(self) -> Iterator[Path]:
        folders = (self.world.site / "var", self.world.site / "keys", self.world.logs)
        for folder in folders:
            yield from (file for file in folder.rglob("*") if file.is_file())

    def found(self) -> dict[str, set[str]]:
        """What was found, by where; a key in its own file is at its place."""
        own = {path: {f"{name} {form}" for form in ("body", "raw")} for name, path in self.own()}
        places = {str(file): self.sweep.find(file.read_bytes()) - own.get(file, set())
                  for file in self.files()}  # fmt: skip
        places |= {name: self.sweep.find(page) for name, page in self.pages.items()}
        return {place: what for place, what in places.items() if what}

    def own(self) -> list[tuple[str, Path]]:
        return [(name, path) for name, (path, _) in keys_of(self.world).items()]


async def pages_of(world: World) -> dict[str, bytes]:
    pages = {}
    async with aiohttp.ClientSession() as session:
        for path in ("/metrics", "/readyz", "/healthz", "/openapi.json"):
            async with session.get(world.url + path) as response:
                pages[path] = await response.read()
    return pages


def run(world: World, *arguments: str, number: str = "") -> bytes:
    """A command; what it printed, on both streams."""
    done = yizheng("audit", *arguments, "--site", world.site, "--json", stdin=number, check=True)
    return (done.stdout + done.stderr).encode()


def audit_it(world: World) -> dict[str, bytes]:
    """Commands that read the log, one of which is told a number and one of which shows one."""
    number = world.citizens[0].id_number
    told = run(world, "hold", "add", "holder", *world.auditing("keeper"), number=number)
    hold = msgspec.json.decode(told)["hold"]
    asked = run(world, "unmask", "ask", hold, *world.auditing("auditor-a"))
    ask = msgspec.json.decode(asked)["ask"]
    approved = run(world, "unmask", "approve", ask, *world.auditing("auditor-b"))
    shown = run(world, "unmask", "redeem", ask, *world.auditing("auditor-a"))
    assert number in shown.decode()
    verified = run(world, "verify")
    return {"hold": told, "ask": asked, "approve": approved, "verify": verified}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def left(short_folder: Path) -> AsyncIterator[Left]:
    folder = short_folder / "sweep"
    folder.mkdir()
    world = World(folder, workers=2)
    limit, cwd = resource.getrlimit(resource.RLIMIT_CORE), Path.cwd()
    resource.setrlimit(resource.RLIMIT_CORE, (limit[1], limit[1]))
    try:
        world.start_departments()
        os.chdir(world.logs)  # where a core file would be written
        world.start_gateway()
        os.chdir(cwd)
        traffic = Traffic(world)
        await traffic.run(0, LOOKUPS // 2)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(break_things(world))
            tasks.create_task(traffic.run(LOOKUPS // 2, LOOKUPS))
        pages = await pages_of(world) | await asyncio.to_thread(audit_it, world)
        secrets = {
            f"{name} {form}": secret
            for name, (_, forms) in keys_of(world).items()
            for form, secret in forms.items()
        }
        yield Left(world, traffic, Sweep(traffic.numbers, traffic.names, secrets), pages)
    finally:
        os.chdir(cwd)
        resource.setrlimit(resource.RLIMIT_CORE, limit)
        world.stop()


@pytest.mark.timeout(120 + LOOKUPS // 10)
def test_nobody_and_no_key_is_left_behind(
    left: Left, record_property: Callable[[str, object], None]
) -> None:
    names = {file.name for file in left.files()}
    assert {"audit.sqlite3", "audit.sqlite3-wal", "audit.sqlite3-shm", "gateway.log"} <= names
    assert left.found() == {}
    assert left.world.gateway.stop() == 0
    assert left.found() == {}
    record_property("lookups", LOOKUPS)
    record_property("outcomes", dict(left.traffic.outcomes))
    record_property("numbers", len(left.traffic.numbers))
    record_property("files", len(list(left.files())))
    record_property("bytes", sum(file.stat().st_size for file in left.files()))


def test_the_run_met_outcomes_of_every_kind(left: Left) -> None:
    wanted = {"found", "not_found", "match", "mismatch", "ATTRIBUTION_PERSONAL"}
    assert wanted - set(left.traffic.outcomes) == set(), left.traffic.outcomes
    assert {"raw 400", "raw 404"} <= set(left.traffic.outcomes)
    assert b'"process ended"' in (left.world.logs / "gateway.log").read_bytes()


def test_a_process_that_faults_leaves_no_core_file(left: Left) -> None:
    everywhere = [file.name for file in left.world.folder.rglob("core*") if file.is_file()]
    assert everywhere == []


CHARSETS = ("utf-8", "utf-16-le", "utf-16-be", "gb18030")
SPELLINGS: dict[str, Callable[[bytes], bytes]] = {
    "clear": bytes,
    "percent": lambda word: "".join(f"%{byte:02X}" for byte in word).encode(),
    "hex": lambda word: word.hex().encode(),
    "HEX": lambda word: b"0" + word.hex().upper().encode() + b"0",
    "base64 0": b64encode,
    "base64 1": lambda word: b64encode(b"\x01" + word + b"\x01"),
    "base64 2": lambda word: b64encode(b"\x01\x02" + word).rstrip(b"="),
    "base64url": lambda word: urlsafe_b64encode(b"\xff\xfe\xfd" + word + b"\xfb\xff"),
    "base64 in a word": lambda word: b"a" + b64encode(word),
}


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("charset", CHARSETS)
def test_the_search_finds_whoever_is_there(left: Left, charset: str, spelling: str) -> None:
    citizen = left.world.citizens[99]
    number = max(left.traffic.numbers, key=lambda number: number[-1] == "X")
    for kind, text in (("number", number), ("number", number.lower()), ("name", citizen.name)):
        planted = SPELLINGS[spelling](text.encode(charset))
        noise = os.urandom(5000)
        assert kind in left.sweep.find(noise + b"\0" + planted + b'"' + noise), text[:3]


def test_the_search_finds_json_escapes_and_keys(left: Left) -> None:
    escaped = (
        msgspec.json.encode({"a": 1})[:-1]
        + rb',"n":"'
        + (left.world.citizens[7].name.encode("unicode_escape") + b'"}')
    )
    assert left.sweep.find(escaped) == {"name"}
    for name, (_, forms) in keys_of(left.world).items():
        raw, body = forms["raw"], forms["body"]
        assert f"{name} raw" in left.sweep.find(b"log: " + raw.hex().encode())
        assert f"{name} raw" in left.sweep.find(b'"' + b64encode(b"x" + raw) + b'"')
        assert f"{name} body" in left.sweep.find(b"0" * 999 + body + b"\n")


def test_the_search_looks_into_every_file(left: Left) -> None:
    planted = left.world.site / "var/audit/audit.sqlite3-journal"
    planted.write_bytes(b"\0" * 4096 + left.world.citizens[3].name.encode("gb18030"))
    try:
        assert left.found() == {str(planted): {"name"}}
    finally:
        planted.unlink()
