# SPDX-License-Identifier: Apache-2.0
"""How long the log waits for a timestamp, whatever clocks said when records were made."""

from pathlib import Path

import pytest

from gateway.audit.lateness import Grace
from gateway.audit.log import Log
from gateway.audit.store.notary import NotaryStore
from gateway.audit.store.sqlite import SqliteStore
from gateway.model.audit_site import TimestampsSection
from tests.unit.audit.samples import KEY, NOW_S, SIGNER, entry_bytes

MONTH_S = 30 * 24 * 3600
SECTION = TimestampsSection(
    url="http://tsa.example", certificate="a", roots="b", interval_s=60, grace_s=600
)


def look(folder: Path, *ages_s: float) -> str:
    """What holds now, with records of these ages that nobody stamped."""
    store = SqliteStore.open(folder, KEY)
    Log(store, SIGNER).append(
        [entry_bytes(number, at_s=NOW_S - age_s) for number, age_s in enumerate(ages_s)]
    )
    store.close()
    NotaryStore.open(folder).close()
    return Grace(folder, SECTION, lambda: float(NOW_S)).look()


@pytest.mark.parametrize(
    ("ages_s", "state"),
    [
        ((0, 0), "ok"),
        ((121, 0), "late"),
        ((601, 0), "refusing"),
        ((-MONTH_S, 0), "ok"),
        ((-MONTH_S, 121, 0), "late"),
        ((-MONTH_S, 601, 601, 0), "refusing"),
    ],
)
def test_a_record_from_the_future_hides_none_behind_it(
    tmp_path: Path, ages_s: tuple[float, ...], state: str
) -> None:
    assert look(tmp_path, *ages_s) == state


@pytest.mark.parametrize(("ahead_s", "state"), [(60, "ok"), (61, "refusing")])
def test_of_records_from_the_future_alone_nobody_knows_how_long_they_wait(
    tmp_path: Path, ahead_s: float, state: str
) -> None:
    assert look(tmp_path, -ahead_s, -MONTH_S) == state


def test_what_is_looked_at_is_bounded(tmp_path: Path) -> None:
    assert look(tmp_path, *[0] * 256, 601) == "ok"
