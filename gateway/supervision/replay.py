# SPDX-License-Identifier: Apache-2.0
"""Replay 回放: was this material available then, from whom, what happened (clause 8.1.3).

Rules, the first that fits:

1. The item has no such material, or no certificate replaces it: nothing could be shared
   (`no_list_entry`).
2. The agency had no grant for it on that day, or was refused for want of one: `no_grant`.
3. Data was served in this case before the demand: it was there, and not used. Served from a stale
   copy, the copy is the cause (`stale`).
4. The department was asked in this case and did not answer: `provider_down`.
5. Nobody asked in this case. Others around the demand tell how the department did: it answered
   (`window_did_not_use_data`), it answered nobody (`provider_down`), or nobody asked (`other`).

The cause is a proposal: a person decides with the reply. What the log does not say is not guessed.
"""

from collections.abc import Iterable, Sequence
from datetime import date
from typing import Final

from gateway.model.grant import Grant, newest_versions
from gateway.model.item import ServiceItem
from gateway.model.material import Material
from gateway.model.matter import Cause, Department, Replay
from gateway.model.seen import SeenAccess

_GRANT_CODES: Final = frozenset(
    {"NOT_GRANTED", "GRANT_REVOKED", "GRANT_EXPIRED", "ITEM_NOT_GRANTED", "NOT_SHARED"}
)


def replay(
    material_name: str,
    item: ServiceItem | None,
    *,
    granted: bool,
    demanded_ms: int,
    of_case: Sequence[SeenAccess],
    around: Sequence[SeenAccess],
    indexed: int,
) -> Replay:
    """Say what the log knows about one demand.

    Args:
        granted: whether the agency had a grant for the certificate and the item on that day.
        demanded_ms: when the material was demanded.
        of_case: accesses of the case, any certificate.
        around: accesses of anybody around the demand.
        indexed: how many records the index had.
    """
    material = find_material(item, material_name)
    certificate = None if material is None else material.certificate or None
    mine = tuple(
        each for each in of_case if certificate is not None and each.certificate == certificate
    )
    department = _department([each for each in around if each.certificate == certificate])
    available, cause, finding = _judge(
        certificate, mine, department, granted=granted, demanded_ms=demanded_ms
    )
    return Replay(
        material=material_name,
        certificate=certificate,
        available=available,
        cause=cause,
        finding=finding,
        department=department,
        accesses=mine,
        indexed=indexed,
    )


def find_material(item: ServiceItem | None, name: str) -> Material | None:
    """The material of an item by its name."""
    materials = () if item is None else item.materials
    return next((each for each in materials if each.name == name), None)


def has_grant(
    grants: Iterable[Grant], agency: str, certificate: str | None, item: str | None, day: date
) -> bool:
    """Whether an agency's newest grants cover a certificate for an item on a day."""
    return any(
        grant.agency == agency
        and grant.certificate == certificate
        and item in grant.items
        and grant.revoked is None
        and grant.valid_from <= day <= grant.valid_until
        for grant in newest_versions(grants)
    )


def _judge(
    certificate: str | None,
    mine: Sequence[SeenAccess],
    department: Department,
    *,
    granted: bool,
    demanded_ms: int,
) -> tuple[bool | None, Cause, str]:
    if certificate is None:
        return False, "no_list_entry", "the list names no certificate for it 清单未列可替代的证照"
    before = [each for each in mine if each.time_ms <= demanded_ms]
    served = [each for each in before if each.is_answered]
    if served:
        if served[-1].served_from == "stale":
            return True, "stale", "only a stale copy could be served 仅有过期副本"
        return True, "window_did_not_use_data", "it was served before the demand 索要前数据已返回"
    if not granted or any(each.code in _GRANT_CODES for each in before):
        return False, "no_grant", "the agency had no grant for it 该单位未获授权"
    if any(each.is_failed for each in before):
        return False, "provider_down", "the department was asked and did not answer 部门未应答"
    return _judge_by_others(department)


def _judge_by_others(department: Department) -> tuple[bool | None, Cause, str]:
    """Where nobody asked in the case itself."""
    match department.state:
        case "up" | "unsteady":
            finding = "nobody asked in this case, and the department answered others 本办件未查询"
            return True, "window_did_not_use_data", finding
        case "down":
            return False, "provider_down", "nobody got an answer around then 部门当时不可用"
        case "unknown":
            return None, "other", "nobody asked the department around then 当时无人查询该部门"


def _department(around: Sequence[SeenAccess]) -> Department:
    asked = [each for each in around if each.is_failed or each.served_from == "source"]
    failed = sum(each.is_failed for each in asked)
    adapter = next((each.adapter for each in reversed(asked) if each.adapter), None)
    if not asked:
        return Department(adapter, 0, 0, "unknown")
    if not failed:
        return Department(adapter, len(asked), 0, "up")
    return Department(adapter, len(asked), failed, "down" if failed == len(asked) else "unsteady")
