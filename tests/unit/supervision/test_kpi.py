# SPDX-License-Identifier: Apache-2.0
"""The figures of a month, and the report that freezes them."""

import io
from collections.abc import Sequence
from datetime import date, timedelta, timezone

import msgspec
import openpyxl
import pytest
from jwcrypto.jwk import JWK
from jwcrypto.jws import JWS

from gateway.crypto.digest import sha256
from gateway.crypto.keys import generate_private_key, load_signer, public_pem
from gateway.model.matter import Matter
from gateway.model.seen import SeenAccess
from gateway.supervision.kpi import METHOD, Figures, measure, nearest_rank
from gateway.supervision.kpi_report import KpiReport, format_report
from gateway.supervision.repeated import Repeated
from tests.unit.supervision.seeing import CERTIFICATE, matter, seen, unanswered
from tests.unit.supervision.test_replay import ITEM

OTHER = "civil_affairs.marriage"
AGAIN = Repeated(
    item="yq-gjj-001",
    agency="yq-gjj",
    material="身份证",
    certificate=CERTIFICATE,
    case_count=2,
    complaint_count=1,
    cases=("YQ20261122-0001", "YQ20261122-0002"),
)
FIRST, LAST = date(2026, 12, 1), date(2026, 12, 31)


BEIJING = timezone(timedelta(hours=8))


def measured(
    accesses: Sequence[SeenAccess], *matters: Matter, today: date = date(2027, 1, 5)
) -> dict[str, Figures]:
    found = measure(
        accesses,
        certificates={CERTIFICATE: "public_security", OTHER: "civil_affairs"},
        items=[ITEM],
        matters=matters,
        first=FIRST,
        last=LAST,
        zone=BEIJING,
        today=today,
    )
    return {each.department: each for each in found}


def test_clause_8_3_2_a_department_is_measured_by_what_it_was_asked() -> None:
    figures = measured(
        [
            *(seen(adapter_ms=ms) for ms in (10, 20, 30)),
            unanswered(),
            seen(served_from="stale"),
            seen(served_from="cache", adapter_ms=None),
            seen(result="deny", served_from=None, code="NOT_GRANTED"),
        ]
    )["public_security"]
    assert (figures.asked_count, figures.answered_count) == (5, 3)
    assert (figures.availability, figures.error_share) == (0.6, 0.4)
    assert (figures.p50_ms, figures.p95_ms) == (20, 30)
    assert (figures.stale_count, figures.cached_count) == (1, 1)
    assert figures.codes == {"PROVIDER_UNAVAILABLE": 1, "STALE": 1}


def test_a_department_that_was_spared_in_an_emergency_has_not_failed() -> None:
    spared = seen(served_from="stale", adapter=None, adapter_ms=None)
    refused = unanswered(code="DEPARTMENT_SUBSTITUTED", adapter=None, adapter_ms=None)
    figures = measured([seen(), spared, refused])["public_security"]
    assert (figures.asked_count, figures.availability, figures.stale_count) == (1, 1.0, 1)
    assert figures.codes == {}


def test_who_was_not_asked_has_no_share() -> None:
    figures = measured([])["civil_affairs"]
    assert (figures.asked_count, figures.availability, figures.p50_ms) == (0, None, None)


def test_clause_8_3_3_items_that_could_use_data_and_do_not_are_named() -> None:
    assert measured([])["public_security"].items_not_using == ("yq-gjj-001: 身份证明",)
    assert measured([seen()])["public_security"].items_not_using == ()
    elsewhere = seen(item="yq-gjj-002")
    assert measured([elsewhere])["public_security"].items_not_using == ("yq-gjj-001: 身份证明",)


@pytest.mark.parametrize(
    ("due", "answered_at", "is_late"),
    [
        (date(2026, 12, 3), None, True),
        (date(2026, 12, 3), "2026-12-03T01:00:00Z", False),
        (date(2026, 12, 3), "2026-12-03T15:59:59Z", False),
        (date(2026, 12, 3), "2026-12-03T17:30:00Z", True),  # 01:30 on the fourth, in Beijing
        (date(2026, 12, 3), "2026-12-04T01:00:00Z", True),
        (date(2027, 1, 4), None, False),
    ],
)
def test_clause_8_3_2_replies_that_came_late_or_not_at_all_are_counted(
    due: date, answered_at: str | None, is_late: bool
) -> None:
    about = matter(department="civil_affairs", due_on=due)
    late = msgspec.structs.replace(about, answered_at=answered_at)
    found = measured([], late)
    assert found["civil_affairs"].overdue == ((late.id,) if is_late else ())
    assert found["public_security"].overdue == ()


@pytest.mark.parametrize(
    ("today", "is_late"),
    [(date(2026, 12, 5), False), (date(2026, 12, 30), False), (date(2026, 12, 31), True)],
)
def test_clause_8_3_2_what_is_not_due_yet_is_not_late_in_a_preliminary_report(
    today: date, is_late: bool
) -> None:
    waiting = matter(department="civil_affairs", due_on=date(2026, 12, 30))
    found = measured([], waiting, today=today)["civil_affairs"].overdue
    assert (found == (waiting.id,)) is is_late is waiting.is_overdue(today)


def test_nearest_rank_is_a_value_that_was_seen() -> None:
    assert nearest_rank([], 50) is None
    assert [nearest_rank(range(1, 101), percent) for percent in (1, 50, 95, 100)] == [
        1, 50, 95, 100,
    ]  # fmt: skip


def made() -> tuple[bytes, bytes, bytes, str]:
    private = generate_private_key("ecdsa-p256-sha256")
    report = KpiReport(
        site="=site", origin="log.example/1", month="2026-12", is_final=True,
        made_at="2027-01-04T01:00:00Z", indexed=9, not_indexed=0,
        figures=tuple(measured([seen()]).values()), repeated=(AGAIN,),
    )  # fmt: skip
    return (*format_report(report, load_signer(private, "gateway-1")), public_pem(private))


def test_clause_8_3_2_the_report_is_signed_so_that_any_jose_library_verifies_it() -> None:
    workbook, payload, signed, public = made()
    envelope = JWS()
    envelope.deserialize(signed.decode(), JWK.from_pem(public.encode()), alg="ES256")
    assert envelope.payload == payload
    said = msgspec.json.decode(payload)
    assert said["xlsx_sha256"] == sha256(workbook).hex()
    assert said["method"] == METHOD


def test_the_workbook_holds_the_figures_the_method_and_no_formula() -> None:
    book = openpyxl.load_workbook(io.BytesIO(made()[0]))
    rows = list(book["2026-12"].iter_rows(values_only=True))
    assert [row[0] for row in rows[1:]] == ["civil_affairs", "public_security"]
    assert rows[2][1:7] == (1, 1, 1, 0, 12, 12)
    cells = {row[0]: row[1] for row in book["方法 method"].iter_rows(values_only=True)}
    assert cells["site"] == "'=site"
    assert set(METHOD) <= set(cells)
    [_, again] = book["重复提交 repeated"].iter_rows(values_only=True)
    assert again == ("yq-gjj-001", "yq-gjj", "身份证", CERTIFICATE, 2, 1)
