# SPDX-License-Identifier: Apache-2.0
"""The composition root: from a site to running rooms. The only file that knows everyone."""

import asyncio
import gc
import signal
import socket
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from functools import partial
from typing import Final, NamedTuple

import msgspec
import structlog

from gateway import keyring
from gateway.admission.admission import Admission
from gateway.admission.pressure import TurnPressure
from gateway.admission.rate import AgencyLimits
from gateway.admission.signer_door import OpenDoor
from gateway.alarming import check_alarms
from gateway.audit.client import SequencerClient
from gateway.audit.epoch import LiveEpochs
from gateway.audit.sequencer import serve as serve_sequencer
from gateway.audit.space import Space
from gateway.audit.store.sqlite import SqliteStore
from gateway.cache.memory import MemoryCache
from gateway.caching import cache_secret, check_store, make_cache
from gateway.casework import Casework
from gateway.catalog.catalog import ItemCatalog
from gateway.clerking import check_events
from gateway.config import Site, load_site
from gateway.crypto.sdjwt import RESERVED_NAMES
from gateway.emergency import LadderWatch
from gateway.errors import SetupError
from gateway.eventing import DepartmentWatch, Eventing
from gateway.exchange.lookup import Lookup
from gateway.followers import notary_plan
from gateway.log import report_fault
from gateway.ordering import Ordering
from gateway.overseeing import Overseeing
from gateway.policy.policy import GrantPolicy
from gateway.readiness import readiness
from gateway.reading import Reading
from gateway.registry.directory import Departments
from gateway.registry.site import load_departments
from gateway.reload import RELOADED, LiveSite, check_grants, check_shares
from gateway.sealing.sealer import DepartmentSealer
from gateway.signalling import Signalling
from gateway.web.catalog_pages import CatalogPages
from gateway.web.connections import Limits
from gateway.web.emergency_metrics import LadderMetrics
from gateway.web.front import Front
from gateway.web.lookups import LookupDesk
from gateway.web.metrics import AdapterMetrics, LookupMetrics, RoomMetrics
from gateway.web.names import authorities_of, default_port
from gateway.web.refusals import Refusals
from gateway.web.respond import Responder
from gateway.web.server import serve_http
from gateway.web.tls import LiveTLS

_log = structlog.get_logger()

#: Seconds beyond the clock window for which a nonce is remembered: clocks of two processes on one
#: machine agree far better than this.
_NONCE_MARGIN_S: Final = 5


def _now() -> datetime:
    return datetime.now(UTC)


def _nonce_life_s(site: Site) -> int:
    return site.config.lookup.clock_window_s + _NONCE_MARGIN_S


def check_site(site: Site) -> Departments:
    """Find at start-up whatever would fail later.

    Raises:
        SetupError: the first mistake, with file and remedy.
    """
    departments = load_departments(site)
    certificates = departments.certificates
    for certificate_type in certificates.values():
        if taken := sorted(RESERVED_NAMES & certificate_type.field_names):
            raise SetupError(
                f"its field `{taken[0]}` has the name of a claim of SD-JWT",
                where=f"certificate type {certificate_type.name}",
                remedy="rename the field in the adapter.",
            )
    check_grants(site.grants, certificates)
    check_shares(site.shares, certificates)
    Admission(site.agencies, authorities=(), clock_window_s=1, clock=time.time)
    GrantPolicy(site.grants, site.shares)
    ItemCatalog(site.items)
    keyring.gateway_signer(site)
    keyring.log_signer(site)
    keyring.seal_signers(site)
    keyring.seal_public_keys(site)
    keyring.check_epoch_key(site)
    keyring.office_cipher(site)
    check_store(site)
    notary_plan(site)
    check_events(site)
    check_alarms(site)
    open_tls(site)
    asyncio.run(_open_and_close(departments))
    return departments


def open_tls(site: Site) -> LiveTLS | None:
    """The TLS of the public port; None where it speaks plain HTTP.

    Raises:
        SetupError: files that cannot be used.
    """
    return LiveTLS.of(site.config.http, site.folder)


def reread_site(site: Site) -> Site:
    """The site with what a running gateway takes from disk as it is now; the rest stays.

    Raises:
        SetupError: the first mistake, with file and remedy.
    """
    found = load_site(site.folder)
    fresh = msgspec.structs.replace(site, **{member: getattr(found, member) for member in RELOADED})
    certificates = load_departments(site).certificates
    check_grants(fresh.grants, certificates)
    check_shares(fresh.shares, certificates)
    check_events(fresh)
    Admission(fresh.agencies, authorities=(), clock_window_s=1, clock=time.time)
    return fresh


async def _open_and_close(departments: Departments) -> None:
    """Let adapters see their settings and secrets; opening asks no department anything."""
    try:
        await departments.open()
    finally:
        await departments.aclose()


async def run_sequencer(
    site: Site, *, quit_event: asyncio.Event, on_ready: Callable[[], None]
) -> None:
    """Own the audit log until `quit_event`."""
    section = site.config
    metrics = RoomMetrics()

    def show(space: Space) -> None:
        metrics.show(space.free_bytes, space.used_percent, is_alarm=space.state != "ok")

    signer = keyring.log_signer(site)
    await serve_sequencer(
        SqliteStore.open(site.state / "audit", signer.public),
        signer,
        socket_path=site.socket,
        window_s=_nonce_life_s(site),
        utc_offset_h=section.site.utc_offset_h,
        quit_event=quit_event,
        on_ready=on_ready,
        section=section.audit,
        cache_secret=cache_secret(site),
        on_beat=on_ready,
        on_measured=show,
    )


async def run_worker(
    site: Site,
    sock: socket.socket,
    *,
    tls: LiveTLS | None,
    quit_event: asyncio.Event,
    on_ready: Callable[[], None],
    name: str = "worker-1",
) -> None:
    """Serve lookups until `quit_event`, then drain.

    Args:
        name: of the process; its successor has the same.
    """
    async with AsyncExitStack() as stack:
        watch = DepartmentWatch(AdapterMetrics())
        departments = load_departments(site, observer=watch)
        sealer = _make_sealer(site)
        cache = make_cache(site, sealer.recognise)
        audit = SequencerClient(site.socket, cache)
        stack.push_async_callback(audit.aclose)
        await audit.open()
        epochs, life_s = _make_epochs(site), _nonce_life_s(site)
        signalling = Signalling(
            site, departments, audit, cache, epochs=epochs, clock=_now, nonce_life_s=life_s
        )
        casework = Casework(site, audit, epochs=epochs, clock=_now, nonce_life_s=life_s)
        stack.callback(casework.store.close)
        eventing = Eventing(
            site, casework.store, audit, departments, watch, worker=name, clock=_now,
            nonce_life_s=life_s, is_stopping=quit_event.is_set,
        )  # fmt: skip
        emergency = LadderWatch(casework.store, departments, LadderMetrics())
        stack.push_async_callback(departments.aclose)
        await departments.open(signalling.notice)
        open_door = _door_of(site, authorities=authorities_of(site.config.http, sock))
        live = LiveSite(
            site, certificates=departments.certificates,
            open_door=lambda agencies, records_of: open_door(agencies, records_of=records_of),
        )  # fmt: skip
        await live.refresh()  # a worker that is started again must not know revoked keys
        await (catalog := CatalogPages(lambda: live.site)).refresh()
        front, ordering = _make_front(
            _Rooms(
                site, live, departments, audit, cache, epochs, tls,
                sealer, open_door, signalling, catalog, casework, eventing, emergency,
            )
        )  # fmt: skip
        _freeze()
        reload = partial(_reload, live, departments, tls)
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, reload)
        await _serve_watched(
            serve_http(
                front, sock, limits=Limits.of(site.config.http, departments.connection_count),
                quit_event=quit_event, drain_s=site.config.http.drain_s, on_ready=on_ready, tls=tls,
            ),
            *(each.watch() for each in (live, epochs, signalling, catalog, eventing, emergency)),
            *(front.tidy_forever(), cache.keep(), ordering.watch()),
        )  # fmt: skip


async def _serve_watched(serving: Awaitable[None], *watching: Coroutine[None, None, None]) -> None:
    """Serve while others watch; they end with it."""
    async with asyncio.TaskGroup() as tasks:
        watchers = [tasks.create_task(each) for each in watching]
        await serving
        for watcher in watchers:
            watcher.cancel()


def _freeze() -> None:
    """What start-up made stays: the collector need not look at it again."""
    gc.collect()
    gc.freeze()


def _reload(live: LiveSite, departments: Departments, tls: LiveTLS | None) -> None:
    """Take what changed on disk, and give adapters in quarantine another try; for SIGHUP."""
    live.ask_reload()
    departments.release()
    if tls is not None:
        tls.reload()


def _door_of(site: Site, *, authorities: tuple[str, ...]) -> Callable[..., Admission]:
    """Makes the door for whoever has keys."""
    return partial(
        Admission,
        authorities=authorities,
        clock_window_s=site.config.lookup.clock_window_s,
        clock=time.time,
    )


def _make_epochs(site: Site) -> LiveEpochs:
    return LiveEpochs(
        lambda epoch: keyring.make_epoch(site, epoch),
        clock=_now,
        utc_offset_h=site.config.site.utc_offset_h,
    )


def _make_sealer(site: Site) -> DepartmentSealer:
    return DepartmentSealer(
        keyring.seal_signers(site),
        keyring.seal_public_keys(site),
        issuer=site.config.site.issuer,
        clock=_now,
    )


class _Rooms(NamedTuple):
    """What a worker has opened, for those who join it to a front desk."""

    site: Site
    live: LiveSite
    departments: Departments
    audit: SequencerClient
    cache: MemoryCache
    epochs: LiveEpochs
    tls: LiveTLS | None
    sealer: DepartmentSealer
    open_door: OpenDoor
    signalling: Signalling
    catalog: CatalogPages
    casework: Casework
    eventing: Eventing
    emergency: LadderWatch


def _make_front(rooms: _Rooms) -> tuple[Front, Ordering]:
    """The front desk, and who does what was ordered there for later."""
    site, live, casework = rooms.site, rooms.live, rooms.casework
    config = site.config
    limits = AgencyLimits(config.limits, workers=config.http.workers)
    responder = Responder(keyring.gateway_signer(site), origin=config.site.origin, clock=time.time)
    reading = Reading(
        site, live, rooms.audit, limits=limits, responder=responder, open_door=rooms.open_door,
        clock=_now, nonce_life_s=_nonce_life_s(site),
    )  # fmt: skip
    overseeing = Overseeing(
        site, live, casework.store, rooms.audit, rooms.departments, epochs=rooms.epochs, clock=_now,
        nonce_life_s=_nonce_life_s(site),
    )  # fmt: skip
    metrics, office = LookupMetrics(), (live.identify, live, limits, responder)
    refusals = Refusals(
        responder, metrics, default_port=default_port(config.http),
        sandbox=config.site.mode == "sandbox",
    )  # fmt: skip
    lookup = _make_lookup(rooms, limits)

    def let_go() -> None:
        rooms.cache.drop_ended()
        lookup.known.let_go()

    desk = LookupDesk(
        examine=live.examine, lookup=lookup.begin, responder=responder, refusals=refusals,
        metrics=metrics, pressure=TurnPressure(config.http.max_wait_ms / 1000),
        deadline_s=config.lookup.deadline_s, default_port=default_port(config.http),
    )  # fmt: skip

    ordering = Ordering(site, casework, lookup, live, clock=_now, nonce_life_s=_nonce_life_s(site))
    posts, fetches = ordering.desks(live.identify, limits, responder)
    front = Front(
        lookups=desk,
        refusals=refusals,
        metrics=metrics,
        more=rooms.signalling.handlers(rooms.open_door, responder)
        | reading.handlers()
        | casework.handlers(*office, lookup=lookup, departments=rooms.departments)
        | rooms.eventing.handlers(live.identify, limits, responder)
        | rooms.catalog.handlers(responder)
        | posts,
        pages=reading.pages,
        folders=rooms.catalog.folders(responder)
        | casework.folders(*office, departments=rooms.departments)
        | fetches
        | overseeing.folders(rooms.open_door, limits, responder),
        responder=responder,
        ready=partial(_ready, rooms),
        jwks=msgspec.json.encode(
            {"keys": [keyring.gateway_jwk(site), *rooms.sealer.jwks()["keys"]]}
        ),
        let_go=let_go,
    )
    return front, ordering


async def _ready(rooms: _Rooms) -> tuple[bool, Mapping[str, str]]:
    return await readiness(
        rooms.site, rooms.audit, rooms.departments, cache=rooms.cache, live=rooms.live,
        epochs=rooms.epochs, tls=rooms.tls, office=rooms.casework.state,
        ladder=rooms.emergency.ladder.now.text(),
    )  # fmt: skip


def _make_lookup(rooms: _Rooms, limits: AgencyLimits) -> Lookup:
    config = rooms.site.config
    return Lookup(
        catalog=rooms.live,
        policy=rooms.live,
        cache=rooms.cache,
        departments=rooms.departments,
        sealer=rooms.sealer,
        audit=rooms.audit,
        limits=limits,
        epochs=rooms.epochs,
        clock_s=time.time,
        utc_offset_h=config.site.utc_offset_h,
        nonce_life_s=_nonce_life_s(rooms.site),
        x509_required=config.http.client_x509 == "required",
        cases=rooms.casework.gate,
        ladder=rooms.emergency.ladder,
        on_fault=report_fault,
    )
