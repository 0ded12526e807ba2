# SPDX-License-Identifier: Apache-2.0
"""Two gateways with logs of their own and a store between them; each with two workers."""

import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import msgspec
import pytest

from fixtures.citizens import Citizen
from fixtures.world import World
from gateway.crypto.keys import load_signer
from tests.command import yizheng
from tests.integration.tsa import told
from tests.integration.wire import Answer, lookup_body, send, sign
from tests.store_server import StoreServer, needs_store

pytestmark = needs_store

WORKERS = 2
TIMES = 24
#: F-19: from the store's return until it is used again.
RECOVERY_LIMIT_S = 10.0
#: What all nodes have alike: the cache's key, and the keys under which certificates are sealed.
SHARED = ("shared-cache.key", "seal-*.pem")


@pytest.fixture(scope="module")
def store(short_folder: Path) -> Iterator[StoreServer]:
    server = StoreServer(short_folder / "store")
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def nodes(short_folder: Path, store: StoreServer) -> Iterator[tuple[World, World]]:
    made = []
    for name in ("node-a", "node-b"):
        folder = short_folder / name
        folder.mkdir()
        made.append(World(folder, workers=WORKERS, settings=f'\n[cache]\nurl = "{store.url}"\n'))
    one, two = made
    for pattern in SHARED:
        for file in (one.site / "keys").glob(pattern):
            shutil.copy2(file, two.site / "keys" / file.name)
    with one, two:
        until(lambda: [health(world) for world in made] == ["ok", "ok"])
        yield one, two


def until(holds: Callable[[], bool], limit_s: float = 30) -> float:
    """Wait for it; returns how long it took."""
    begun_s = time.monotonic()
    while not holds():
        assert time.monotonic() - begun_s < limit_s
        time.sleep(0.05)
    return time.monotonic() - begun_s


def health(world: World) -> str:
    """What every worker says of the shared cache, if all say the same."""
    said = {row["shared"] for row in command(world, "stats")}
    return said.pop() if len(said) == 1 else "mixed"


def command(world: World, *arguments: str, stdin: str = "") -> Any:
    done = yizheng("cache", *arguments, "--site", world.site, "--json", stdin=stdin, check=True)
    return msgspec.json.decode(done.stdout)


def ask(world: World, citizen: Citizen) -> Answer:
    body = msgspec.json.encode(lookup_body(world, citizen.id_number))
    return send(world, sign(world, body))


def origins(world: World, citizen: Citizen, times: int = TIMES) -> list[str]:
    return [ask(world, citizen).document["served_from"] for _ in range(times)]


def warm(nodes: tuple[World, World], citizen: Citizen) -> None:
    """Ask until every worker of both has the answer."""
    until(lambda: all("source" not in origins(world, citizen) for world in nodes))


def signalled(world: World, citizen: Citizen) -> Answer:
    signer = load_signer(world.department_key("yq-ga").read_bytes(), "yq-ga-1")
    holder = {"scheme": "cn-id", "number": citizen.id_number}
    body = msgspec.json.encode({"holder": holder, "changed_at": "2026-11-22T16:00:00+08:00"})
    return send(world, sign(world, body, signer=signer, target="/v1/invalidations"))


def signal(world: World, citizen: Citizen) -> None:
    """As `signalled`, until the store was quick enough to hear of it."""

    def is_taken() -> bool:
        answer = signalled(world, citizen)
        assert answer.status == 200 or answer.document["code"] == "CACHE_UNREACHED"
        return answer.status == 200

    until(is_taken)


def test_what_one_node_asked_the_other_serves(nodes: tuple[World, World]) -> None:
    one, two = nodes
    fresh = iter(one.citizens[70:])

    def is_served() -> bool:
        """Where a node found the store late it asked the source, and left nothing there."""
        citizen = next(fresh)
        first = ask(one, citizen).document
        assert first["served_from"] == "source"
        second = ask(two, citizen).document
        if second["served_from"] == "source":
            return False
        assert (second["served_from"], second["as_of"]) == ("cache", first["as_of"])
        # The department's own signature came along.
        assert second["sealed"] == first["sealed"]
        until(lambda: set(origins(two, citizen)) == {"cache"})
        return True

    until(is_served)


def test_after_a_signal_to_one_no_node_serves_what_it_kept(nodes: tuple[World, World]) -> None:
    one, two = nodes
    citizen = one.citizens[61]
    warm(nodes, citizen)
    signal(one, citizen)
    assert origins(two, citizen)[0] == "source"
    until(lambda: set(origins(one, citizen)) == {"cache"})  # as the other node has asked anew


def test_a_purge_reaches_both_and_stats_tell_of_the_store(nodes: tuple[World, World]) -> None:
    one, two = nodes
    citizen = one.citizens[62]
    warm(nodes, citizen)
    command(
        one, "purge", "--holder", "cn-id", "--reason", "错误批次 bad batch", stdin=citizen.id_number
    )
    assert origins(two, citizen, 1) == ["source"]
    until(lambda: health(two) == "ok")
    rows = command(two, "stats")
    assert sum(row["shared_hits"] for row in rows) > 0
    assert sum(row["shared_refused"] for row in rows) == 0


def test_the_store_holds_nothing_of_anybody(nodes: tuple[World, World], store: StoreServer) -> None:
    one, _ = nodes
    citizen = one.citizens[63]
    token = ask(one, citizen).document["sealed"]
    until(lambda: len(store.answers()) >= 1)
    store.ask("SAVE")
    kept = [file.read_bytes() for file in store.folder.iterdir()]
    kept += [part for pair in store.strings().items() for part in pair]
    secrets = [citizen.id_number, citizen.name, "yq-gjj", *token.replace(".", "~").split("~")]
    found = [word for word in secrets if word for text in kept if word.encode() in text]
    assert kept
    assert found == []


@pytest.mark.parametrize("how", ["stopped", "killed"])
def test_without_the_store_answers_go_on_and_a_signal_is_refused_on_record(
    nodes: tuple[World, World], store: StoreServer, how: str
) -> None:
    one, two = nodes
    citizen = one.citizens[64 if how == "stopped" else 65]
    warm(nodes, citizen)
    (store.pause if how == "stopped" else store.stop)()
    try:
        assert all(ask(world, citizen).status == 200 for world in nodes for _ in range(TIMES))
        until(lambda: [health(world) for world in nodes] == ["away", "away"])
        time.sleep(1.0)  # the longest that memory is trusted without a word
        for world in nodes:
            assert set(origins(world, citizen)) == {"source"}
        refused = signalled(one, citizen)
        assert (refused.status, refused.document["code"]) == (503, "CACHE_UNREACHED")
        assert refused.document["retryable"]
        assert "audit-receipt" in refused.fields
        assert told(two.url)["cache"] == "away"
    finally:
        (store.resume if how == "stopped" else store.start)()
    until(lambda: [health(world) for world in nodes] == ["ok", "ok"], RECOVERY_LIMIT_S)
    signal(one, citizen)
    assert origins(two, citizen)[0] == "source"
    until(lambda: set(origins(one, citizen)) == {"cache"})


def test_the_gateway_serves_though_the_store_is_away_when_it_starts(
    nodes: tuple[World, World], store: StoreServer
) -> None:
    one, _ = nodes
    one.gateway.stop()
    store.stop()
    try:
        one.start_gateway()
        assert ask(one, one.citizens[66]).status == 200
    finally:
        store.start()
    until(lambda: health(one) == "ok", RECOVERY_LIMIT_S)
    with urlopen(f"{one.url}/metrics") as page:
        text = page.read().decode()
    assert "yizheng_cache_shared_hits_total" in text
    assert "yizheng_cache_shared_away" in text
