# SPDX-License-Identifier: Apache-2.0
"""The composition root: from a site to running rooms. The only file that knows everyone."""

import asyncio
import gc
import signal
import socket
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from functools import partial
from typing import Final

import msgspec
import structlog

from gateway import keyring
from gateway.admission.admission import Admission
from gateway.admission.auditors import AuditorDoor, OpenDoor
from gateway.admission.rate import AgencyLimits
from gateway.audit.acts import SignedActs
from gateway.audit.client import SequencerClient
from gateway.audit.epoch import LiveEpochs
from gateway.audit.health import audit_health
from gateway.audit.notary import serve_notary
from gateway.audit.notary_plan import NotaryPlan, load_plan
from gateway.audit.published import PublishedLog
from gateway.audit.sequencer import serve as serve_sequencer
from gateway.audit.space import Space
from gateway.audit.store.sqlite import SqliteStore
from gateway.cache.memory import MemoryCache
from gateway.catalog.catalog import ItemCatalog
from gateway.config import Site, load_site
from gateway.crypto.sdjwt import RESERVED_NAMES
from gateway.errors import AuditError, SetupError
from gateway.exchange.lookup import Lookup
from gateway.policy.policy import GrantPolicy
from gateway.registry.directory import Departments
from gateway.registry.site import load_departments
from gateway.reload import LiveSite, check_grants
from gateway.sdk import Deadline
from gateway.sealing.sealer import DepartmentSealer
from gateway.web.connection import Limits
from gateway.web.front import Front, FrontSettings, report_fault
from gateway.web.log_pages import LogPages
from gateway.web.metrics import AdapterMetrics, NotaryMetrics, RoomMetrics
from gateway.web.names import authorities_of, default_port
from gateway.web.respond import Responder
from gateway.web.server import require_strict_parser, serve_http
from gateway.web.tls import LiveTLS, TLSFiles

_log = structlog.get_logger()

#: Seconds beyond the clock window for which a nonce is remembered: clocks of two processes on one
#: machine agree far better than this.
_NONCE_MARGIN_S: Final = 5
#: Seconds in which a sequencer that works has answered.
_PING_S: Final = 1.0


def _now() -> datetime:
    return datetime.now(UTC)


def check_site(site: Site) -> Departments:
    """Find at start-up whatever would fail later.

    Raises:
        SetupError: the first mistake, with file and remedy.
    """
    require_strict_parser()
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
    Admission(site.agencies, authorities=(), clock_window_s=1, clock=time.time)
    GrantPolicy(site.grants)
    ItemCatalog(site.items)
    keyring.gateway_signer(site)
    keyring.log_signer(site)
    keyring.seal_signers(site)
    keyring.seal_public_keys(site)
    keyring.check_epoch_key(site)
    _notary_plan(site)
    open_tls(site)
    asyncio.run(_open_and_close(departments))
    return departments


def open_tls(site: Site) -> LiveTLS | None:
    """The TLS of the public port; None where it speaks plain HTTP.

    Raises:
        SetupError: files that cannot be used.
    """
    http = site.config.http
    if http.tls_chain is None or http.tls_key is None:
        return None
    return LiveTLS(
        TLSFiles(
            chain=site.folder / http.tls_chain,
            key=site.folder / http.tls_key,
            client_ca=None if http.client_ca is None else site.folder / http.client_ca,
            client_required=http.client_x509 == "required",
            minimum=http.tls_minimum,
        )
    )


def reread_site(site: Site) -> Site:
    """The site with the agencies, grants and items that stand on disk now; the rest stays.

    Raises:
        SetupError: the first mistake, with file and remedy.
    """
    found = load_site(site.folder)
    fresh = msgspec.structs.replace(
        site, agencies=found.agencies, grants=found.grants, items=found.items
    )
    check_grants(fresh.grants, load_departments(site).certificates)
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
        window_s=section.lookup.clock_window_s + _NONCE_MARGIN_S,
        utc_offset_h=section.site.utc_offset_h,
        quit_event=quit_event,
        on_ready=on_ready,
        section=section.audit,
        on_beat=on_ready,
        on_measured=show,
    )


def followers(site: Site) -> Mapping[str, Callable[..., Awaitable[None]]]:
    """What runs beside the sequencer and only reads the log, by the name of its process."""
    section = site.config.audit
    found = {}
    if section.witness_policy is not None or section.timestamps is not None:
        found["notary"] = run_notary
    return found


async def run_notary(
    site: Site, *, quit_event: asyncio.Event, on_ready: Callable[[], None]
) -> None:
    """Collect cosignatures and timestamps until `quit_event`."""
    await serve_notary(
        site.state / "audit",
        _notary_plan(site),
        quit_event=quit_event,
        on_ready=on_ready,
        on_look=NotaryMetrics().show,
    )


def _notary_plan(site: Site) -> NotaryPlan:
    return load_plan(site.config.audit, site.folder, keyring.log_signer(site).public)


async def run_worker(
    site: Site,
    sock: socket.socket,
    *,
    tls: LiveTLS | None,
    quit_event: asyncio.Event,
    on_ready: Callable[[], None],
) -> None:
    """Serve lookups until `quit_event`, then drain."""
    async with AsyncExitStack() as stack:
        departments = load_departments(site, observer=AdapterMetrics())
        stack.push_async_callback(departments.aclose)
        await departments.open()
        audit = SequencerClient(site.socket)
        stack.push_async_callback(audit.aclose)
        await audit.open()
        open_door = _door_of(site, authorities=authorities_of(site.config.http, sock))
        live = LiveSite(
            site,
            certificates=departments.certificates,
            open_door=lambda agencies, records_of: open_door(agencies, records_of=records_of),
        )
        await live.refresh()  # a worker that is started again must not know revoked keys
        epochs = _make_epochs(site)
        front = _make_front(
            site, live, departments, audit=audit, epochs=epochs, tls=tls, open_door=open_door
        )
        gc.collect()
        gc.freeze()  # what start-up made stays; the collector need not look at it again
        asyncio.get_running_loop().add_signal_handler(
            signal.SIGHUP, _reload, live, departments, tls
        )
        async with asyncio.TaskGroup() as tasks:
            watchers = [tasks.create_task(each.watch()) for each in (live, epochs)]
            await serve_http(
                front,
                sock,
                limits=Limits(
                    header_timeout_s=site.config.http.header_timeout_s,
                    idle_timeout_s=site.config.http.idle_timeout_s,
                    max_connections=site.config.http.max_connections,
                    department_connections=sum(
                        adapter.concurrency for adapter in site.adapters if adapter.enabled
                    ),
                ),
                quit_event=quit_event,
                drain_s=site.config.http.drain_s,
                on_ready=on_ready,
                tls=tls,
            )
            for watcher in watchers:
                watcher.cancel()


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


def _make_front(
    site: Site,
    live: LiveSite,
    departments: Departments,
    *,
    audit: SequencerClient,
    epochs: LiveEpochs,
    tls: LiveTLS | None,
    open_door: OpenDoor,
) -> Front:
    config = site.config
    sealer = DepartmentSealer(
        keyring.seal_signers(site),
        keyring.seal_public_keys(site),
        issuer=config.site.issuer,
        clock=_now,
    )
    limits = AgencyLimits(config.limits, workers=config.http.workers)
    responder = Responder(keyring.gateway_signer(site), origin=config.site.origin, clock=time.time)
    return Front(
        identify=live.identify,
        lookup=_make_lookup(
            site, live, departments, audit=audit, epochs=epochs, sealer=sealer, limits=limits
        ),
        pages=_make_pages(
            site, live, audit, limits=limits, responder=responder, open_door=open_door
        ),
        responder=responder,
        ready=lambda: _ready(site, audit, departments, live=live, epochs=epochs, tls=tls),
        jwks=msgspec.json.encode({"keys": [keyring.gateway_jwk(site), *sealer.jwks()["keys"]]}),
        settings=FrontSettings(
            sandbox=config.site.mode == "sandbox",
            max_body_bytes=config.http.max_body_bytes,
            body_timeout_s=config.http.body_timeout_s,
            deadline_s=config.lookup.deadline_s,
            default_port=default_port(config.http),
        ),
    )


def _make_pages(
    site: Site,
    live: LiveSite,
    audit: SequencerClient,
    *,
    limits: AgencyLimits,
    responder: Responder,
    open_door: OpenDoor,
) -> LogPages:
    config = site.config
    nonce_life_s = config.lookup.clock_window_s + _NONCE_MARGIN_S
    return LogPages(
        PublishedLog(site.state / "audit"),
        identify=live.identify,
        auditors=AuditorDoor(site.folder, open_door),
        acts=SignedActs(audit, clock=_now, nonce_life_s=nonce_life_s),
        limits=limits,
        responder=responder,
        x509_required=config.http.client_x509 == "required",
        deadline_s=config.lookup.deadline_s,
        default_port=default_port(config.http),
    )


def _make_lookup(
    site: Site,
    live: LiveSite,
    departments: Departments,
    *,
    audit: SequencerClient,
    epochs: LiveEpochs,
    sealer: DepartmentSealer,
    limits: AgencyLimits,
) -> Lookup:
    config = site.config
    return Lookup(
        catalog=live,
        policy=live,
        cache=MemoryCache(max_entries=config.cache.max_entries, max_bytes=config.cache.max_bytes),
        departments=departments,
        sealer=sealer,
        audit=audit,
        limits=limits,
        epochs=epochs,
        clock=_now,
        utc_offset_h=config.site.utc_offset_h,
        nonce_life_s=config.lookup.clock_window_s + _NONCE_MARGIN_S,
        x509_required=config.http.client_x509 == "required",
        on_fault=report_fault,
    )


async def _ready(
    site: Site,
    audit: SequencerClient,
    departments: Departments,
    *,
    live: LiveSite,
    epochs: LiveEpochs,
    tls: LiveTLS | None,
) -> tuple[bool, Mapping[str, str]]:
    """Ready means: lookups can be recorded. Departments and a stale site are only told."""
    try:
        await audit.ping(Deadline.after(_PING_S))
        recorded = "ok"
    except AuditError as error:
        recorded = error.code
    parts = {"audit": recorded, **audit_health(site.state / "audit", site.config.audit)}
    parts |= {"epoch": epochs.state, "site": live.state}
    if tls is not None:
        parts["tls"] = tls.state
    parts |= {f"adapter:{name}": state for name, state in (await departments.health()).items()}
    return recorded == "ok", parts
