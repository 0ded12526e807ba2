# SPDX-License-Identifier: Apache-2.0
"""The steps of an application, each from one value to the next; no I/O, no clock.

Rules (政务数据共享条例, State Council Order 809, articles 20 to 22; figures stand in `[grants]`):

1. What is not shared 不予共享 cannot be applied for.
2. The department replies within a period that the share type decides. Missing papers are asked for
   once, all together 一次性告知; the period begins anew when they have come.
3. The reply may be put off once, before it is due, with the consent of the authority and a notice
   to the agency; both are written down.
4. A refusal has reasons. Papers that are missing are none before they have been asked for.
5. After consent the data are provided within a period; the grant's version is that.
6. A step that the state does not allow changes nothing: APPLICATION_STATE.
"""

from collections.abc import Iterable, Iterator
from datetime import date, datetime
from typing import Final, Literal

import msgspec

from gateway.errors import RequestError
from gateway.model.application import Application, ApplicationState, Change, Step
from gateway.model.certificate import CertificateType
from gateway.model.grants_section import GrantsSection
from gateway.model.screening import holds_citizen_number
from gateway.model.share import Share, ShareType
from gateway.model.working_day import WorkingDays

replace: Final = msgspec.structs.replace
_MIN_LETTERS: Final = 2


class Hand(msgspec.Struct, frozen=True):
    """Who takes a step, and when.

    Attributes:
        by: the person, in words.
        at: aware.
        today: the day in the site's time zone.
    """

    by: str
    at: datetime
    today: date


class Periods:
    """Deadlines of one jurisdiction.

    Args:
        section: how many working days.
        calendar: which days are worked.
    """

    def __init__(self, section: GrantsSection, calendar: WorkingDays) -> None:
        self._section: Final = section
        self._calendar: Final = calendar

    def reply_by(self, share: ShareType, start: date) -> date:
        """Last day for the reply to papers that were complete on `start`."""
        is_short = share == "unconditional"
        days = self._section.unconditional_days if is_short else self._section.conditional_days
        return self._calendar.add_working_days(start, days)

    def provide_by(self, consent: date) -> date:
        """Last day for the data."""
        return self._calendar.add_working_days(consent, self._section.provide_days)

    def put_off(self, due_on: date, days: int) -> date:
        """The later last day of a reply.

        Raises:
            RequestError: APPLICATION_MALFORMED; more days than the extension may have.
        """
        most = self._section.extension_days
        if not 1 <= days <= most:
            raise _malformed(f"a reply may be put off by 1 to {most} working days")
        return self._calendar.add_working_days(due_on, days)

    def late_days(self, due_on: date, today: date) -> int:
        """How many working days after its last day something is."""
        return self._calendar.count_between(due_on, today)


def share_of(certificate: str, shares: Iterable[Share]) -> ShareType:
    """The share type of a certificate, for an application.

    Raises:
        RequestError: NOT_SHARED; names the legal reason.
    """
    for share in shares:
        if share.certificate == certificate:
            if share.type == "none":
                raise RequestError("NOT_SHARED", f"{certificate}: {share.reason}")
            return share.type
    return "conditional"


def check_assessed(
    application: Application, certificate: CertificateType | None, section: GrantsSection
) -> None:
    """Check that sensitive fields come with the reference of an impact assessment.

    Raises:
        RequestError: ASSESSMENT_MISSING.
    """
    if certificate is None or application.impact_assessment or not section.needs_assessment:
        return
    sensitive = [
        field.name
        for field in certificate.fields
        if field.sensitivity == "sensitive" and field.name in application.fields
    ]
    if sensitive:
        raise RequestError("ASSESSMENT_MISSING", f"sensitive: {', '.join(sensitive)}")


def draft(application: Application, hand: Hand) -> Application:
    """Begin one."""
    for text in (application.basis, application.scenario):
        check_words(text)
    return _after(application, "drafted", hand, state="draft")


def submit(
    application: Application, hand: Hand, *, share: ShareType, periods: Periods
) -> Application:
    """Send a draft to the department; its period begins."""
    _check_state(application, "draft")
    due_on = periods.reply_by(share, hand.today)
    return _after(application, "submitted", hand, state="submitted", share=share, due_on=due_on)


def ask_supplement(application: Application, hand: Hand, *, missing: str) -> Application:
    """Ask for all papers that are missing; once."""
    _check_state(application, "submitted")
    if application.has_taken("supplement_asked"):
        raise _out_of_turn(application, "papers were asked for before, and are asked for once")
    check_words(missing)
    return _after(
        application, "supplement_asked", hand, note=missing, state="supplement", due_on=None
    )


def supplement(
    application: Application,
    hand: Hand,
    *,
    given: str,
    impact_assessment: str | None,
    periods: Periods,
) -> Application:
    """Supply what was missing; the period begins anew."""
    _check_state(application, "supplement")
    assert application.share is not None  # it was submitted
    check_words(given)
    return _after(
        application,
        "supplemented",
        hand,
        note=given,
        state="submitted",
        due_on=periods.reply_by(application.share, hand.today),
        impact_assessment=impact_assessment or application.impact_assessment,
    )


def extend(
    application: Application, hand: Hand, *, days: int, consent: str, notice: str, periods: Periods
) -> Application:
    """Put the reply off; once, before it is due."""
    _check_state(application, "submitted")
    assert application.due_on is not None  # it was submitted
    if application.has_taken("extended"):
        raise _out_of_turn(application, "the reply was put off before, and is put off once")
    if hand.today > application.due_on:
        raise _out_of_turn(application, f"the reply was due on {application.due_on}")
    for text in (consent, notice):
        check_words(text)
    return _after(
        application,
        "extended",
        hand,
        note=f"consent 同意: {consent}; notice 告知: {notice}",
        due_on=periods.put_off(application.due_on, days),
    )


def approve(application: Application, hand: Hand, *, note: str, periods: Periods) -> Application:
    """Consent; the data are to follow."""
    _check_state(application, "submitted")
    if application.valid_until < hand.today:
        raise _malformed(f"its term ended on {application.valid_until}")
    return _after(
        application,
        "approved",
        hand,
        note=note,
        state="approved",
        due_on=None,
        provide_by=periods.provide_by(hand.today),
    )


def provide(application: Application, hand: Hand, *, version: int) -> Application:
    """Note the grant's version that was made from it."""
    _check_state(application, "approved")
    if application.version is not None:
        raise _out_of_turn(application, f"it is {application.grant}@{application.version}")
    return _after(application, "provided", hand, version=version)


def refuse(application: Application, hand: Hand, *, reasons: str, incomplete: bool) -> Application:
    """Say no, with reasons.

    Args:
        incomplete: whether papers that are missing are the reason.
    """
    _check_state(application, "submitted", "supplement")
    if incomplete and not application.has_taken("supplement_asked"):
        raise _out_of_turn(
            application, "missing papers are asked for once before they are a reason"
        )
    check_words(reasons)
    return _after(application, "refused", hand, note=reasons, state="refused", due_on=None)


class Overdue(msgspec.Struct, frozen=True):
    """Something that a department has not done in time.

    Attributes:
        what: `reply` or `data`.
        late_days: working days since `due_on`.
    """

    application: str
    agency: str
    certificate: str
    what: Literal["reply", "data"]
    due_on: date
    late_days: int


def list_overdue(
    applications: Iterable[Application], today: date, periods: Periods
) -> Iterator[Overdue]:
    """What is overdue at the end of the day before `today`."""
    for each in applications:
        what: Literal["reply", "data"] = "reply"
        due_on = each.due_on if each.state == "submitted" else None
        if each.state == "approved" and each.version is None:
            what, due_on = "data", each.provide_by
        if due_on is not None and due_on < today:
            late_days = periods.late_days(due_on, today)
            yield Overdue(each.id, each.agency, each.certificate, what, due_on, late_days)


def _after(
    application: Application, step: Step, hand: Hand, *, note: str = "", **members: object
) -> Application:
    check_words(hand.by)
    if note:
        check_words(note)
    change = Change(step, hand.at, hand.by, note)
    return replace(application, changes=(*application.changes, change), **members)


def check_words(text: str) -> None:
    """Words that say something, and nothing about a citizen.

    Raises:
        RequestError: APPLICATION_MALFORMED.
    """
    if sum(map(str.isalnum, text)) < _MIN_LETTERS:
        raise _malformed("a text says nothing")
    if holds_citizen_number(text):
        raise _malformed("a text holds something of the form of an ID number")


def _check_state(application: Application, *allowed: ApplicationState) -> None:
    if application.state not in allowed:
        raise _out_of_turn(application, f"it is {application.state}")


def _out_of_turn(application: Application, why: str) -> RequestError:
    return RequestError("APPLICATION_STATE", f"application {application.id}: {why}")


def _malformed(why: str) -> RequestError:
    return RequestError("APPLICATION_MALFORMED", why)
