# SPDX-License-Identifier: Apache-2.0
"""What the clerk has to do; who wants events is what `agencies/` says now."""

import asyncio
from pathlib import Path

import msgspec
import pytest
from structlog.testing import capture_logs

from gateway import clerking
from gateway.clerking import Subscriptions, needs_clerk, run_clerk
from gateway.config import GatewayConfig, Site, SiteSection
from gateway.model.agency import Agency
from gateway.model.agency_file import format_agency
from gateway.model.events_section import EventsSection, Subscription
from gateway.model.finding import MonitorSection

OA = Subscription("https://oa.example/events", kinds=("case.closed",))
PORTAL = Subscription("https://portal.example/")


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    monkeypatch.setattr(clerking, "_REREAD_S", 0.0)
    (tmp_path / "agencies").mkdir()
    config = GatewayConfig(
        SiteSection("演示", "https://gw.example", "gw.example/log"),
        events=EventsSection(deliver=True),
    )
    return Site(tmp_path, config, (), (), (), ())


def write(site: Site, agency: Agency) -> None:
    file = site.folder / f"agencies/{agency.id}.toml"
    draft = file.with_suffix(".new")
    draft.write_text(format_agency(agency))
    draft.replace(file)


def test_a_receiver_is_taken_changed_and_let_go_without_a_restart(site: Site) -> None:
    subscriptions = Subscriptions(site)
    assert subscriptions.now() == {}
    write(site, Agency("yq-gjj", "公积金", events=OA))
    write(site, Agency("quiet", "不订阅"))
    assert subscriptions.now() == {"yq-gjj": OA}
    write(site, Agency("yq-gjj", "公积金", events=PORTAL))
    assert subscriptions.now() == {"yq-gjj": PORTAL}
    write(site, Agency("yq-gjj", "公积金", active=False, events=PORTAL))
    assert subscriptions.now() == {}


@pytest.mark.parametrize("url", ["http://oa.example/", "https://169.254.169.254/"])
def test_a_receiver_that_must_not_be_used_leaves_the_last_good_one(site: Site, url: str) -> None:
    subscriptions = Subscriptions(site)
    write(site, Agency("yq-gjj", "公积金", events=OA))
    assert subscriptions.now() == {"yq-gjj": OA}
    write(site, Agency("yq-gjj", "公积金", events=Subscription(url)))
    assert subscriptions.now() == {"yq-gjj": OA}
    write(site, Agency("yq-gjj", "公积金", events=PORTAL))
    assert subscriptions.now() == {"yq-gjj": PORTAL}


@pytest.mark.parametrize("is_at_start", [True, False])
@pytest.mark.parametrize("away", ["folder", "files"])
def test_while_all_agencies_are_away_nobody_is_let_go(
    site: Site, away: str, *, is_at_start: bool
) -> None:
    agency = Agency("yq-gjj", "公积金", events=OA)
    if is_at_start:  # and away before the first look
        subscriptions = Subscriptions(msgspec.structs.replace(site, agencies=(agency,)))
    else:
        subscriptions = Subscriptions(site)
        write(site, agency)
        assert subscriptions.now() == {"yq-gjj": OA}
    folder, elsewhere = site.folder / "agencies", site.folder / "elsewhere"
    folder.rename(elsewhere)
    if away == "files":
        folder.mkdir()
    with capture_logs() as logs:
        assert subscriptions.now() == subscriptions.now() == {"yq-gjj": OA}
    [line] = logs
    assert line["log_level"] == "error"
    assert "agencies/" in line["error"]
    if away == "files":
        folder.rmdir()
    elsewhere.rename(folder)
    write(site, Agency("yq-gjj", "公积金", events=PORTAL))
    assert subscriptions.now() == {"yq-gjj": PORTAL}


def test_the_folder_is_not_read_at_each_look(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clerking, "_REREAD_S", 3600.0)
    subscriptions = Subscriptions(site)
    assert subscriptions.now() == {}
    write(site, Agency("yq-gjj", "公积金", events=OA))
    assert subscriptions.now() == {}


@pytest.mark.parametrize(
    ("deliver", "every_minutes", "needed"),
    [(False, 0, False), (True, 0, True), (False, 60, True)],
)
def test_a_clerk_runs_where_there_is_something_to_do(
    tmp_path: Path, *, deliver: bool, every_minutes: int, needed: bool
) -> None:
    config = GatewayConfig(
        SiteSection("演示", "https://gw.example", "gw.example/log"),
        events=EventsSection(deliver=deliver),
        monitor=MonitorSection(every_minutes=every_minutes),
    )
    assert needs_clerk(Site(tmp_path, config, (), (), (), ())) is needed


async def test_a_clerk_that_cannot_monitor_yet_waits_and_ends_when_it_is_told(
    tmp_path: Path,
) -> None:
    config = GatewayConfig(
        SiteSection("演示", "https://gw.example", "gw.example/log"),
        monitor=MonitorSection(every_minutes=60),
    )
    quit_event = asyncio.Event()
    with capture_logs() as logs:
        async with asyncio.timeout(30), asyncio.TaskGroup() as group:
            site = Site(tmp_path, config, (), (), (), ())  # without a key or an index
            group.create_task(run_clerk(site, quit_event=quit_event, on_ready=lambda: None))
            while True:
                await asyncio.sleep(0.01)
                if logs:
                    break
            quit_event.set()
    assert [line["event"] for line in logs] == ["monitoring waits"]
