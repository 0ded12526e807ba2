# SPDX-License-Identifier: Apache-2.0
"""From what an agency wrote about a case to a draft that has passed every check of its content.

1. A citizen number or a unified credit code is all that a holder is known by (clause 7.3).
2. There is an applicant. A spouse, a child and a legal representative are persons; nobody has the
   same role twice.
3. A mandate is somebody's: the roles that gave it are there, and so is who acts under it.
4. Nothing that is recorded in clear holds a number or a name of any holder.
"""

from datetime import UTC, date, datetime, timedelta
from typing import Final

from gateway.errors import RequestError
from gateway.model.case import CaseDraft, CaseRegistration, Party, Role
from gateway.model.ids import parse_holder
from gateway.model.instant import format_time_s
from gateway.model.screening import screen_registration

_EARLIEST: Final = datetime(1970, 1, 1, tzinfo=UTC)
_PERSONS: Final[frozenset[Role]] = frozenset({"spouse", "child", "legal_representative"})


def make_draft(
    registration: CaseRegistration,
    *,
    agency: str,
    number: str,
    act: str,
    today: date,
    latest: datetime,
) -> CaseDraft:
    """Check the content of a registration.

    Args:
        number: of the case.
        act: id of the request.
        today: the day in the site's time zone.
        latest: aware; as far as the agency's clock may be ahead.

    Raises:
        RequestError: BODY_MALFORMED, ATTRIBUTION_PERSONAL, HOLDER_INVALID.
    """
    screen_registration(registration, number)
    parties = tuple(
        Party(each.role, parse_holder(each.holder, today=today)) for each in registration.holders
    )
    _check_parties(parties)
    _check_mandate(registration, {party.role for party in parties})
    return CaseDraft(
        agency=agency,
        number=number,
        item=registration.item,
        parties=parties,
        operator=registration.operator.id,
        opened_at=check_instant(registration.opened_at, "opened_at", latest),
        act=act,
        situation=registration.situation,
        mandate=registration.mandate,
    )


def check_instant(at: datetime, member: str, latest: datetime) -> str:
    """Write an instant that has passed.

    Raises:
        RequestError: BODY_MALFORMED.
    """
    if at > latest:
        raise RequestError("BODY_MALFORMED", f"`{member}` lies in the future")
    if at < _EARLIEST:
        raise RequestError("BODY_MALFORMED", f"`{member}` lies before 1970")
    return format_time_s(at)


def clock_ahead(now: datetime, window_s: int) -> datetime:
    """The latest instant that a clock which is ahead may name."""
    return now + timedelta(seconds=window_s)


def _check_parties(parties: tuple[Party, ...]) -> None:
    if all(party.role != "applicant" for party in parties):
        raise RequestError("BODY_MALFORMED", "`holders` has no `applicant`")
    seen = set[tuple[Role, str]]()
    for place, party in enumerate(parties):
        key = (party.role, party.holder.number)
        if key in seen:
            raise RequestError("BODY_MALFORMED", f"`holders`, entry {place}: is there before")
        seen.add(key)
        if party.role in _PERSONS and party.holder.scheme != "cn-id":
            raise RequestError("BODY_MALFORMED", f"`holders`, entry {place}: is not a person")


def _check_mandate(registration: CaseRegistration, roles: set[Role]) -> None:
    mandate = registration.mandate
    if mandate is None:
        return
    if missing := [role for role in mandate.principals if role not in roles]:
        raise RequestError("BODY_MALFORMED", f"`mandate.principals`: no holder is {missing[0]}")
    if mandate.agent is None and "agent" not in roles:
        raise RequestError(
            "BODY_MALFORMED", "`mandate` has no agent: name an operator, or a holder as `agent`"
        )
