# SPDX-License-Identifier: Apache-2.0
"""Asked for again although shareable: counted where grant and department were there."""

from collections.abc import Sequence
from datetime import date, timedelta, timezone
from typing import Any

import msgspec

from gateway.model.case import CaseRecord
from gateway.model.commitment import Committed
from gateway.model.grant import Grant
from gateway.model.instant import parse_ms
from gateway.model.seen import SeenAccess
from gateway.supervision.monitor import CaseFile
from gateway.supervision.repeated import Repeated, RepeatedRanking, answered_times
from tests.unit.exchange.rooms import GRANT
from tests.unit.office.drafts import commitment
from tests.unit.supervision.seeing import CERTIFICATE, closed, matter, seen, unanswered
from tests.unit.supervision.test_monitor import ITEM

ALLOWED = msgspec.structs.replace(
    GRANT,
    agency="yq-gjj",
    certificate=CERTIFICATE,
    items=(ITEM.code,),
    valid_from=date(2026, 1, 1),
    valid_until=date(2026, 12, 31),
)
ANSWERED_MS = parse_ms("2026-11-20T08:00:00Z")


def ranking(
    *,
    grants: Sequence[Grant] = (ALLOWED,),
    answered_ms: int = ANSWERED_MS,
) -> RepeatedRanking:
    return RepeatedRanking(
        {ITEM.code: ITEM},
        grants,
        answered_ms=answered_times([(CERTIFICATE, answered_ms)]),
        within_days=7,
        zone=timezone(timedelta(hours=8)),
    )


def file(
    case: CaseRecord, accesses: Sequence[SeenAccess] = (), commitments: Sequence[Committed] = ()
) -> CaseFile:
    return CaseFile(case, ITEM, accesses, commitments)


def complaint(**changes: Any) -> Any:
    about = {
        "case": "YQ20261122-0009",
        "item": ITEM.code,
        "material": "身份证",
        "demanded_at": "2026-11-24T08:00:00Z",
    }
    return matter(**(about | changes)).draft


def test_clause_8_1_3_a_case_that_was_closed_without_a_lookup_of_a_shareable_material_counts() -> (
    None
):
    counted = ranking()
    counted.take_case(file(closed()))
    counted.take_case(file(closed(number="YQ20261122-0002")))
    counted.take_complaint(complaint())
    assert counted.ranking() == (
        Repeated(
            item=ITEM.code,
            agency="yq-gjj",
            material="身份证",
            certificate=CERTIFICATE,
            case_count=2,
            complaint_count=1,
            cases=("YQ20261122-0001", "YQ20261122-0002", "YQ20261122-0009"),
        ),
    )


def test_what_was_looked_up_promised_or_withdrawn_was_not_asked_for_again() -> None:
    counted = ranking()
    counted.take_case(file(closed(), [seen()]))
    counted.take_case(file(closed(), [unanswered()]))
    promised = Committed(draft=commitment(material="身份证"), kept_at="")
    counted.take_case(file(closed(), (), [promised]))
    counted.take_case(file(closed(result="withdrawn")))
    assert counted.ranking() == ()


def test_what_could_not_be_shared_is_nobodys_fault() -> None:
    after_it = parse_ms("2026-11-24T08:00:01Z")
    long_before = parse_ms("2026-11-17T07:59:59Z")
    for counted in (
        ranking(grants=()),
        ranking(answered_ms=after_it),
        ranking(answered_ms=long_before),
    ):
        counted.take_case(file(closed()))
        counted.take_complaint(complaint())
        assert counted.ranking() == ()


def test_a_complaint_about_what_no_certificate_replaces_does_not_count() -> None:
    counted = ranking()
    counted.take_complaint(complaint(material="照片"))
    counted.take_complaint(complaint(material="户口簿原件"))
    assert counted.ranking() == ()


def test_the_most_frequent_comes_first() -> None:
    other = msgspec.structs.replace(ALLOWED, id="other", agency="yq-a")
    counted = ranking(grants=(ALLOWED, other))
    counted.take_case(file(closed(agency="yq-a")))
    for number in ("YQ-0001", "YQ-0002"):
        counted.take_case(file(closed(number=number)))
    assert [(line.agency, line.case_count) for line in counted.ranking()] == [
        ("yq-gjj", 2),
        ("yq-a", 1),
    ]


def test_answers_are_sorted_by_certificate() -> None:
    assert answered_times([("b", 3), ("a", 2), ("b", 1), (None, 9)]) == {"b": [1, 3], "a": [2]}
