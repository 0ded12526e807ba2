# SPDX-License-Identifier: Apache-2.0
"""A site: one folder of TOML files, decoded once into frozen structs. Read by `gateway.app` only.

::

    gateway.toml        this gateway: GatewayConfig
    agencies/<id>.toml  one agency with its public keys and operators
    auditors/<id>.toml  one auditor with roles and public keys
    departments/<id>.toml  one department with the keys that sign its change signals
    items/*.toml        [[items]] of the published list
    grants/*.toml       [[grants]]
    shares/*.toml       [[shares]]: share types that departments say of their certificates
    applications/<id>.toml  one application for a grant, read by commands only
    adapters/<name>.toml  one adapter: plugin, limits, settings
    calendar/*.toml     the holidays of one year each, in place of those that are shipped
    lists/*.toml        [[intermediaries]] of the list of clause 4.6
    keys/               private keys, made by `yizheng keys init`; never committed
    var/                state: the audit log, the office store, the sequencer's socket

Rules: unknown keys are refused; every mistake names file, path and remedy; nothing is read twice;
no default opens anything beyond loopback.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

from gateway.calendars import load_working_days
from gateway.errors import SetupError
from gateway.model.agency import Agency
from gateway.model.audit_site import AuditSection
from gateway.model.auditor import Auditor
from gateway.model.cache_section import CacheSection
from gateway.model.department import Department
from gateway.model.emergency_section import EmergencySection
from gateway.model.events_section import EventsSection
from gateway.model.finding import MonitorSection
from gateway.model.grant import Grant
from gateway.model.grants_section import GrantsSection
from gateway.model.http_section import HTTPSection
from gateway.model.ids import check_cn_uscc
from gateway.model.intermediary import Intermediary
from gateway.model.item import ServiceItem
from gateway.model.limits import LimitsSection
from gateway.model.office_section import CasesSection, OfficeSection, OrdersSection
from gateway.model.share import Share
from gateway.model.site import AdapterSite
from gateway.model.supervision_section import SupervisionSection
from gateway.model.working_day import WorkingDays
from gateway.toml_file import load_toml, toml_files

# A Unix socket's path has at most 107 bytes on Linux (unix(7)).
MAX_SOCKET_PATH_BYTES: Final = 107


class SiteSection(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`[site]`: who this gateway is."""

    name: Annotated[str, Meta(min_length=1, description="Name for people.")]
    issuer: Annotated[
        str,
        Meta(
            pattern=r"^https?://[^/\s]+(/[^\s]*)?$",
            description="`iss` of sealed certificates; verifiers know the gateway by it. Changing "
            "it orphans certificates sealed before.",
        ),
    ]
    origin: Annotated[
        str,
        Meta(
            pattern=r"^[^\s+]+$",
            max_length=200,
            description="Origin of the audit log, a schema-less URL. Never change it: a log is "
            "known by its origin.",
        ),
    ]
    utc_offset_h: Annotated[
        float,
        Meta(ge=-12, le=14, description="Hours east of UTC; decides what a day is for grants."),
    ] = 8
    mode: Annotated[
        Literal["production", "sandbox"],
        Meta(description="In a sandbox, refusals of who asks show the signature base."),
    ] = "production"


class LookupSection(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`[lookup]`: limits of one lookup."""

    deadline_s: Annotated[
        float, Meta(ge=1, le=300, description="Seconds from the door to the answer.")
    ] = 10
    clock_window_s: Annotated[
        int, Meta(ge=5, le=300, description="Largest |now - created| of a request's signature.")
    ] = 60


class GatewayConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`gateway.toml`.

    Attributes:
        site: who this gateway is.
        http: where agencies reach it.
        lookup: limits of one lookup.
        cache: sealed answers kept in memory, and shared by nodes.
        limits: how often agencies may ask.
        audit: the log: retention, witnesses, timestamps.
        office: the store of cases.
        cases: whether what is asked has to belong to a registered case.
        orders: how the gateway does later what an agency has signed.
        grants: how long a department may take over an application.
        events: how agencies are told what happens.
        supervision: within how many working days complaints and the like are answered.
        emergency: which figures raise an alarm.
        monitor: electronic monitoring of cases.
    """

    site: SiteSection
    http: HTTPSection = HTTPSection()
    lookup: LookupSection = LookupSection()
    cache: CacheSection = CacheSection()
    limits: LimitsSection = LimitsSection()
    audit: AuditSection = AuditSection()
    office: OfficeSection = OfficeSection()
    cases: CasesSection = CasesSection()
    orders: OrdersSection = OrdersSection()
    grants: GrantsSection = GrantsSection()
    events: EventsSection = EventsSection()
    supervision: SupervisionSection = SupervisionSection()
    emergency: EmergencySection = EmergencySection()
    monitor: MonitorSection = MonitorSection()


class _Items(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    items: tuple[ServiceItem, ...]


class _Grants(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    grants: tuple[Grant, ...]


class _Shares(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    shares: tuple[Share, ...]


class _Intermediaries(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    intermediaries: tuple[Intermediary, ...]


class Site(msgspec.Struct, frozen=True):
    """Everything that the folder says."""

    folder: Path
    config: GatewayConfig
    agencies: tuple[Agency, ...]
    items: tuple[ServiceItem, ...]
    grants: tuple[Grant, ...]
    adapters: tuple[AdapterSite, ...]
    auditors: tuple[Auditor, ...] = ()
    departments: tuple[Department, ...] = ()
    shares: tuple[Share, ...] = ()
    calendar: WorkingDays = msgspec.field(default_factory=lambda: WorkingDays(()))
    intermediaries: tuple[Intermediary, ...] = ()

    @property
    def keys(self) -> Path:
        """Folder of private keys."""
        return self.folder / "keys"

    @property
    def state(self) -> Path:
        """Folder of state."""
        return self.folder / "var"

    @property
    def socket(self) -> Path:
        """The sequencer's Unix socket."""
        return self.state / "sequencer.sock"


def load_site(folder: Path) -> Site:
    """Read and check a site folder.

    Raises:
        SetupError: the first mistake, with file, path and remedy.
    """
    folder = folder.resolve()
    if not (folder / "gateway.toml").is_file():
        raise SetupError(
            "there is no gateway.toml in this folder",
            where=str(folder),
            remedy="name a site folder, or make one with `yizheng init FOLDER`.",
        )
    site = Site(
        folder=folder,
        config=load_toml(folder / "gateway.toml", GatewayConfig, folder),
        agencies=tuple(load_agency(file, folder) for file in toml_files(folder, "agencies")),
        items=tuple(i for f in toml_files(folder, "items") for i in load_items(f, folder)),
        grants=tuple(g for f in toml_files(folder, "grants") for g in load_grants(f, folder)),
        adapters=tuple(_adapter(file, folder) for file in toml_files(folder, "adapters")),
        auditors=tuple(load_auditor(file, folder) for file in toml_files(folder, "auditors")),
        departments=tuple(load_department(f, folder) for f in toml_files(folder, "departments")),
        shares=tuple(s for f in toml_files(folder, "shares") for s in load_shares(f, folder)),
        calendar=load_working_days(folder),
        intermediaries=tuple(
            body for f in toml_files(folder, "lists") for body in load_intermediaries(f, folder)
        ),
    )
    check_references(site)
    _refuse_unusable_x509(site)
    return site


def load_agency(file: Path, folder: Path) -> Agency:
    """Read one file of `agencies/`.

    Raises:
        SetupError: it is not of this form, or is not named after its agency.
    """
    agency = load_toml(file, Agency, folder)
    _refuse_misnamed(agency.id, file)
    return agency


def load_auditor(file: Path, folder: Path) -> Auditor:
    """Read one file of `auditors/`.

    Raises:
        SetupError: it is not of this form, or is not named after its auditor.
    """
    auditor = load_toml(file, Auditor, folder)
    _refuse_misnamed(auditor.id, file)
    return auditor


def load_department(file: Path, folder: Path) -> Department:
    """Read one file of `departments/`.

    Raises:
        SetupError: it is not of this form, or is not named after its department.
    """
    department = load_toml(file, Department, folder)
    _refuse_misnamed(department.id, file)
    return department


def _refuse_misnamed(name: str, file: Path) -> None:
    if name != file.stem:
        raise SetupError(
            f"is `{name}`, but the file is named `{file.name}`",
            where=f"{file.parent.name}/{file.name}: $.id",
            remedy="make them equal.",
        )


def load_items(file: Path, folder: Path) -> tuple[ServiceItem, ...]:
    """Read one file of `items/`.

    Raises:
        SetupError: it is not of this form.
    """
    return load_toml(file, _Items, folder).items


def load_intermediaries(file: Path, folder: Path) -> tuple[Intermediary, ...]:
    """Read one file of `lists/`.

    Raises:
        SetupError: it is not of this form, or has a credit code that is none.
    """
    bodies = load_toml(file, _Intermediaries, folder).intermediaries
    for place, body in enumerate(bodies):
        if reason := check_cn_uscc(body.uscc).reason:
            raise SetupError(
                f"is no unified social credit code: {reason}",
                where=f"lists/{file.name}: $.intermediaries[{place}].uscc",
                remedy="mend the code.",
            )
    return bodies


def load_grants(file: Path, folder: Path) -> tuple[Grant, ...]:
    """Read one file of `grants/`.

    Raises:
        SetupError: it is not of this form.
    """
    return load_toml(file, _Grants, folder).grants


def load_shares(file: Path, folder: Path) -> tuple[Share, ...]:
    """Read one file of `shares/`.

    Raises:
        SetupError: it is not of this form.
    """
    return load_toml(file, _Shares, folder).shares


def _adapter(file: Path, folder: Path) -> AdapterSite:
    adapter = load_toml(file, AdapterSite, folder)
    if adapter.name not in {"", file.stem}:
        raise SetupError(
            f"is `{adapter.name}`, but the file is named `{file.name}`",
            where=f"adapters/{file.name}: $.name",
            remedy="remove it: the file's name is the adapter's.",
        )
    return msgspec.structs.replace(adapter, name=file.stem)


def check_references(site: Site) -> None:
    """Check what no single file can show: names that are there twice, or that nothing bears.

    Raises:
        SetupError: the first mistake, with file and remedy.
    """
    keyids = [(key.id, f"agencies/{a.id}.toml") for a in site.agencies for key in a.keys]
    keyids += [(key.id, f"auditors/{a.id}.toml") for a in site.auditors for key in a.keys]
    keyids += [(key.id, f"departments/{d.id}.toml") for d in site.departments for key in d.keys]
    _refuse_twice(iter(keyids), "key id")
    _check_departments(site)
    for agency in site.agencies:
        _refuse_twice(
            ((op.id, f"agencies/{agency.id}.toml") for op in agency.operators), "operator id"
        )
    _refuse_twice(((item.code, "items/") for item in site.items), "item code")
    _refuse_twice(((grant.reference, "grants/") for grant in site.grants), "grant version")
    _refuse_twice(((share.certificate, "shares/") for share in site.shares), "certificate")
    agencies = {agency.id for agency in site.agencies}
    items = {item.code for item in site.items}
    for grant in site.grants:
        where = f"grants/: {grant.reference}"
        if grant.agency not in agencies:
            raise SetupError(
                f"names the agency `{grant.agency}`, which does not exist",
                where=where,
                remedy=f"add agencies/{grant.agency}.toml, or mend the name.",
            )
        if missing := sorted(set(grant.items) - items):
            raise SetupError(
                f"names the item `{missing[0]}`, which does not exist",
                where=where,
                remedy="add it under items/, or mend the code.",
            )
        if grant.valid_until < grant.valid_from:
            raise SetupError("ends before it begins", where=where, remedy="mend valid_until.")
    if site.config.http.drain_s < site.config.lookup.deadline_s:
        raise SetupError(
            "is shorter than lookup.deadline_s: a stop would cut off what has to be recorded",
            where="gateway.toml: $.http.drain_s",
            remedy="make it at least as long.",
        )
    if site.config.orders.lease_s <= site.config.lookup.deadline_s:
        raise SetupError(
            "is no longer than lookup.deadline_s: two workers would ask for the same",
            where="gateway.toml: $.orders.lease_s",
            remedy="make it longer.",
        )
    if len(bytes(site.socket)) > MAX_SOCKET_PATH_BYTES:
        raise SetupError(
            f"its path is longer than {MAX_SOCKET_PATH_BYTES} bytes",
            where=str(site.socket),
            remedy="move the site to a folder with a shorter path.",
        )


def _check_departments(site: Site) -> None:
    adapters = {adapter.name for adapter in site.adapters}
    for department in site.departments:
        if unknown := sorted(set(department.adapters) - adapters):
            raise SetupError(
                f"names the adapter `{unknown[0]}`, which does not exist",
                where=f"departments/{department.id}.toml: $.adapters",
                remedy=f"add adapters/{unknown[0]}.toml, or mend the name.",
            )


def _refuse_unusable_x509(site: Site) -> None:
    listing = (agency for agency in site.agencies if agency.x509_sha256)
    if site.config.http.client_ca is None and (agency := next(listing, None)) is not None:
        raise SetupError(
            "clients can present no X.509 certificate to this gateway",
            where=f"agencies/{agency.id}.toml: $.x509_sha256",
            remedy="set http.client_ca in gateway.toml and restart, or remove it.",
        )


def _refuse_twice(names: Iterator[tuple[str, str]], what: str) -> None:
    seen: dict[str, str] = {}
    for name, where in names:
        if name in seen:
            raise SetupError(
                f"the {what} `{name}` is also used in {seen[name]}",
                where=where,
                remedy="give each its own.",
            )
        seen[name] = where
