# SPDX-License-Identifier: Apache-2.0
"""Standing orders: a lookup that an agency has signed once, to be made for it later (ADR 0026)."""

from datetime import date
from typing import Literal

import msgspec

from gateway.model.case import Role
from gateway.model.discreet import Discreet

#: A material that was deferred, or a lookup that nobody waits for.
OrderKind = Literal["deferral", "ticket"]
#: `done`: what was wanted is there. `answered`: the department has spoken, and it is not; nobody
#: asks again. `later`: it has not spoken. `over`: it may not be asked any more.
Ending = Literal["done", "answered", "later", "over"]


class KeptRequest(Discreet, msgspec.Struct, frozen=True):
    """A signed request, as far as its signature covers it (`gateway.httpsig.kept`).

    Attributes:
        fields: lines of the signature's fields and of those that it covers, by lower-case name.
        body: as it came.
    """

    method: str
    authority: str
    path: str
    query: str
    fields: dict[str, tuple[str, ...]]
    body: bytes


class Mandated(Discreet, msgspec.Struct, frozen=True):
    """What an order is done on; kept sealed.

    Attributes:
        request: the agency's own, signed.
        address: from which it came; grants may be bound to networks.
        x509_sha256: of the X.509 certificate that its connection presented.
    """

    request: KeptRequest
    address: str
    x509_sha256: str | None = None


class OrderDraft(Discreet, msgspec.Struct, frozen=True):
    """An order that is to be kept.

    Attributes:
        adapter: that would be asked; once it is up again the order is due at once.
        first_try_s: UNIX seconds.
    """

    adapter: str
    mandated: Mandated
    first_try_s: float


class Order(Discreet, msgspec.Struct, frozen=True):
    """An order whose turn it is, under a lease.

    Attributes:
        id: also of the deferral or ticket.
        subject: the material of a deferral, the certificate of a ticket.
        act: id of the record of the request.
        tries: this one included; no two tries of an order have the same number.
        mandated: None where what is kept is not what was kept.
    """

    id: str
    kind: OrderKind
    agency: str
    case: str
    subject: str
    act: str
    tries: int
    mandated: Mandated | None


class Tried(Discreet, msgspec.Struct, frozen=True):
    """What became of one try.

    Attributes:
        said: an outcome, or the code of why there is none.
        indexes: entries of the log that record it.
        answer: of a ticket: the body that a lookup would have been answered with.
    """

    ending: Ending
    said: str
    indexes: tuple[int, ...] = ()
    answer: bytes = b""


class DeferralDraft(Discreet, msgspec.Struct, frozen=True, kw_only=True):
    """A deferral that has passed every check.

    Attributes:
        act: id of the request, and of the record of it.
        content: what the agency said, to tell whether it says the same again.
        remind_on: day of the reminder; None for none.
        order: None where no department can be asked.
    """

    agency: str
    case: str
    item: str
    material: str
    act: str
    promise: str
    promised_by: Role
    accepted_on: date
    due_on: date
    content: bytes
    remind_on: date | None = None
    order: OrderDraft | None = None


class TicketDraft(Discreet, msgspec.Struct, frozen=True):
    """A lookup that passed every check of its form, and that nobody waits for.

    Attributes:
        act: id of the request, and of the record of it.
        mandated: what it is done on.
    """

    agency: str
    case: str
    certificate: str
    act: str
    mandated: Mandated


class Backlog(msgspec.Struct, frozen=True):
    """What waits.

    Attributes:
        oldest_s: seconds since the oldest that is open or overdue was opened; 0 for none.
    """

    open_count: int
    overdue_count: int
    oldest_s: float
