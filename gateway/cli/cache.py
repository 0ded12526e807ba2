# SPDX-License-Identifier: Apache-2.0
"""`yizheng cache`: what the workers of a running gateway keep, and having them forget it."""

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, TypeVar

import typer

from gateway.cli.config import SiteOption
from gateway.cli.output import JsonOption, print_facts, print_json, print_table

if TYPE_CHECKING:
    from gateway.audit.client import SequencerClient
    from gateway.config import Site
    from gateway.model.act import Event
    from gateway.model.forget import CacheState
    from gateway.model.holder import Holder

app: Final = typer.Typer(
    help="Look at the caches of a running gateway, or empty them.", no_args_is_help=True
)
_LIMIT_S: Final = 10.0
_SHARED: Final = ("shared", "shared_hits", "shared_misses", "shared_errors", "shared_refused")
T = TypeVar("T")


@app.command("stats")
def stats(site: SiteOption = Path(), as_json: JsonOption = False) -> None:
    """Show for each worker what its cache keeps, how often it or the shared one could answer.

    Example: `yizheng cache stats --site my-site`
    """
    from gateway.config import load_site
    from gateway.sdk import Deadline

    async def survey(client: "SequencerClient") -> "tuple[CacheState, ...]":
        return await client.survey(Deadline.after(_LIMIT_S))

    states = _ask(load_site(site), survey)
    if as_json:
        print_json([_facts(state) for state in states])
        return
    columns = ["worker", "entries", "MiB", "hits", "misses", "hit rate", "stale", "mean age s"]
    columns += ["shared", "its hits", "its misses", "its errors", "refused"]
    print_table("Caches 缓存", columns, map(_row, states))


@app.command("purge")
def purge(
    reason: Annotated[str, typer.Option("--reason", help="Why; recorded in the log.")],
    everything: Annotated[bool, typer.Option("--all", help="Everything.")] = False,
    certificate: Annotated[
        str | None, typer.Option(help="One certificate type of all holders.")
    ] = None,
    scheme: Annotated[
        str | None,
        typer.Option(
            "--holder",
            help="One holder: cn-id or cn-uscc; the number is asked for, "
            "hidden, or read from standard input.",
        ),
    ] = None,
    site: SiteOption = Path(),
    as_json: JsonOption = False,
) -> None:
    """Have all workers of all nodes forget; returns when none serves any more what it kept.

    Example: `yizheng cache purge --certificate public_security.identity --reason "bad batch"`
    """
    from gateway.audit.desk import check_reason
    from gateway.config import load_site

    if sum((everything, certificate is not None, scheme is not None)) != 1:
        raise typer.BadParameter("give one of --all, --certificate and --holder")
    why, loaded = check_reason(reason), load_site(site)
    what = _What(loaded, certificate, None if scheme is None else _read_holder(loaded, scheme))
    index = _ask(loaded, lambda client: what.purge(client, why))
    print_facts("Purged 已清空", {"purged": what.name, "index": index}, as_json=as_json)


class _What:
    """What is to be forgotten.

    Raises:
        RequestError: CERTIFICATE_UNKNOWN.
    """

    def __init__(self, site: "Site", certificate: str | None, holder: "Holder | None") -> None:
        from gateway.errors import RequestError
        from gateway.registry.site import load_departments

        self._site: Final = site
        self._certificate: Final = certificate
        self._holder: Final = holder
        self._known: Final = tuple(sorted(load_departments(site).certificates))
        if certificate is not None and certificate not in self._known:
            raise RequestError("CERTIFICATE_UNKNOWN", f"there are: {', '.join(self._known)}")
        self.name: Final = "holder" if holder else certificate or "all"

    async def purge(self, client: "SequencerClient", reason: str) -> int:
        """Record it, and have everybody forget; returns the index of the record.

        Raises:
            StoreError: other nodes cannot be told; nothing was done.
            AuditError: it is not known to be done.
        """
        from gateway.cache.key import holder_tag
        from gateway.caching import void_elsewhere
        from gateway.crypto.digest import KeyedHash
        from gateway.errors import AuditError
        from gateway.model.forget import Forget
        from gateway.model.record import format_record
        from gateway.ports import Appended
        from gateway.sdk import Deadline

        if self._holder is not None:
            keyed, holder = KeyedHash(client.cache_secret), self._holder
            tags = (holder_tag(keyed, n, holder.scheme, holder.number) for n in self._known)
            forget = Forget(tags=tuple(tags))
        elif self._certificate is not None:
            forget = Forget(certificates=(self._certificate,))
        else:
            forget = Forget(everything=True)
        until_s = await void_elsewhere(self._site, forget)
        done = await client.announce(
            format_record(self._event(reason)), forget, Deadline.after(_LIMIT_S), claim=None
        )
        if not isinstance(done, Appended):
            raise AuditError("AUDIT_UNAVAILABLE", "the sequencer did not record it")
        await asyncio.sleep(max(0.0, until_s - time.monotonic()))
        return done.index

    def _event(self, reason: str) -> "Event":
        from gateway import keyring
        from gateway.audit.signals import make_event

        now = datetime.now(UTC)
        about = None
        if self._holder is not None:
            epoch = keyring.prepare_epoch(self._site, now)
            about = self._holder, keyring.epoch_cipher(self._site, epoch)
        return make_event("cache_purged", f"what={self.name} reason={reason}", now=now, about=about)


def _read_holder(site: "Site", scheme: str) -> "Holder":
    """A holder by a number that never stands on a command line."""
    from datetime import timedelta, timezone

    from gateway.model.ids import parse_holder
    from gateway.model.lookup import HolderReference

    if scheme not in {"cn-id", "cn-uscc"}:
        raise typer.BadParameter("--holder is cn-id or cn-uscc")
    number = (
        sys.stdin.readline().strip()
        if not sys.stdin.isatty()
        else typer.prompt("号码 number", hide_input=True)
    )
    zone = timezone(timedelta(hours=site.config.site.utc_offset_h))
    reference = HolderReference("cn-id" if scheme == "cn-id" else "cn-uscc", number)
    return parse_holder(reference, today=datetime.now(zone).date())


def _ask(site: "Site", ask: "Callable[[SequencerClient], Awaitable[T]]") -> T:
    """Ask the running gateway of a site.

    Raises:
        AuditError: it does not run, or does not answer.
    """
    from gateway.audit.client import SequencerClient

    async def ask_it() -> T:
        client = SequencerClient(site.socket)
        await client.open()
        try:
            return await ask(client)
        finally:
            await client.aclose()

    return asyncio.run(ask_it())


def _facts(state: "CacheState") -> dict[str, object]:
    asked_count = state.hit_count + state.miss_count
    return {
        "pid": state.pid,
        "entries": state.entry_count,
        "bytes": state.weight_bytes,
        "hits": state.hit_count,
        "misses": state.miss_count,
        "hit_rate": round(state.hit_count / asked_count, 4) if asked_count else None,
        "stale": state.stale_count,
        "mean_hit_age_s": (
            round(state.hit_age_s / state.hit_count, 3) if state.hit_count else None
        ),
        "stores": state.store_count,
        "forgets": state.forget_count,
        "shared": state.store,
        "shared_hits": state.shared_hit_count,
        "shared_misses": state.shared_miss_count,
        "shared_errors": state.shared_error_count,
        "shared_refused": state.shared_refused_count,
    }


def _row(state: "CacheState") -> tuple[object, ...]:
    facts = _facts(state)
    mib = f"{state.weight_bytes / 1024**2:.1f}"
    names = ("hits", "misses", "hit_rate", "stale", "mean_hit_age_s", *_SHARED)
    return (state.pid, state.entry_count, mib, *(facts[name] for name in names))
