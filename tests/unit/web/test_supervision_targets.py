# SPDX-License-Identifier: Apache-2.0
"""Targets below /v1/supervision/: each has one form, and none can hold an identity number."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import RequestError
from gateway.model.matter import LETTERS, MatterKind
from gateway.model.supervised import FOLDER
from gateway.web.emergency_pages import AlarmsTarget, IncidentsTarget, IncidentTarget
from gateway.web.supervision_targets import (
    EvaluationsTarget,
    FindingsTarget,
    FindingTarget,
    MattersTarget,
    MatterTarget,
    ReportTarget,
    Target,
    format_target,
    methods_at,
    parse_target,
)

KINDS: list[MatterKind] = list(LETTERS)


@given(
    st.sampled_from(KINDS),
    st.integers(2000, 2999),
    st.integers(1, 999_999_999),
    st.booleans(),
)
def test_a_matters_path_is_read_as_it_was_written(
    kind: MatterKind, year: int, number: int, is_steps: bool
) -> None:
    matter_id = f"{LETTERS[kind]}-{year}-{number:06}"
    written = format_target(kind, matter_id, is_steps=is_steps)
    assert parse_target(written) == MatterTarget(kind, matter_id, is_steps)


@pytest.mark.parametrize(
    ("target", "meant"),
    [
        ("complaints", MattersTarget("complaint")),
        ("complaints?after=C-2026-000007", MattersTarget("complaint", (2026, 7))),
        ("tickets?state=open", MattersTarget("rating", state="open")),
        (
            "corrections?after=D-2026-000007&state=closed",
            MattersTarget("correction", (2026, 7), "closed"),
        ),
        ("findings", FindingsTarget()),
        ("findings?after=F-2026-000007", FindingsTarget((2026, 7))),
        ("findings?state=open", FindingsTarget(state="open")),
        ("findings?after=F-2026-000007&state=settled", FindingsTarget((2026, 7), "settled")),
        ("findings/F-2026-000007", FindingTarget("F-2026-000007", is_steps=False)),
        ("findings/F-2026-000007/steps", FindingTarget("F-2026-000007", is_steps=True)),
        ("incidents", IncidentsTarget()),
        ("incidents?after=E-2026-000007&state=closed", IncidentsTarget((2026, 7), "closed")),
        ("incidents?state=open", IncidentsTarget(state="open")),
        ("incidents/E-2026-000007", IncidentTarget("E-2026-000007", is_steps=False)),
        ("incidents/E-2026-000007/steps", IncidentTarget("E-2026-000007", is_steps=True)),
        ("alarms", AlarmsTarget()),
        ("alarms?after=17", AlarmsTarget(17)),
        ("evaluations", EvaluationsTarget()),
        ("kpi/2026-11", ReportTarget("2026-11")),
    ],
)
def test_what_targets_mean(target: str, meant: Target) -> None:
    assert parse_target(FOLDER + target) == meant


@pytest.mark.parametrize(
    "target",
    [
        "",
        "complaints/",
        "complaints?",
        "complaints?state=lost",
        "complaints?state=open&after=C-2026-000001",
        "complaints?after=C-2026-000001&",
        "complaints?after=D-2026-000001",
        "complaints?after=140302190001010017",
        "complaints/D-2026-000001",
        "complaints/140302190001010017",
        "complaints/C-2026-1",
        "complaints/C-2026-000001/steps/",
        "complaints/C-2026-000001?state=open",
        "findings/",
        "findings/140302190001010017",
        "findings/C-2026-000001",
        "findings?state=closed",
        "findings?after=C-2026-000001",
        "findings/F-2026-000001?state=open",
        "incidents?state=settled",
        "incidents/F-2026-000001",
        "incidents?after=140302190001010017",
        "alarms/1",
        "alarms?after=140302190001010017",
        "alarms?after=017",
        "rumours",
        "rumours/C-2026-000001",
        "evaluations?after=1",
        "evaluations/140302190001010017",
        "kpi",
        "kpi/2026-13",
        "kpi/2026-11?x=1",
    ],
)
def test_nothing_else_is_there(target: str) -> None:
    with pytest.raises(RequestError) as unknown:
        parse_target(FOLDER + target)
    assert unknown.value.code == "PATH_UNKNOWN"


@pytest.mark.parametrize(
    ("path", "methods"),
    [
        ("complaints", ("GET", "POST")),
        ("corrections", ("GET", "POST")),
        ("measures", ("GET", "POST")),
        ("evaluations", ("GET", "POST")),
        ("incidents", ("GET", "POST")),
        ("incidents/E-2026-000001", ("GET",)),
        ("incidents/E-2026-000001/steps", ("POST",)),
        ("alarms", ("GET",)),
        ("findings", ("GET",)),
        ("findings/F-2026-000001", ("GET",)),
        ("findings/F-2026-000001/steps", ("POST",)),
        ("tickets", ("GET",)),
        ("kpi/2026-11", ("GET",)),
        ("complaints/C-2026-000001", ("GET",)),
        ("complaints/C-2026-000001/steps", ("POST",)),
    ],
)
def test_what_may_be_done_there(path: str, methods: tuple[str, ...]) -> None:
    assert methods_at(FOLDER + path) == methods
