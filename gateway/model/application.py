# SPDX-License-Identifier: Apache-2.0
"""Applications 共享申请: what an agency asks a department to grant, and what became of it.

::

    draft ─▶ submitted ─▶ approved ─▶ (the grant's next version)
                │  ▲ └──▶ refused, with reasons
       once ▼   │  │
           supplement

The members are those that the regulation wants stated: basis, scenario, scope, mode (`operations`)
and term (`valid_from`, `valid_until`).
"""

from datetime import date
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from gateway.model.agency import Name, Time
from gateway.model.grant import Grant
from gateway.model.lookup import Operation
from gateway.model.share import ShareType
from gateway.model.site import Division

ApplicationState = Literal["draft", "submitted", "supplement", "approved", "refused"]
Step = Literal[
    "drafted",
    "submitted",
    "supplement_asked",
    "supplemented",
    "extended",
    "approved",
    "provided",
    "refused",
]
Words = Annotated[str, Meta(min_length=1, max_length=1000)]


class Change(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One line of the change log.

    Attributes:
        step: what was done.
        at: when.
        by: who did it, in words; no personal number.
        note: what is missing, what was supplied, who consented to a delay and why, the reasons.
    """

    step: Step
    at: Time
    by: Annotated[str, Meta(min_length=1, max_length=64)]
    note: Annotated[str, Meta(max_length=1000)] = ""


class Application(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One application; `applications/<id>.toml`.

    Attributes:
        id: stable; the file is named after it.
        grant: id of the grant that it is for; approved, it becomes that grant's next version.
        agency: who asks.
        certificate: what for.
        operations: the mode: `query`, `verify` or both.
        fields: that are to be disclosed or compared.
        items: codes of the items that need it.
        basis: the legal basis of the agency's duty, in words.
        scenario: where in handling an item it is used, in words.
        valid_from: first day of the term.
        valid_until: last day of the term.
        daily_cap: requests a day that are expected at most.
        networks: CIDR blocks that the agency asks from.
        divisions: places for which it asks.
        hours: spans of the day in which it asks.
        impact_assessment: reference of the assessment of the sensitive fields.
        state: where it stands.
        share: how the certificate was shared when it was submitted: decides the period.
        due_on: last day for the department's reply; none while papers are missing.
        provide_by: last day for the data, after consent.
        version: of the grant that was made from it.
        changes: the change log, oldest first.
    """

    id: Name
    grant: Name
    agency: Name
    certificate: Annotated[str, Meta(min_length=1, max_length=64)]
    operations: Annotated[tuple[Operation, ...], Meta(min_length=1)]
    fields: Annotated[tuple[str, ...], Meta(min_length=1)]
    items: Annotated[tuple[str, ...], Meta(min_length=1)]
    basis: Words
    scenario: Words
    valid_from: date
    valid_until: date
    daily_cap: Annotated[int, Meta(ge=1)] | None = None
    networks: tuple[str, ...] = ()
    divisions: tuple[Division, ...] = ()
    hours: tuple[str, ...] = ()
    impact_assessment: Annotated[str, Meta(min_length=1, max_length=200)] | None = None
    state: ApplicationState = "draft"
    share: ShareType | None = None
    due_on: date | None = None
    provide_by: date | None = None
    version: Annotated[int, Meta(ge=1)] | None = None
    changes: tuple[Change, ...] = ()

    def has_taken(self, step: Step) -> bool:
        """Whether the change log holds such a step."""
        return any(change.step == step for change in self.changes)

    def as_grant(self, version: int, *, by: str | None = None, at: Time | None = None) -> Grant:
        """The version of the grant that it asks for."""
        return Grant(
            id=self.grant,
            version=version,
            agency=self.agency,
            certificate=self.certificate,
            operations=self.operations,
            fields=self.fields,
            items=self.items,
            valid_from=self.valid_from,
            valid_until=self.valid_until,
            basis=self.basis,
            daily_cap=self.daily_cap,
            networks=self.networks,
            divisions=self.divisions,
            hours=self.hours,
            impact_assessment=self.impact_assessment,
            application=self.id,
            made_by=by,
            made_at=at,
        )
