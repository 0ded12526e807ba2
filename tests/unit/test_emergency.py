# SPDX-License-Identifier: Apache-2.0
"""Who is told of an emergency, and when its report is the last word."""

from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import msgspec
import pytest

from gateway import emergency
from gateway.config import GatewayConfig, Site, SiteSection
from gateway.emergency import Emergencies, Scopes, agencies_of
from gateway.errors import RequestError
from gateway.model.agency import Agency
from gateway.model.incident import Incident, IncidentStep, IncidentStepDraft
from gateway.model.instant import parse_ms
from gateway.model.rung import WHOLE_SITE, Rung
from gateway.model.seen import SeenAccess
from gateway.model.site import AdapterSite
from gateway.registry.directory import Departments
from tests.unit.exchange.rooms import GRANT
from tests.unit.supervision.seeing import CERTIFICATE, unanswered

OPENED, CLOSED = "2026-11-26T01:00:00.000Z", "2026-11-26T02:00:00.500Z"
#: A second and a lookup's deadline later, nothing of the incident's time is written any more.
OVER_MS = parse_ms(CLOSED) + 1000 + 10_000
OTHER = msgspec.structs.replace(GRANT, id="other", agency="yq-zwdt", certificate="health.card")


class Seen:
    """A log of one access, indexed up to a moment."""

    def __init__(self, newest_ms: int) -> None:
        self.newest = newest_ms
        self.asked: list[tuple[int, int]] = []

    def between(self, first_ms: int, last_ms: int) -> Sequence[SeenAccess]:
        self.asked.append((first_ms, last_ms))
        return [unanswered()]

    def size(self) -> int:
        return 7

    def newest_ms(self) -> int:
        return self.newest


@pytest.fixture
def departments() -> Departments:
    found = {"public_security": frozenset({CERTIFICATE}), "health": frozenset({"health.card"})}
    certificates = [CERTIFICATE, "health.card"]
    known = SimpleNamespace(certificates=certificates, certificates_of=found.__getitem__)
    return cast(Departments, known)


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, departments: Departments) -> Site:
    monkeypatch.setattr(emergency, "load_departments", lambda _site: departments)
    config = GatewayConfig(SiteSection("演示", "https://gw.example", "gw.example/log"))
    adapters = (
        AdapterSite(plugin="x", name="public_security"),
        AdapterSite(plugin="x", name="health", enabled=False),
    )
    agencies = (Agency("yq-gjj", "公积金"), Agency("yq-zwdt", "大厅"))
    return Site(tmp_path, config, agencies, (), (GRANT, OTHER), adapters)


@pytest.fixture
def opened(site: Site) -> Iterator[Emergencies]:
    with closing(Emergencies.open(site)) as emergencies:
        yield emergencies


def incident(closed_at: str | None = CLOSED, scope: str = "public_security") -> Incident:
    rungs: tuple[Rung, ...] = ("cache", "substitute", "verify_only")
    step = IncidentStepDraft(step="rung", by="值班员", words="处置")
    return Incident(
        id="E-2026-000001",
        scope=scope,
        alarm="by_hand",
        drill=False,
        opened_at=OPENED,
        steps=tuple(IncidentStep(OPENED, rung, step) for rung in rungs),
        closed_at=closed_at,
    )


@pytest.mark.parametrize(
    ("closed_at", "behind", "newest_ms", "is_final"),
    [
        (CLOSED, 0, 0, True),
        (CLOSED, 5, OVER_MS + 1, True),  # of what comes later more may be missing
        (CLOSED, 5, OVER_MS, False),
        (None, 0, OVER_MS + 1, False),
    ],
)
def test_clause_8_1_2_a_report_is_final_when_nothing_of_its_time_is_missing(
    opened: Emergencies, closed_at: str | None, behind: int, newest_ms: int, is_final: bool
) -> None:
    seen = Seen(newest_ms)
    made = opened.report(incident(closed_at), cast(Any, seen), behind=behind)
    assert (made.is_final, made.highest) == (is_final, "substitute")
    assert (made.impact.unavailable_count, made.impact.indexed, made.impact.behind) == (
        1,
        7,
        behind,
    )
    if closed_at is not None:
        assert made.lasted_s == 3600
        assert seen.asked == [(parse_ms(OPENED), parse_ms(CLOSED) + 1000)]


def test_an_incident_counts_its_own_department_or_all(opened: Emergencies) -> None:
    for scope, count in (("public_security", 1), ("health", 0), (WHOLE_SITE, 1)):
        made = opened.report(incident(scope=scope), cast(Any, Seen(0)), behind=0)
        assert made.impact.access_count == count


def test_clause_8_1_2_agencies_with_a_grant_for_the_department_are_told(site: Site) -> None:
    assert agencies_of(site, "public_security") == {"yq-gjj"}
    assert agencies_of(site, "health") == {"yq-zwdt"}
    assert agencies_of(site, WHOLE_SITE) == {"yq-gjj", "yq-zwdt"}
    revoked = msgspec.structs.replace(GRANT, version=4, revoked="期满")
    inactive = Agency("yq-zwdt", "大厅", active=False)
    later = msgspec.structs.replace(
        site, grants=(GRANT, revoked, OTHER), agencies=(site.agencies[0], inactive)
    )
    assert agencies_of(later, WHOLE_SITE) == set()


def test_an_agency_sees_the_scopes_that_it_is_told_of(site: Site, departments: Departments) -> None:
    scopes = Scopes(site, departments)
    everything = ("public_security", "health", WHOLE_SITE)
    for agency in ("yq-gjj", "yq-zwdt", "yq-none"):
        told = {scope for scope in everything if agency in scopes.told_of(scope)}
        assert set(scopes.scopes_of(agency)) == told
    assert scopes.scopes_of("yq-gjj") == ("public_security", WHOLE_SITE)


def test_a_scope_is_an_adapter_in_use_or_the_whole_site(opened: Emergencies) -> None:
    for scope in ("public_security", WHOLE_SITE):
        opened.check_scope(scope)
    for scope in ("health", "nowhere"):
        with pytest.raises(RequestError, match="SCOPE_UNKNOWN"):
            opened.check_scope(scope)
