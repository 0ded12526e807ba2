# SPDX-License-Identifier: Apache-2.0
"""Which cache the processes of a node have: each its own, or with a store behind that nodes share.

Without `[cache] url` nothing of the store is imported.
"""

import secrets
from collections.abc import Callable
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from gateway import keyring
from gateway.cache.memory import MemoryCache
from gateway.config import Site
from gateway.errors import SetupError
from gateway.model.answer import Sealed
from gateway.model.forget import Forget
from gateway.secret_source import secret_source

if TYPE_CHECKING:
    from gateway.cache.store import Store

#: Under which caches know holders. Made before the supervisor forks, so that all its processes have
#: the same, also those that are started again.
_CACHE_SECRET: Final = secrets.token_bytes(32)
_PORT: Final = 6379


def cache_secret(site: Site) -> bytes:
    """Under which all caches of this node know holders; with a shared store, those of all nodes."""
    if site.config.cache.url is None:
        return _CACHE_SECRET
    return keyring.shared_cipher(site).tag_secret


def make_cache(site: Site, recognise: Callable[[str, str], Sealed | None]) -> MemoryCache:
    """A worker's cache.

    Args:
        recognise: reads a sealed certificate that another node has left.
    """
    bounds = site.config.cache
    if bounds.url is None:
        return MemoryCache(
            max_entries=bounds.max_entries, max_bytes=bounds.max_bytes, secret=_CACHE_SECRET
        )
    from gateway.cache.shared import SharedCache  # noqa: PLC0415 - see above

    return SharedCache(
        max_entries=bounds.max_entries,
        max_bytes=bounds.max_bytes,
        cipher=keyring.shared_cipher(site),
        store=make_store(site),
        recognise=recognise,
    )


async def void_elsewhere(site: Site, forget: Forget) -> float:
    """Have other nodes forget, for a command.

    Returns:
        Monotonic seconds from which on none of them serves what it kept before.

    Raises:
        StoreError: it is not known that they will.
    """
    if site.config.cache.url is None:
        return 0.0
    from gateway.cache.changes import void_once  # noqa: PLC0415 - see above

    return await void_once(make_store(site), keyring.shared_cipher(site), forget)


def make_store(site: Site) -> "Store":
    """The store of a site that has one, not connected.

    Raises:
        SetupError: what it needs is not there.
    """
    check_store(site)
    from valkey.asyncio import Connection, SSLConnection  # noqa: PLC0415 - see above

    from gateway.cache.store import HELLO_S, Store  # noqa: PLC0415 - see above

    section = site.config.cache
    url = urlsplit(section.url or "")
    settings: dict[str, Any] = {
        "host": url.hostname,
        "port": url.port or _PORT,
        "db": int(url.path[1:] or 0),
        "username": section.username,
        "password": _password(site),
        # Who asks has a limit of his own; with another the library waits by asyncio.wait_for, which
        # loses a cancellation that comes together with a result (Python 3.11).
        "socket_timeout": None,
        "socket_connect_timeout": HELLO_S,
        "lib_name": None,
        "lib_version": None,
    }
    if url.scheme == "valkey":
        return Store(lambda: Connection(**settings))
    ca = None if section.ca is None else str(site.folder / section.ca)
    return Store(lambda: SSLConnection(**settings, ssl_ca_certs=ca, ssl_check_hostname=True))


def check_store(site: Site) -> None:
    """Find what would fail later; nothing without a shared store.

    Raises:
        SetupError: the first mistake, with its remedy.
    """
    section = site.config.cache
    if section.url is None:
        return
    if find_spec("valkey") is None:
        raise SetupError(
            "needs the extra `cluster`, which is not installed",
            where="gateway.toml: $.cache.url",
            remedy="run `pip install yizheng-gateway[cluster]`.",
        )
    try:
        port = urlsplit(section.url).port
    except ValueError:
        port = 0
    if port == 0:
        raise SetupError(
            "names no port",
            where="gateway.toml: $.cache.url",
            remedy="give one between 1 and 65535.",
        )
    if section.ca is not None and not (site.folder / section.ca).is_file():
        raise SetupError(
            f"there is no file {section.ca}",
            where="gateway.toml: $.cache.ca",
            remedy="put the PEM file there, relative to the site folder.",
        )
    keyring.shared_cipher(site)
    _password(site)


def _password(site: Site) -> str | None:
    reference = site.config.cache.password
    if reference is None:
        return None
    return secret_source(site.folder, "gateway.toml: $.cache.password")(reference)
