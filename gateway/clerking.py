# SPDX-License-Identifier: Apache-2.0
"""What the clerk needs, and commands about deliveries: the store, the way out, who wants events."""

import asyncio
import ssl
import time
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from typing import Final, final

import structlog

from gateway import keyring
from gateway.alarming import AlarmDuty
from gateway.client import make_tls
from gateway.config import Site, load_agency
from gateway.errors import SetupError
from gateway.model.agency import Agency
from gateway.model.events_section import Subscription
from gateway.monitoring import MonitorDuty
from gateway.office.clerk import Duty, serve_clerk
from gateway.office.courier import Courier
from gateway.office.deliveries import Deliveries
from gateway.office.delivering import Delivering
from gateway.office.destination import AllowedAddresses, check_receivers
from gateway.office.store import FOLDER, OfficeStore
from gateway.toml_file import toml_files_again
from gateway.web.emergency_metrics import AlarmMetrics
from gateway.web.load_figures import read_load
from gateway.web.metrics import EventMetrics

_log = structlog.get_logger()
_REREAD_S: Final = 1.0
_MINUTE_S: Final = 60


def check_events(site: Site) -> None:
    """Find what would keep events from being delivered.

    Raises:
        SetupError: the first mistake, with file and remedy.
    """
    section = site.config.events
    check_receivers(site.agencies, deliver=section.deliver, networks=section.networks)
    _tls_of(site)


def open_deliveries(site: Site) -> tuple[OfficeStore, Deliveries]:
    """The site's deliveries, and the store to close after use.

    Raises:
        SetupError: the store cannot be used.
    """
    store = OfficeStore.open(site.state / FOLDER)
    section = site.config.events
    return store, Deliveries(store, dead_after_s=section.dead_after_s, clock_s=time.time)


def open_courier(site: Site) -> Courier:
    """The way out; made inside an event loop, to be closed.

    Raises:
        SetupError: a file that cannot be used.
    """
    section = site.config.events
    return Courier(
        keyring.gateway_signer(site),
        AllowedAddresses(section.networks),
        timeout_s=section.timeout_s,
        tls=_tls_of(site),
    )


def needs_clerk(site: Site) -> bool:
    """Whether there is anything for a clerk to do."""
    config = site.config
    return bool(config.events.deliver or config.monitor.every_minutes or config.emergency.alarms)


async def run_clerk(site: Site, *, quit_event: asyncio.Event, on_ready: Callable[[], None]) -> None:
    """Do what the site wants of its clerk, until `quit_event`.

    Raises:
        StoreError: the office store cannot be used at the start.
    """
    duties: list[Duty] = []
    async with AsyncExitStack() as stack:
        store, deliveries = open_deliveries(site)
        stack.callback(store.close)
        if site.config.events.deliver:
            courier = await stack.enter_async_context(open_courier(site))
            duties.append(await _delivering(site, deliveries, courier))
        if site.config.emergency.alarms:
            duties.append(_alarms(site, store))
        if minutes := site.config.monitor.every_minutes:
            duties.append(MonitorDuty(site.folder, pause_s=minutes * _MINUTE_S))
        await serve_clerk(duties, quit_event=quit_event, on_ready=on_ready)


async def _delivering(site: Site, deliveries: Deliveries, courier: Courier) -> Delivering:
    metrics = EventMetrics()
    delivering = Delivering(
        deliveries,
        courier,
        site.config.events,
        subscriptions=Subscriptions(site).now,
        on_attempt=metrics.count,
        on_look=metrics.show,
    )
    await delivering.plan()  # from now on each subscriber misses nothing
    return delivering


def _alarms(site: Site, store: OfficeStore) -> AlarmDuty:
    return AlarmDuty(
        site,
        store,
        read_load=lambda: read_load(site.state / "metrics"),
        on_look=AlarmMetrics().show,
    )


@final
class Subscriptions:
    """Who wants events, as `agencies/` says now; what cannot be used leaves it as it was.

    A folder that is away, or has lost all its files, cannot be used either: taken at its word it
    would give up every delivery for good.
    """

    def __init__(self, site: Site) -> None:
        self._site: Final = site
        self._known: Mapping[str, Subscription] = _wanted(site.agencies)
        self._had_some = bool(site.agencies)
        self._stamps: object = None
        self._mistake = ""
        self._looked_at_s = float("-inf")

    def now(self) -> Mapping[str, Subscription]:
        """By agency; at most a second old."""
        if time.monotonic() - self._looked_at_s >= _REREAD_S:
            self._looked_at_s = time.monotonic()
            self._refresh()
        return self._known

    def _refresh(self) -> None:
        folder, section = self._site.folder, self._site.config.events
        try:
            files = toml_files_again(folder, "agencies", had_some=self._had_some)
            stamps = [(file.name, file.stat().st_mtime_ns, file.stat().st_ino) for file in files]
            if stamps == self._stamps:
                return
            agencies = [load_agency(file, folder) for file in files]
            check_receivers(agencies, deliver=section.deliver, networks=section.networks)
        except (SetupError, OSError) as error:
            mistake = error.detail if isinstance(error, SetupError) else str(error.strerror)
            if mistake != self._mistake:
                self._mistake = mistake
                _log.error("receivers not taken, the last good ones stay", error=mistake)
            return
        self._stamps, self._mistake, self._known = stamps, "", _wanted(agencies)
        self._had_some = bool(files)


def _wanted(agencies: "tuple[Agency, ...] | list[Agency]") -> Mapping[str, Subscription]:
    return {
        agency.id: agency.events
        for agency in agencies
        if agency.active and agency.events is not None
    }


def _tls_of(site: Site) -> ssl.SSLContext | None:
    section = site.config.events
    if section.ca is None and section.x509 is None:
        return None
    if section.x509 is not None and section.x509_key is None:
        raise SetupError(
            "has no key beside it",
            where="gateway.toml: $.events.x509",
            remedy="name its private key in events.x509_key.",
        )
    return make_tls(
        **{
            name: None if file is None else site.folder / file
            for name, file in (
                ("ca", section.ca), ("x509", section.x509), ("x509_key", section.x509_key)
            )
        }
    )  # fmt: skip
