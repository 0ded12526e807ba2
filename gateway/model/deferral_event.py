# SPDX-License-Identifier: Apache-2.0
"""Events about deferrals 容缺受理; the rules of `gateway.model.office_event` hold here."""

from typing import Literal

import msgspec

from gateway.model.event_words import MaterialName, Word


class DeferralOpened(msgspec.Struct, frozen=True, tag_field="kind", tag="deferral.opened"):
    """容缺受理: the case goes on without a material, which is due later.

    Attributes:
        case: the agency's number of it.
        item: code of its item.
        deferral: its id.
        material: as the item names it.
        due_on: the last day, `YYYY-MM-DD`.
    """

    case: Word
    item: Word
    deferral: Word
    material: MaterialName
    due_on: Word

    @property
    def subject(self) -> str:
        """The case."""
        return f"case:{self.case}"


class DeferralClosed(msgspec.Struct, frozen=True, tag_field="kind", tag="deferral.closed"):
    """A deferral has ended.

    Attributes:
        case: the agency's number of it.
        item: code of its item.
        deferral: its id.
        material: as the item names it.
        reason: the department answered, the applicant brought it, the day passed, the case ended.
    """

    case: Word
    item: Word
    deferral: Word
    material: MaterialName
    reason: Literal["obtained", "supplied", "overdue", "withdrawn"]

    @property
    def subject(self) -> str:
        """The case."""
        return f"case:{self.case}"


class DeferralDue(msgspec.Struct, frozen=True, tag_field="kind", tag="deferral.due"):
    """A deferral is still open, and its day is near.

    Attributes:
        case: the agency's number of it.
        item: code of its item.
        deferral: its id.
        material: as the item names it.
        due_on: the last day, `YYYY-MM-DD`.
    """

    case: Word
    item: Word
    deferral: Word
    material: MaterialName
    due_on: Word

    @property
    def subject(self) -> str:
        """The case."""
        return f"case:{self.case}"


class DeferralLeft(msgspec.Struct, frozen=True, tag_field="kind", tag="deferral.left"):
    """The gateway asks no more for a deferral that is open: the applicant has to bring it.

    Attributes:
        case: the agency's number of it.
        item: code of its item.
        deferral: its id.
        material: as the item names it.
        said: what the department answered (`not_found`, `mismatch`), or the code of why it may not
            be asked any more.
    """

    case: Word
    item: Word
    deferral: Word
    material: MaterialName
    said: Word

    @property
    def subject(self) -> str:
        """The case."""
        return f"case:{self.case}"
