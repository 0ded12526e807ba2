# SPDX-License-Identifier: Apache-2.0
"""The books of a site: its years number what is opened, and its months count what is rated."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, tzinfo
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Self, cast

import pytest

from gateway.config import Site
from gateway.crypto.office import OfficeCipher
from gateway.emergency import Emergencies
from gateway.model.evaluation import EvaluationDraft
from gateway.model.incident import IncidentDraft
from gateway.model.working_day import WorkingDays
from gateway.office.store import OfficeStore
from gateway.sdk import Deadline
from gateway.supervising import Supervision
from tests.unit.supervision.seeing import matter, suspicion

RATED = EvaluationDraft(agency="yq-gjj", case="YQ20261231-0001", item="yq-gjj-001", level=2)
INCIDENT = IncidentDraft(scope="civil_affairs", rung="cache", by="值班员", words="先用缓存")
BEIJING = cast(
    Site,
    SimpleNamespace(
        calendar=WorkingDays(()),
        config=SimpleNamespace(
            cases=SimpleNamespace(exclusion_years=3), site=SimpleNamespace(utc_offset_h=8.0)
        ),
    ),
)


class NewYear(datetime):
    """Half past midnight in Beijing, and still the old year in UTC."""

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> Self:
        return cls(2026, 12, 31, 16, 30, tzinfo=UTC).astimezone(tz)


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[OfficeStore]:
    for module in ("supervising", "emergency"):
        monkeypatch.setattr(f"gateway.{module}.datetime", NewYear)
    opened = OfficeStore.open(tmp_path)
    yield opened
    opened.close()


async def test_years_and_months_are_those_of_the_site(store: OfficeStore) -> None:
    books, soon = Supervision(BEIJING, store, OfficeCipher(b"o" * 32)), Deadline.after(5)
    assert books.today() == date(2027, 1, 1)
    opened = await books.matters.open_matter(matter().draft, soon)
    assert (opened.id, opened.opened_at) == ("C-2027-000001", "2026-12-31T16:30:00Z")
    assert (await books.findings.keep([suspicion()], soon))[0] == ("F-2027-000001",)
    given = await books.evaluations.give(RATED, soon, due_on=date(2027, 1, 8))
    assert (given.ticket, given.given_at) == ("R-2027-000001", "2026-12-31T16:30:00Z")
    assert [total.month for total in books.evaluations.totals(None)] == ["2027-01"]


async def test_incidents_are_numbered_by_the_years_of_the_site(store: OfficeStore) -> None:
    books: Any = Emergencies(BEIJING, store)
    opened = await books.incidents.open_incident(INCIDENT, Deadline.after(5), agencies=())
    assert opened.id == "E-2027-000001"
