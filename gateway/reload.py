# SPDX-License-Identifier: Apache-2.0
"""What a running worker knows of its site, and how it takes a change without a restart.

1. Requests see one snapshot: the door, the grants and the items of one site, which are swapped
   together between two requests. A snapshot is checked as at start-up before it is taken.
2. `agencies/` is looked at every `POLL_S`: a revoked key is refused a second later at most. What
   is good as a whole is taken as a whole; if it is not, each file is taken for itself, so that a
   mistake in one file never holds back the revocation in another.
3. SIGHUP takes agencies, grants, share types, items, lists and the calendar at once: all or none.
4. What cannot be taken leaves the last good one in force, is logged with file and remedy, and
   makes readiness say `stale` until it is mended. No requests are refused for it.
5. Only files that changed are read, one at each turn of the loop.
"""

import asyncio
import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date, datetime, timedelta, timezone
from pathlib import Path
from typing import Final

import msgspec
import structlog

from gateway.admission.admission import Admission, KeyRecord, RecordsOf, key_records
from gateway.calendars import load_working_days
from gateway.catalog.catalog import ItemCatalog
from gateway.catalog.offers import list_offers
from gateway.config import (
    Site,
    check_references,
    load_agency,
    load_grants,
    load_intermediaries,
    load_items,
    load_shares,
)
from gateway.errors import SetupError
from gateway.httpsig import SignedRequest
from gateway.model.agency import Agency
from gateway.model.certificate import CertificateType
from gateway.model.grant import Decision, Grant
from gateway.model.holder import Holder
from gateway.model.item import ServiceItem
from gateway.model.lookup import LookupRequest
from gateway.model.offer import Offered
from gateway.model.share import Share
from gateway.policy.policy import GrantPolicy
from gateway.ports import AccessPolicy, Caller, Catalog, Examined
from gateway.toml_file import toml_files

_log = structlog.get_logger()

#: Four looks in the second that a revocation may take.
POLL_S: Final = 0.25
#: Members of `Site` that a running gateway takes from disk.
RELOADED: Final = ("agencies", "grants", "shares", "items", "calendar", "intermediaries")
#: Keys of mistakes that belong to no single file of `agencies/`.
_WHOLE: Final = ""
_FOLDER: Final = "agencies/"

Certificates = Mapping[str, CertificateType]
#: Makes a door for agencies whose keys were read before.
OpenDoor = Callable[[Iterable[Agency], RecordsOf], Admission]
#: Whatever differs when a file was written or replaced.
_Stamp = tuple[int, int, int, int]


def check_grants(grants: Iterable[Grant], certificates: Certificates) -> None:
    """Check that adapters answer what grants name.

    Raises:
        SetupError: the first grant of an unknown certificate or field.
    """
    for grant in grants:
        where = f"grants/: {grant.reference}"
        certificate = certificates.get(grant.certificate)
        if certificate is None:
            raise SetupError(
                f"names the certificate `{grant.certificate}`, which no adapter answers",
                where=where,
                remedy="add the adapter under adapters/, or mend the name.",
            )
        if unknown := sorted(set(grant.fields) - certificate.field_names):
            raise SetupError(
                f"names the field `{unknown[0]}`, which {certificate.name} does not have",
                where=where,
                remedy=f"choose of: {', '.join(sorted(certificate.field_names))}.",
            )


def check_shares(shares: Iterable[Share], certificates: Certificates) -> None:
    """Check that adapters answer what share types are said of: a typing error would share it.

    Raises:
        SetupError: the first unknown certificate.
    """
    for share in shares:
        if share.certificate not in certificates:
            raise SetupError(
                f"names the certificate `{share.certificate}`, which no adapter answers",
                where="shares/",
                remedy="add the adapter under adapters/, or mend the name.",
            )


class _Snapshot(msgspec.Struct, frozen=True):
    site: Site
    admission: Admission
    policy: GrantPolicy
    catalog: ItemCatalog


class LiveSite(Catalog, AccessPolicy):
    """The site as it is now.

    Args:
        site: as checked at start-up.
        certificates: of the site's adapters, which only a restart changes.
        open_door: makes the door.
    """

    def __init__(self, site: Site, *, certificates: Certificates, open_door: OpenDoor) -> None:
        self._certificates: Final = certificates
        self._open_door: Final = open_door
        self._records: Final[dict[str, tuple[Agency, Mapping[str, KeyRecord]]]] = {}
        self._stamps: dict[str, _Stamp] = {}
        self._mistakes: Final[dict[str, str]] = {}
        self._told: Final = asyncio.Event()
        self._now = self._make(site)

    def examine(
        self, request: SignedRequest, body: bytes, address: str, x509_sha256: str | None = None
    ) -> Examined:
        """`Admission.examine` of the agencies of now."""
        return self._now.admission.examine(request, body, address, x509_sha256)

    @property
    def site(self) -> Site:
        """What stands on disk, as far as it was taken."""
        return self._now.site

    @property
    def version(self) -> object:
        """The snapshot of now."""
        return self._now

    @property
    def state(self) -> str:
        """`ok`, or `stale` while a change on disk cannot be taken."""
        return "stale" if self._mistakes else "ok"

    def identify(
        self, request: SignedRequest, body: bytes, address: str, x509_sha256: str | None = None
    ) -> Caller:
        """`Admission.identify` of the agencies of now."""
        return self._now.admission.identify(request, body, address, x509_sha256)

    def recall(
        self, request: SignedRequest, body: bytes, address: str, x509_sha256: str | None = None
    ) -> Caller:
        """`Admission.recall` of the agencies of now."""
        return self._now.admission.recall(request, body, address, x509_sha256)

    def offers_of(self, agency_id: str) -> Offered:
        """What can be asked here, and what of it an agency is granted now."""
        site = self._now.site
        zone = timezone(timedelta(hours=site.config.site.utc_offset_h))
        return list_offers(
            agency_id,
            self._certificates.values(),
            site.grants,
            site.shares,
            today=datetime.now(zone).date(),
        )

    def find(self, code: str) -> ServiceItem | None:
        """The published item of that code."""
        return self._now.catalog.find(code)

    def decide(
        self,
        agency: Agency,
        request: LookupRequest,
        holder: Holder,
        item: ServiceItem | None,
        certificate: CertificateType | None,
        *,
        today: date,
        minute: int,
        address: str,
    ) -> Decision:
        """`GrantPolicy.decide` by the grants of now."""
        return self._now.policy.decide(
            agency, request, holder, item, certificate, today=today, minute=minute, address=address
        )

    def ask_reload(self) -> None:
        """Have `watch` take everything at once; for a signal handler."""
        self._told.set()

    async def watch(self) -> None:
        """Take changes until cancelled."""
        while True:
            try:
                async with asyncio.timeout(POLL_S):
                    await self._told.wait()
            except TimeoutError:
                await self.refresh()
            else:
                self._told.clear()
                await self.reload()

    async def refresh(self) -> None:
        """Take what changed in `agencies/` since the last look."""
        try:
            stamps = dict(_stamps(self._now.site.folder / "agencies"))
        except SetupError as error:
            self._report(_FOLDER, error)
            return
        self._mistakes.pop(_FOLDER, None)
        if stamps == self._stamps:
            return
        changed = {name for name, stamp in stamps.items() if self._stamps.get(name) != stamp}
        gone = self._stamps.keys() - stamps.keys()
        waiting = self._mistakes.keys() - {_WHOLE}
        self._stamps = stamps
        news: dict[str, Agency | None] = {}
        mistakes: dict[str, SetupError] = {}
        for name in sorted(changed | gone | waiting):
            try:
                news[name] = self._read(name) if name in stamps else None
            except SetupError as error:
                mistakes[name] = error
            await asyncio.sleep(0)
        mistakes |= await self._take(news)
        for name in waiting - mistakes.keys():
            del self._mistakes[name]
        for name, mistake in mistakes.items():
            self._report(name, mistake)

    async def reload(self) -> None:
        """Take agencies, grants, share types, items, lists and the calendar, all or nothing."""
        site = self._now.site
        agencies, grants, items = list[Agency](), list[Grant](), list[ServiceItem]()
        shares = list[Share]()
        try:
            stamps = dict(_stamps(site.folder / "agencies"))
            for name in stamps:
                agencies.append(self._read(name))
                await asyncio.sleep(0)
            for file in toml_files(site.folder, "grants"):
                grants += load_grants(file, site.folder)
                await asyncio.sleep(0)
            for file in toml_files(site.folder, "shares"):
                shares += load_shares(file, site.folder)
                await asyncio.sleep(0)
            for file in toml_files(site.folder, "items"):
                items += load_items(file, site.folder)
                await asyncio.sleep(0)
            lists = toml_files(site.folder, "lists")
            bodies = [body for file in lists for body in load_intermediaries(file, site.folder)]
            days = load_working_days(site.folder)
            self._now = self._make(
                msgspec.structs.replace(
                    site,
                    agencies=tuple(agencies),
                    grants=tuple(grants),
                    shares=tuple(shares),
                    items=tuple(items),
                    intermediaries=tuple(bodies),
                )
            )
            site.calendar.go_by(days)  # deferrals and commitments count by it, too
        except SetupError as error:
            self._report(_WHOLE, error)
            return
        self._stamps = stamps
        self._mistakes.clear()
        _log.info("site reloaded", agencies=len(agencies), grants=len(grants), items=len(items))

    def _read(self, name: str) -> Agency:
        """Read a file of `agencies/` and its keys; an agency that is the same stays the same."""
        folder = self._now.site.folder
        agency = load_agency(folder / "agencies" / name, folder)
        known = self._records.get(agency.id)
        if known is not None and known[0] == agency:
            return known[0]
        self._records[agency.id] = (agency, key_records(agency))
        return agency

    async def _take(self, news: dict[str, Agency | None]) -> dict[str, SetupError]:
        """Take changes by file name; returns what each of the others needs first."""
        if not news or self._try(news) is None:
            return {}
        mistakes: dict[str, SetupError] = {}
        waiting = dict(news)
        while waiting:  # a change may wait for another one: a key that moves between agencies
            mistakes = {}
            for name, agency in waiting.items():
                if (error := self._try({name: agency})) is not None:
                    mistakes[name] = error
                await asyncio.sleep(0)
            if len(mistakes) == len(waiting):
                break
            waiting = {name: waiting[name] for name in mistakes}
        return mistakes

    def _try(self, news: Mapping[str, Agency | None]) -> SetupError | None:
        site = self._now.site
        agencies: dict[str, Agency | None] = {f"{a.id}.toml": a for a in site.agencies}
        agencies.update(news)
        kept = tuple(agency for _, agency in sorted(agencies.items()) if agency is not None)
        if len(kept) == len(site.agencies) and all(map(_is, kept, site.agencies)):
            return None
        try:
            self._now = self._make(msgspec.structs.replace(site, agencies=kept), self._now)
        except SetupError as error:
            return error
        _log.info("agencies reloaded", agencies=len(kept), files=sorted(news)[:8])
        return None

    def _make(self, site: Site, last: _Snapshot | None = None) -> _Snapshot:
        """Check a site and make its rooms; grants and items of `last` stay as they are."""
        check_references(site)
        if last is None:
            check_grants(site.grants, self._certificates)
            check_shares(site.shares, self._certificates)
        return _Snapshot(
            site,
            self._open_door(site.agencies, self._records_of),
            GrantPolicy(site.grants, site.shares) if last is None else last.policy,
            ItemCatalog(site.items) if last is None else last.catalog,
        )

    def _records_of(self, agency: Agency) -> Mapping[str, KeyRecord]:
        known = self._records.get(agency.id)
        if known is None or known[0] is not agency:
            known = self._records[agency.id] = (agency, key_records(agency))
        return known[1]

    def _report(self, name: str, error: SetupError) -> None:
        """Say once what cannot be taken; the log redacts it."""
        if self._mistakes.get(name) != error.detail:
            self._mistakes[name] = error.detail
            _log.error("change not taken, the last good one stays", error=error.detail)


def _is(one: object, other: object) -> bool:
    return one is other


def _stamps(folder: Path) -> Iterator[tuple[str, _Stamp]]:
    """Each TOML file with what tells whether it changed.

    Raises:
        SetupError: the folder cannot be read.
    """
    try:
        for file in toml_files(folder.parent, folder.name):
            with contextlib.suppress(FileNotFoundError):  # it was removed meanwhile
                status = file.stat()
                stamp = (status.st_mtime_ns, status.st_ctime_ns, status.st_size, status.st_ino)
                yield file.name, stamp
    except OSError as error:
        raise SetupError(
            f"cannot be read: {error.strerror}",
            where=f"{folder.name}/",
            remedy="check its permissions.",
        ) from None
