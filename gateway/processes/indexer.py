# SPDX-License-Identifier: Apache-2.0
"""The process that keeps the search index, for sites with `[audit] index = true`."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping

from gateway import keyring
from gateway.audit.index.follow import keep_index
from gateway.config import Site


def indexer_of(site: Site) -> Mapping[str, Callable[..., Awaitable[None]]]:
    """The process by its name, where the site wants one."""
    return {"indexer": run_indexer} if site.config.audit.index else {}


async def run_indexer(
    site: Site, *, quit_event: asyncio.Event, on_ready: Callable[[], None]
) -> None:
    """Follow the log until `quit_event`."""
    from gateway.web.metrics import IndexMetrics  # noqa: PLC0415 - after its folder is named

    await keep_index(
        site.state / "audit",
        site.state / "index",
        keyring.log_signer(site).public,
        lambda: keyring.kept_epochs(site),
        quit_event=quit_event,
        on_ready=on_ready,
        on_behind=IndexMetrics().show,
    )
