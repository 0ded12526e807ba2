# SPDX-License-Identifier: Apache-2.0
"""From a case to the questions that it takes: item × situation × holders (clause 4.2).

1. A case is registered first: its holders are known here, so no number is in the request, and
   nobody is asked about who does not belong to it.
2. An item with situations needs one: without it, what only a situation needs would be left out,
   and nobody told.
3. A material is asked for once for each holder of its role: of two children, two.
4. What no department can be asked about is a line of the plan as well, and says why.
"""

from collections.abc import Iterator
from datetime import date, datetime, timezone
from typing import Final, Literal, final

import msgspec

from gateway.errors import RequestError
from gateway.model.case import CaseRecord, Party
from gateway.model.certificate import Value
from gateway.model.item import ServiceItem
from gateway.model.lookup import Attribution, HolderReference, LookupRequest
from gateway.model.material import Material
from gateway.model.plan import MAX_MATERIALS, MaterialsRequest
from gateway.model.screening import screen_request
from gateway.office_port import CaseBook
from gateway.ports import Catalog

#: Why no department is asked.
Unasked = Literal["NO_CERTIFICATE", "HOLDER_NOT_IN_CASE", "CLAIMS_MISSING"]


class Line(msgspec.Struct, frozen=True):
    """One material of one holder.

    Attributes:
        party: whose; None where the case has nobody of that role.
        request: what a department is asked; else `unasked` says why not.
    """

    material: Material
    party: Party | None
    request: LookupRequest | None
    unasked: Unasked | None = None


class Plan(msgspec.Struct, frozen=True):
    """All that is asked for a case.

    Attributes:
        accepted_on: day on which the case was opened, in the site's time zone.
        applicant: the first of the case, for its record.
    """

    attribution: Attribution
    item: ServiceItem
    situation: str | None
    accepted_on: date
    applicant: Party
    lines: tuple[Line, ...]


@final
class Planner:
    """Makes plans.

    Args:
        book: knows the cases.
        zone: of the site's days.
    """

    def __init__(self, catalog: Catalog, book: CaseBook, zone: timezone) -> None:
        self._catalog: Final = catalog
        self._book: Final = book
        self._zone: Final = zone

    def make(self, agency: str, asked: MaterialsRequest, today: date) -> Plan:
        """Plan what is asked for the request's case.

        Raises:
            RequestError: CASE_UNKNOWN, CASE_CLOSED, CASE_ITEM_MISMATCH, ITEM_UNKNOWN,
                SITUATION_UNKNOWN, ATTRIBUTION_PERSONAL, MATERIALS_TOO_MANY.
            StoreError: nothing is known about the case.
        """
        attribution = asked.attribution
        record = self._book.show(agency, attribution.case)
        if record is None:
            raise RequestError("CASE_UNKNOWN", "materials are asked for a registered case")
        if record.state == "closed":
            raise RequestError("CASE_CLOSED")
        if record.item != attribution.item:
            raise RequestError("CASE_ITEM_MISMATCH", f"the case is of item {record.item}")
        item = self._catalog.find(attribution.item)
        if item is None or not item.is_in_force(today):
            raise RequestError("ITEM_UNKNOWN", "`attribution.item` is not published, or not now")
        parties = self._book.parties(agency, attribution.case)
        for party in parties:  # nothing of any of them is recorded in clear
            screen_request(_question(asked, party, None))
        situation = _situation(item, asked.situation or record.situation)
        lines = tuple(_lines(item.materials_in(situation), parties, asked))
        if len(lines) > MAX_MATERIALS:
            raise RequestError("MATERIALS_TOO_MANY", f"{len(lines)} of {MAX_MATERIALS} at most")
        return Plan(
            attribution=attribution,
            item=item,
            situation=situation,
            accepted_on=self._opened_on(record) or today,
            applicant=next(party for party in parties if party.role == "applicant"),
            lines=lines,
        )

    def _opened_on(self, record: CaseRecord) -> date | None:
        if record.opened_at is None:
            return None
        return datetime.fromisoformat(record.opened_at).astimezone(self._zone).date()


def lines_of(plan: Plan, material: str) -> tuple[Line, ...]:
    """All of a plan that one material is."""
    return tuple(line for line in plan.lines if line.material.name == material)


def _situation(item: ServiceItem, named: str | None) -> str | None:
    codes = [situation.code for situation in item.situations]
    if not codes:
        return None
    if named not in codes:
        raise RequestError("SITUATION_UNKNOWN", f"item {item.code} has {', '.join(codes)}")
    return named


def _lines(
    materials: tuple[Material, ...], parties: tuple[Party, ...], asked: MaterialsRequest
) -> Iterator[Line]:
    for material in materials:
        if not material.certificate:
            yield Line(material, None, None, "NO_CERTIFICATE")
            continue
        owners = [party for party in parties if party.role == material.holder]
        if not owners:
            yield Line(material, None, None, "HOLDER_NOT_IN_CASE")
        for owner in owners[:1] if material.holder == "applicant" else owners:
            request = _question(asked, owner, material)
            if material.operation == "verify" and not request.claims:
                yield Line(material, owner, None, "CLAIMS_MISSING")
            else:
                yield Line(material, owner, request)


def _question(asked: MaterialsRequest, party: Party, material: Material | None) -> LookupRequest:
    """What a department is asked; without a material, all that is recorded of any question."""
    holder = party.holder
    reference = HolderReference(holder.scheme, holder.number, holder.name)
    if material is None:
        names: dict[str, Value] = {
            name: None for claims in asked.claims.values() for name in claims
        }
        return LookupRequest(reference, "-", asked.attribution, claims=names)
    return LookupRequest(
        reference,
        material.certificate,
        asked.attribution,
        operation=material.operation,
        fields=material.fields if material.operation == "query" else (),
        claims=asked.claims.get(material.name, {}),
        max_age_s=asked.max_age_s,
    )
