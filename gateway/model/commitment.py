# SPDX-License-Identifier: Apache-2.0
"""Commitments 告知承诺 as values (wire format v1, docs/reference/commitments.md; clause 7.4).

The applicant's word takes a material's place: which text it was, how it was given, by whom of the
case, on which day. What the word is worth is checked later 日后核查; a word that was false keeps
its holder from giving another for a while.
"""

from datetime import date
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from gateway.errors import RequestError
from gateway.model.case import Role
from gateway.model.material import Filled
from gateway.model.screening import holds_identifier

#: `oral`: said before a recording.
Form = Literal["signed", "oral"]
#: `false` is a false promise; `not_checkable` is that nobody could tell.
CheckResult = Literal["true", "false", "not_checkable"]


class CommitmentRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of `PUT /v1/cases/{case}/commitments/{material}`; nothing is checked yet.

    Attributes:
        text_version: version of the item whose text was shown.
        text_digest: SHA-256 of that text in UTF-8, hexadecimal: what was shown is what is
            published.
        by: as what in the case whoever gave it belongs to it.
        committed_on: day on which it was given, in the site's time zone.
    """

    text_version: Annotated[int, Meta(ge=1)]
    text_digest: Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$")]
    form: Form
    by: Role
    committed_on: date


class CommitmentDraft(msgspec.Struct, frozen=True, kw_only=True):
    """A commitment that has passed every check of its content.

    Attributes:
        number: of the case.
        act: id of the request, and of the record of it.
        check_within_working_days: as the catalogue said when it was given.
    """

    agency: str
    number: str
    material: str
    item: str
    text_version: int
    text_digest: str
    form: Form
    by: Role
    committed_on: date
    check_within_working_days: int
    act: str


class CommitmentStep(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What was found, or that a false promise counts no more.

    Attributes:
        by: who says so.
        result: with `check`.
        words: the ground of a false promise, or the reason of lifting it.
        at: RFC 3339 UTC; empty as long as it is not kept.
    """

    step: Literal["check", "lift"]
    by: Filled
    result: CheckResult | None = None
    words: Annotated[str, Meta(max_length=500)] = ""
    at: str = ""


class Committed(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A commitment as it stands: the check task 日后核查 and what came of it.

    Attributes:
        kept_at: when it came; RFC 3339 UTC.
        check_due_on: by when it is checked; counted anew whenever it is shown, as the calendar is
            then. None where the calendar has no table of it.
        result: of the check; None as long as there was none.
        lifted: it was a false promise, and counts no more.
    """

    draft: CommitmentDraft
    kept_at: str
    check_due_on: date | None = None
    result: CheckResult | None = None
    lifted: bool = False
    steps: tuple[CommitmentStep, ...] = ()

    def is_overdue(self, today: date) -> bool:
        """Whether it should have been checked by now."""
        due = self.check_due_on
        return self.result is None and due is not None and today > due


class ShownCommitment(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What its agency is told of a commitment.

    Attributes:
        result: of the check; None as long as there was none.
    """

    case: str
    item: str
    material: str
    text_version: int
    text_digest: str
    form: Form
    by: Role
    committed_on: date
    kept_at: str
    check_due_on: date | None = None
    result: CheckResult | None = None
    lifted: bool = False

    @property
    def stands(self) -> bool:
        """Whether it takes the material's place: it does until it is found false."""
        return self.result != "false" or self.lifted


class CommitmentAnswer(msgspec.Struct, frozen=True):
    """A 200 answer about a commitment: it is on record, and this is how it stands."""

    request_id: str
    commitment: ShownCommitment


def shown(known: Committed) -> ShownCommitment:
    """What its agency is told; who checked stays with the office."""
    draft = known.draft
    return ShownCommitment(
        case=draft.number,
        item=draft.item,
        material=draft.material,
        text_version=draft.text_version,
        text_digest=draft.text_digest,
        form=draft.form,
        by=draft.by,
        committed_on=draft.committed_on,
        kept_at=known.kept_at,
        check_due_on=known.check_due_on,
        result=known.result,
        lifted=known.lifted,
    )


def advance(known: Committed, step: CommitmentStep) -> Committed:
    """The commitment after a step.

    Raises:
        RequestError: COMMITMENT_STEP_REFUSED; says why. MATTER_PERSONAL.
    """
    for member in ("by", "words"):
        if holds_identifier(getattr(step, member)):
            raise RequestError("MATTER_PERSONAL", f"`{member}` holds an identity number")
    if step.step == "lift":
        if known.result != "false" or known.lifted:
            raise _refused("only a false promise that counts is lifted")
        if not step.words.strip():
            raise _refused("lifting a false promise needs a reason")
        return _after(known, step, lifted=True)
    if known.result in {"true", "false"}:
        raise _refused(f"it was checked: {known.result}")
    if step.result is None:
        raise _refused("a check has a result")
    if step.result == "false" and not step.words.strip():
        raise _refused("a false promise needs its ground")
    return _after(known, step, result=step.result)


def _after(
    known: Committed,
    step: CommitmentStep,
    *,
    result: CheckResult | None = None,
    lifted: bool = False,
) -> Committed:
    return msgspec.structs.replace(
        known, result=result or known.result, lifted=lifted, steps=(*known.steps, step)
    )


def _refused(why: str) -> RequestError:
    return RequestError("COMMITMENT_STEP_REFUSED", why)
