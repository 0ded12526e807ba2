# SPDX-License-Identifier: Apache-2.0
"""Which cache a site has, what it needs for it, and what it says where something is missing."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from valkey.asyncio import SSLConnection

from fixtures.world import World
from gateway.caching import cache_secret, check_store, make_cache, make_store
from gateway.config import Site, load_site
from gateway.errors import SetupError
from gateway.keyring import make_missing_keys

URL = "valkey://127.0.0.1:6379/1"


@pytest.fixture
def site_with(tmp_path: Path) -> Callable[[str], Site]:
    """A site with this in its `[cache]`."""

    def make(section: str) -> Site:
        return load_site(World(tmp_path, settings=f"\n[cache]\n{section}\n").site)

    return make


def test_by_itself_a_node_has_no_key_to_share_and_imports_no_client(
    site_with: Callable[[str], Site],
) -> None:
    site = site_with("max_entries = 7")
    assert not (site.keys / "shared-cache.key").exists()
    check_store(site)
    assert make_cache(site, lambda _token, _type: None).state().store == "none"
    script = "import sys, gateway.app; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, check=True, text=True
    )
    assert "valkey" not in done.stdout.split()


def test_the_key_is_made_once_and_all_who_have_it_know_holders_alike(
    site_with: Callable[[str], Site],
) -> None:
    site = site_with(f'url = "{URL}"')
    key = site.keys / "shared-cache.key"
    assert key.stat().st_mode & 0o777 == 0o600
    before = key.read_text()
    assert key not in make_missing_keys(site)
    assert key.read_text() == before
    room = make_cache(site, lambda _token, _type: None)
    assert room.state().store == "away"
    assert room.tags("cn-id", "1", ("x",)) == make_cache(site, lambda _token, _type: None).tags(
        "cn-id", "1", ("x",)
    )
    assert len(cache_secret(site)) == 32


@pytest.mark.parametrize(
    "url",
    [
        "redis://127.0.0.1/0",
        "valkey://user:password@127.0.0.1/0",
        "valkey://127.0.0.1/0?db=1",
        "valkey:///0",
        "127.0.0.1:6379",
    ],
)
def test_what_is_no_address_of_a_store_is_refused(
    site_with: Callable[[str], Site], url: str
) -> None:
    with pytest.raises(SetupError, match=r"cache\.url"):
        site_with(f'url = "{url}"')


@pytest.mark.parametrize(
    ("more", "named"),
    [
        ({"url": "valkey://127.0.0.1:99999/0"}, "cache.url"),
        ({"ca": "keys/none.pem"}, "cache.ca"),
        ({"password": "file:keys/none"}, "cache.password"),
        ({"password": "hunter2"}, "cache.password"),
        ({"key": "file:keys/none.key"}, "none.key"),
        ({"key": "env:YIZHENG_NO_SUCH"}, "cache.key"),
    ],
)
def test_what_is_missing_is_named_and_no_secret_shown(
    site_with: Callable[[str], Site], more: dict[str, str], named: str
) -> None:
    site = site_with(f'url = "{URL}"')
    section = msgspec.structs.replace(site.config.cache, **more)
    config = msgspec.structs.replace(site.config, cache=section)
    with pytest.raises(SetupError) as caught:
        check_store(msgspec.structs.replace(site, config=config))
    assert named in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_without_the_extra_it_says_what_to_install(
    site_with: Callable[[str], Site], monkeypatch: pytest.MonkeyPatch
) -> None:
    site = site_with(f'url = "{URL}"')
    monkeypatch.setattr("gateway.caching.find_spec", lambda _: None)
    with pytest.raises(SetupError, match=r"yizheng-gateway\[cluster\]"):
        make_store(site)


@pytest.mark.parametrize(
    ("url", "kind", "address"),
    [
        (URL, "Connection", ("127.0.0.1", 6379, 1)),
        ("valkey://[::1]:7000", "Connection", ("::1", 7000, 0)),
        ("valkeys://store.example:6380/3", "SSLConnection", ("store.example", 6380, 3)),
    ],
)
def test_the_address_and_the_password_reach_the_connection(
    site_with: Callable[[str], Site],
    monkeypatch: pytest.MonkeyPatch,
    url: str,
    kind: str,
    address: tuple[str, int, int],
) -> None:
    monkeypatch.setenv("YIZHENG_TEST_PASSWORD", "demo")
    site = site_with(f'url = "{url}"\nusername = "yz"\npassword = "env:YIZHENG_TEST_PASSWORD"')
    connection = make_store(site)._connect()
    assert type(connection).__name__ == kind
    assert (connection.host, connection.port, connection.db) == address
    assert (connection.username, connection.password) == ("yz", "demo")
    if isinstance(connection, SSLConnection):
        context = connection.ssl_context
        assert (context.check_hostname, context.cert_reqs.name) == (True, "CERT_REQUIRED")
