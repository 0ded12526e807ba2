# SPDX-License-Identifier: Apache-2.0
"""Whom an incident hit, as the log tells it."""

from gateway.model.incident import Impact
from gateway.supervision.impact import measure_impact
from tests.unit.supervision.seeing import CERTIFICATE, seen, unanswered

SPARED = {"adapter": None, "adapter_ms": None}
ACCESSES = [
    seen(case="A"),  # was served as ever
    seen(case="B", served_from="stale", **SPARED),
    seen(case="B", served_from="stale"),
    unanswered(case="B"),
    unanswered(case="C", code="DEPARTMENT_SUBSTITUTED", **SPARED),
    unanswered(case="C", code="DEPARTMENT_SUBSTITUTED", agency="yq-zwdt", **SPARED),
    unanswered(case="D", adapter="health", certificate="health.birth_certificate"),
    seen(case="E", result="deny", outcome="refused", served_from=None, code="NOT_GRANTED"),
]


def measured(adapter: str | None, certificates: tuple[str, ...] = ()) -> Impact:
    return measure_impact(
        ACCESSES, adapter=adapter, certificates=certificates, indexed=100, behind=2
    )


def test_clause_8_1_2_cases_that_were_hit_are_counted_by_agency_and_number() -> None:
    impact = measured("public_security", (CERTIFICATE,))
    assert (impact.access_count, impact.unavailable_count, impact.stale_count) == (6, 3, 2)
    assert (impact.case_count, impact.agency_count) == (3, 2)
    assert impact.codes == {"DEPARTMENT_SUBSTITUTED": 2, "PROVIDER_UNAVAILABLE": 1}
    assert (impact.indexed, impact.behind) == (100, 2)


def test_who_was_not_asked_is_known_by_the_certificate() -> None:
    assert measured("public_security").case_count == 1  # without them, only B


def test_an_incident_of_the_whole_site_counts_every_department() -> None:
    impact = measured(None)
    assert (impact.access_count, impact.case_count) == (7, 4)
