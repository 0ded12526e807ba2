# SPDX-License-Identifier: Apache-2.0
"""All departments of a site, found by the certificates and divisions that they answer.

Making a directory decodes settings and touches nothing outside; `open` builds clients. A department
that is away keeps nobody from starting.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, Final

import msgspec
import structlog

from gateway.errors import SetupError
from gateway.model.answer import Found, NotFound, Verified
from gateway.model.certificate import CertificateType
from gateway.model.site import AdapterSite
from gateway.ports import AdapterDirectory
from gateway.registry.guard import Guard
from gateway.registry.heartbeat import Heartbeat, beat_all
from gateway.registry.isolation.adapter import IsolatedAdapter
from gateway.registry.observer import AdapterObserver, Unobserved
from gateway.registry.routing import Routes
from gateway.registry.scope import Ledger, watch_tasks
from gateway.registry.watchdog import Watchdog
from gateway.sdk import Adapter, AdapterContext, Changed, Deadline, Query
from gateway.secret_source import secret_source

_log = structlog.get_logger()

#: Seconds for which what is known of a department serves whoever asks for health.
HEALTH_TTL_S: Final = 2.0
#: Seconds after which an adapter that will not open, or not close, is given up.
LIFE_CYCLE_DEADLINE_S: Final = 10.0
#: Seconds between two probes of a department, of all workers together.
PROBE_INTERVAL_S: Final = 1.0


#: Adapter, scheme, number, certificates; see `gateway.sdk.Changed`.
OnChange = Callable[[str, str, str, Sequence[str]], Awaitable[None]]


class Departments(AdapterDirectory):
    """The adapters of one site, in one process.

    Args:
        sites: each adapter's settings with its class.
        folder: the site folder; `file:` secrets are relative to it.
        workers: processes that serve this site; each sends its share of the probes.
        observer: told what happens to adapters.

    Raises:
        SetupError: settings that do not fit, or two adapters for one certificate and division.
    """

    def __init__(
        self,
        sites: Iterable[tuple[AdapterSite, type[Adapter[Any]]]],
        *,
        folder: Path,
        workers: int = 1,
        observer: AdapterObserver | None = None,
    ) -> None:
        self._folder: Final = folder
        self._probe_interval_s: Final = PROBE_INTERVAL_S * workers
        self._observer: Final = observer or Unobserved()
        self._guards: Final[dict[str, Guard]] = {}
        self._heartbeats: Final[dict[str, Heartbeat]] = {}
        self._routes: Final = Routes()
        self._ledger: Final = Ledger()
        self._connection_count = 0
        for site, adapter in sites:
            self._connection_count += site.concurrency
            self._add(site, adapter)
        self._stack: Final = AsyncExitStack()

    def _add(self, site: AdapterSite, adapter: type[Adapter[Any]]) -> None:
        self._routes.add(site, adapter)
        settings = _settings(site, adapter)
        isolated = None
        if site.isolation == "process":
            isolated = IsolatedAdapter(adapter, site, self._folder)
        guard = self._guards[site.name] = Guard(
            site.name,
            isolated or adapter(settings),
            verifies=adapter.verify is not Adapter.verify,
            timeout_s=site.timeout_s,
            concurrency=site.concurrency,
            breaker=site.breaker,
            probe_interval_s=self._probe_interval_s,
            ledger=self._ledger,
            observer=self._observer,
        )
        if isolated is not None:
            isolated.report_to(guard)
        self._heartbeats[site.name] = Heartbeat(
            guard, interval_s=site.heartbeat_s, probe_interval_s=self._probe_interval_s
        )

    async def open(self, on_change: OnChange | None = None) -> None:
        """Open all adapters; when one cannot, close those that were opened.

        Args:
            on_change: told the adapter's name and what it told; may come as soon as it is open.

        Raises:
            SetupError: settings or secrets that cannot work.
        """
        try:
            loop = asyncio.get_running_loop()
            self._stack.callback(watch_tasks(loop))
            for guard in self._guards.values():
                self._stack.push_async_callback(_close, guard)
                await _open(guard, self._folder, on_change)
            watchdog = Watchdog(self._ledger, lambda name: self._note_stall(name, loop))
            self._stack.callback(watchdog.stop)
            watchdog.start()
            beats = asyncio.create_task(beat_all(self._heartbeats.values()))
            self._stack.push_async_callback(_end, beats)
        except BaseException:
            await self._stack.aclose()
            raise

    async def aclose(self) -> None:
        """Close all adapters, each whatever the others do; an error of one is raised at the end."""
        await self._stack.aclose()

    def release(self) -> None:
        """End all quarantines, by an operator's word."""
        for guard in self._guards.values():
            guard.release()

    def _note_stall(self, name: str, loop: asyncio.AbstractEventLoop) -> None:
        """In the watchdog's thread, while the loop is held."""
        guard = self._guards[name]
        guard.tell_stall()
        loop.call_soon_threadsafe(guard.count_stall)

    @property
    def certificates(self) -> Mapping[str, CertificateType]:
        """All certificate types, by name."""
        return self._routes.certificates

    @property
    def connection_count(self) -> int:
        """How many connections the adapters may hold at once."""
        return self._connection_count

    def waiting_counts(self) -> Mapping[str, int]:
        """How many lookups of this process wait for a place at each department."""
        return {name: guard.waiting_count for name, guard in self._guards.items()}

    def adapter_of(self, certificate: str, division: str | None) -> str | None:
        """Name of the adapter that answers this certificate there, the nearest one; or None."""
        return self._routes.adapter_of(certificate, division)

    def certificates_of(self, adapter: str) -> frozenset[str]:
        """Names of all that the adapter answers, wherever; nothing for one that is not here."""
        return self._routes.certificates_of(adapter)

    def verifies(self, adapter: str) -> bool:
        """Whether the department compares claims by itself."""
        return self._guards[adapter].verifies

    async def lookup(self, query: Query, deadline: Deadline) -> Found | NotFound:
        """Ask the department, guarded.

        Raises:
            DepartmentError: and nothing else.
            KeyError: no adapter answers this certificate there; a programming error.
        """
        return await self._guard_of(query).lookup(query, deadline)

    async def verify(self, query: Query, deadline: Deadline) -> Verified | NotFound | None:
        """Let the department compare `query.claims`, guarded; raises as `lookup` does."""
        return await self._guard_of(query).verify(query, deadline)

    def _guard_of(self, query: Query) -> Guard:
        name = self.adapter_of(query.certificate.name, query.division)
        if name is None:
            raise KeyError(query.certificate.name)
        return self._guards[name]

    async def health(self) -> Mapping[str, str]:
        """`ok`, a code, or a state with its reason, by adapter name; at most 2 s old, or asked."""
        async with asyncio.TaskGroup() as group:
            asked = {
                name: group.create_task(heartbeat.ask(max_age_s=HEALTH_TTL_S))
                for name, heartbeat in self._heartbeats.items()
            }
        return {name: task.result() for name, task in asked.items()}


def _where(name: str) -> str:
    return f"adapters/{name}.toml"


def _settings(site: AdapterSite, adapter: type[Adapter[Any]]) -> msgspec.Struct:
    try:
        return msgspec.convert(site.settings, adapter.settings_type, strict=True)
    except msgspec.ValidationError as error:
        what, _, path = str(error).partition(" - at ")
        raise SetupError(
            what,
            where=f"{_where(site.name)}: $.settings{path.strip('`').removeprefix('$')}",
            remedy=f"see the settings of the plugin `{site.plugin}` in its README.",
        ) from None


async def _open(guard: Guard, folder: Path, on_change: OnChange | None) -> None:
    where = _where(guard.name)
    context = AdapterContext(guard.name, secret_source(folder, where))
    if on_change is not None:
        context = msgspec.structs.replace(context, changed=_changed_of(guard.name, on_change))
    try:
        async with asyncio.timeout(LIFE_CYCLE_DEADLINE_S):
            await guard.open(context)
    except SetupError as error:
        if error.where:
            raise
        raise SetupError(error.detail, where=where) from None
    except Exception as error:  # noqa: BLE001 - adapters are foreign code
        raise SetupError(
            f"the adapter cannot be opened: {type(error).__name__}",
            where=where,
            remedy="`open` builds clients only; a department that is away must not stop it.",
        ) from None  # a driver's message may quote a password


def _changed_of(name: str, on_change: OnChange) -> Changed:
    async def changed(scheme: str, number: str, certificates: Sequence[str] = ()) -> None:
        await on_change(name, scheme, number, certificates)

    return changed


async def _close(guard: Guard) -> None:
    async with asyncio.timeout(LIFE_CYCLE_DEADLINE_S):
        await guard.aclose()


async def _end(beats: asyncio.Task[None]) -> None:
    beats.cancel()
    await asyncio.wait((beats,))
