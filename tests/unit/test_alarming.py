# SPDX-License-Identifier: Apache-2.0
"""The clerk keeps what passes a threshold, also across restarts, and acts only where it may."""

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from structlog.testing import capture_logs

from gateway import alarming, emergency
from gateway.alarming import AlarmDuty, check_alarms
from gateway.config import GatewayConfig, Site, SiteSection
from gateway.emergency import Emergencies
from gateway.errors import AuditError, SetupError, StoreError
from gateway.model.agency import Agency
from gateway.model.agency_file import format_agency
from gateway.model.emergency_section import AlarmRule, EmergencySection
from gateway.model.incident import Alarm, IncidentStepDraft
from gateway.model.office_event import IncidentOpened
from gateway.model.rung import Rungs
from gateway.model.site import AdapterSite
from gateway.office.alarms import AlarmBook
from gateway.office.ladder import read_rungs
from gateway.office.outbox import EventFeed
from gateway.office.store import OfficeStore
from gateway.sdk import Deadline
from tests.unit.supervision.loads import ADAPTER, load
from tests.unit.supervision.seeing import CERTIFICATE

DEEP = AlarmRule(name="deep", figure="queue_depth", threshold=10, hold_s=0, proposes="ticket")


def site_of(folder: Path, *rules: AlarmRule) -> Site:
    config = GatewayConfig(
        SiteSection("演示", "https://gw.example", "gw.example/log"),
        emergency=EmergencySection(alarms=rules),
    )
    adapter = AdapterSite(plugin="x", name=ADAPTER)
    return Site(folder, config, (), (), (), (adapter,))


class Clerk:
    """One life of the clerk; a test says how many wait."""

    def __init__(self, store: OfficeStore, site: Site) -> None:
        self.store, self.site = store, site
        self.at_s = 0.0
        self.waiting = 0
        self.shown: list[int] = []
        self.duty = AlarmDuty(site, store, read_load=self._load, on_look=self.shown.append)

    def _load(self) -> Any:
        self.at_s += 5
        return load(self.at_s, waiting=self.waiting)

    async def look(self, waiting: int) -> list[Alarm]:
        self.waiting = waiting
        await self.duty.look()
        return list(AlarmBook(self.store, clock=alarming_clock).list_alarms(is_raised=True))


def alarming_clock() -> Any:
    raise AssertionError("nothing is written")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[OfficeStore]:
    opened = OfficeStore.open(tmp_path / "var/office")
    yield opened
    opened.close()


@pytest.fixture
def recorded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the running gateway's log was told; grants name one agency."""
    told: list[str] = []

    async def record(_socket: Path, happening: str, detail: str, _deadline: object) -> None:
        assert happening == "incident_changed"
        told.append(detail)

    monkeypatch.setattr(emergency, "record_happening", record)
    monkeypatch.setattr(alarming, "agencies_of", lambda _site, _scope: {"yq-gjj"})
    return told


async def test_clause_8_1_2_by_default_an_alarm_only_proposes(
    store: OfficeStore, tmp_path: Path, recorded: list[str]
) -> None:
    clerk = Clerk(store, site_of(tmp_path, DEEP))
    assert await clerk.look(10) == []
    [raised] = await clerk.look(11)
    assert (raised.draft.scope, raised.draft.proposes, raised.incident) == (ADAPTER, "ticket", None)
    assert await clerk.look(12) == [raised]
    assert read_rungs(store) == Rungs()
    assert await clerk.look(0) == []
    assert (clerk.shown, recorded) == ([0, 1, 1, 0], [])


async def test_clause_8_1_2_where_the_rule_says_so_it_takes_the_rung_and_that_is_recorded(
    store: OfficeStore, tmp_path: Path, recorded: list[str]
) -> None:
    automatic = msgspec.structs.replace(DEEP, automatic=True)
    clerk = Clerk(store, site_of(tmp_path, automatic))
    [raised] = await clerk.look(11)
    assert read_rungs(store) == Rungs(departments={ADAPTER: "ticket"})
    assert recorded == [f"id={raised.incident} step=alarm scope={ADAPTER} rung=ticket drill=no"]
    await clerk.look(0)
    assert read_rungs(store) == Rungs(departments={ADAPTER: "ticket"})


async def test_a_restart_raises_nothing_again_and_forgets_nothing(
    store: OfficeStore, tmp_path: Path, recorded: list[str]
) -> None:
    site = site_of(tmp_path, DEEP)
    raised = await Clerk(store, site).look(11)
    later = Clerk(store, site)
    assert await later.look(50) == raised
    assert await later.look(0) == []
    # A rule that is no longer there raises nothing any more.
    await Clerk(store, site).look(11)
    other = msgspec.structs.replace(DEEP, name="other", threshold=1000)
    assert await Clerk(store, site_of(tmp_path, other)).look(11) == []
    assert recorded == []


async def test_what_cannot_be_kept_or_recorded_now_is_done_at_the_next_look(
    store: OfficeStore, tmp_path: Path, recorded: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    automatic = msgspec.structs.replace(DEEP, automatic=True)
    clerk = Clerk(store, site_of(tmp_path, automatic))

    async def fail(*_: object, **__: object) -> None:
        raise StoreError("OFFICE_UNAVAILABLE")

    async def refuse(*_: object) -> None:
        raise AuditError("AUDIT_UNAVAILABLE")

    with monkeypatch.context() as patch:
        patch.setattr(AlarmBook, "raise_alarm", fail)
        with pytest.raises(StoreError):
            await clerk.look(11)
    with monkeypatch.context() as patch:
        patch.setattr(emergency, "record_happening", refuse)
        with pytest.raises(AuditError):
            await clerk.look(11)
    assert read_rungs(store) == Rungs(departments={ADAPTER: "ticket"})
    assert recorded == []
    later = Clerk(store, clerk.site)  # and it need not be the same clerk
    await later.look(11)
    assert len(recorded) == 1
    await later.look(11)
    assert len(recorded) == 1


def grant_to(folder: Path, agency: str, certificate: str = CERTIFICATE) -> None:
    """Write an agency and its grant into a site."""
    for name, text in {
        f"agencies/{agency}.toml": format_agency(Agency(agency, "单位")),
        f"grants/{agency}.toml": (
            f'[[grants]]\nid = "{agency}"\nversion = 1\nagency = "{agency}"\n'
            f'certificate = "{certificate}"\noperations = ["query"]\nfields = ["name"]\n'
            'items = ["yq-gjj-001"]\nvalid_from = 2026-01-01\nvalid_until = 2027-12-31\n'
            'basis = "演示"\n'
        ),
    }.items():
        file = folder / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)


async def test_clause_8_1_2_who_is_told_is_as_the_site_is_when_the_alarm_acts(
    store: OfficeStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def record(*_: object) -> None:
        return

    departments = SimpleNamespace(certificates_of=lambda _: {CERTIFICATE})
    monkeypatch.setattr(emergency, "load_departments", lambda _: departments)
    monkeypatch.setattr(emergency, "record_happening", record)
    grant_to(tmp_path, "yq-old")
    automatic = msgspec.structs.replace(DEEP, automatic=True)
    at_the_fork = site_of(tmp_path, automatic)  # without a single agency
    clerk = Clerk(store, at_the_fork)
    await clerk.look(11)
    assert told(store, "yq-old") == 1
    grant_to(tmp_path, "yq-new")
    grant_to(tmp_path, "yq-old", "health.card")
    await again(clerk)
    assert (told(store, "yq-old"), told(store, "yq-new")) == (1, 1)
    (tmp_path / "agencies").rename(tmp_path / "away")
    with capture_logs() as logs:
        await again(clerk)
    assert (told(store, "yq-old"), told(store, "yq-new")) == (1, 2)
    [line] = [line for line in logs if "last good" in line["event"]]
    assert "agencies/" in line["error"]


async def again(clerk: Clerk) -> None:
    """Let the alarm clear, a person end its incident, and the alarm be raised anew."""
    books = Emergencies(clerk.site, clerk.store)
    await clerk.look(0)
    [incident] = books.incidents.list_incidents(is_open=True)
    done = IncidentStepDraft(step="close", by="值班员", words="恢复")
    await books.incidents.take(incident.id, done, Deadline.after(5))
    await clerk.look(11)


def told(store: OfficeStore, agency: str) -> int:
    """How many incidents an agency heard the beginning of."""
    events = EventFeed(store).page(agency, 0)
    return sum(isinstance(event.what, IncidentOpened) for event in events)


@pytest.mark.parametrize(
    ("rules", "where"),
    [
        ((DEEP, DEEP), r"alarms\[1\].name"),
        ((msgspec.structs.replace(DEEP, department="gone"),), r"alarms\[0\].department"),
    ],
)
def test_a_rule_that_could_never_be_judged_is_found_at_the_start(
    tmp_path: Path, rules: tuple[AlarmRule, ...], where: str
) -> None:
    with pytest.raises(SetupError, match=where):
        check_alarms(site_of(tmp_path, *rules))
    check_alarms(site_of(tmp_path, DEEP, msgspec.structs.replace(DEEP, name="b", department="*")))
