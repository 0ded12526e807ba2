# SPDX-License-Identifier: Apache-2.0
"""Taking a site: its lock, its port and its metrics folder; then the supervisor."""

import fcntl
import gc
import os
import resource
import shutil
from collections.abc import Callable
from pathlib import Path

import msgspec

from gateway.config import Site
from gateway.errors import SetupError
from gateway.processes.supervisor import Supervisor
from gateway.web.listener import bind, refuse_taken


def serve(
    site: Site,
    *,
    workers: int,
    port: int,
    on_ready: Callable[[str], None],
) -> int:
    """Run the gateway of a site until it is told to stop.

    Args:
        on_ready: told the URL once all processes answer.

    Returns:
        The exit code: 0 after a stop, 78 for a configuration that cannot be used.

    Raises:
        SetupError: found before anything was started.
    """
    # A core file would hold whoever is being looked at, and the keys; children inherit this.
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    site.state.mkdir(mode=0o700, exist_ok=True)
    lock = _lock(site.state)
    _empty_metrics_folder(site.state / "metrics")
    from gateway.app import check_site  # noqa: PLC0415 - prometheus_client reads its folder at import

    site = _with_workers(site, workers)
    check_site(site)
    refuse_taken(site.config.http.host, port)
    sock = bind(site.config.http.host, port)
    host, bound_port = sock.getsockname()[:2]
    scheme = "http" if site.config.http.tls_chain is None else "https"
    url = f"{scheme}://{f'[{host}]' if ':' in host else host}:{bound_port}"
    supervisor = Supervisor(site, sock, workers=workers, on_ready=lambda: on_ready(url))
    gc.collect()
    gc.freeze()
    try:
        return supervisor.run()
    finally:
        sock.close()
        os.close(lock)


def _with_workers(site: Site, workers: int) -> Site:
    """The command line may say how many; rate limits are shared by as many."""
    http = msgspec.structs.replace(site.config.http, workers=workers)
    return msgspec.structs.replace(site, config=msgspec.structs.replace(site.config, http=http))


def _lock(state: Path) -> int:
    """Take the site. Children hold the lock too, so it is free only when all have gone."""
    fd = os.open(state / "serve.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(fd)
        raise SetupError(
            "another gateway is serving this site",
            where=str(state),
            remedy="stop it first; processes.json in that folder names its processes.",
        ) from None
    return fd


def _empty_metrics_folder(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700)
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(folder)
