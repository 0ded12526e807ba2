# SPDX-License-Identifier: Apache-2.0
"""Was the material available then, from whom, what happened."""

from collections.abc import Sequence

import pytest

from gateway.model.item import ServiceItem
from gateway.model.material import Material
from gateway.model.matter import Replay
from gateway.model.seen import SeenAccess
from gateway.supervision.replay import replay
from tests.unit.supervision.seeing import CERTIFICATE, MINUTE_MS, NOON_MS, seen, unanswered

ITEM = ServiceItem(
    code="yq-gjj-001",
    name="住房公积金提取",
    certificate_name="居民身份证",
    item_type="公共服务",
    department="公积金中心",
    time_limit="3个工作日",
    materials=(Material(name="身份证明", certificate=CERTIFICATE), Material(name="申请表")),
)


def replayed(
    of_case: Sequence[SeenAccess] = (),
    around: Sequence[SeenAccess] = (),
    *,
    material: str = "身份证明",
    granted: bool = True,
) -> Replay:
    return replay(
        material,
        ITEM,
        granted=granted,
        demanded_ms=NOON_MS,
        of_case=of_case,
        around=around,
        indexed=99,
    )


@pytest.mark.parametrize(
    ("of_case", "around", "available", "cause"),
    [
        ([seen()], [seen()], True, "window_did_not_use_data"),
        ([seen(served_from="stale")], [unanswered()], True, "stale"),
        ([unanswered()], [unanswered()], False, "provider_down"),
        ([unanswered(), seen(served_from="cache")], [], True, "window_did_not_use_data"),
        ([], [seen(case="other")], True, "window_did_not_use_data"),
        ([], [seen(), unanswered()], True, "window_did_not_use_data"),
        ([], [unanswered(case="other")], False, "provider_down"),
        ([], [], None, "other"),
        ([seen(result="deny", served_from=None, code="ITEM_NOT_GRANTED")], [], False, "no_grant"),
        ([seen(time_ms=NOON_MS + MINUTE_MS)], [], None, "other"),
        ([seen(certificate="civil_affairs.marriage")], [], None, "other"),
    ],
)
def test_clause_8_1_3_the_replay_says_whether_it_was_there_and_why_it_was_demanded(
    of_case: list[SeenAccess], around: list[SeenAccess], available: bool | None, cause: str
) -> None:
    found = replayed(of_case, around)
    assert (found.available, found.cause) == (available, cause)


def test_clause_8_1_3_a_material_that_no_certificate_replaces_could_not_be_shared() -> None:
    for material in ("申请表", "不在清单"):
        found = replayed([seen()], [seen()], material=material)
        assert (found.available, found.cause, found.accesses) == (False, "no_list_entry", ())


def test_clause_8_1_3_without_a_grant_the_department_is_not_blamed() -> None:
    found = replayed([], [unanswered()], granted=False)
    assert (found.available, found.cause) == (False, "no_grant")


def test_clause_8_1_3_the_replay_says_from_whom_and_how_the_department_did() -> None:
    found = replayed([seen()], [seen(), unanswered(), seen(served_from="cache")])
    assert found.department.adapter == "public_security"
    assert (found.department.asked_count, found.department.failed_count) == (2, 1)
    assert found.department.state == "unsteady"
    assert (found.certificate, found.indexed) == (CERTIFICATE, 99)
