# SPDX-License-Identifier: Apache-2.0
"""A window for deferrals: the same counter, with requests that are really signed and kept."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec

from gateway.admission.admission import Admission
from gateway.admission.rate import AgencyLimits
from gateway.audit.cases import CaseActs
from gateway.calendars import load_working_days
from gateway.catalog.catalog import ItemCatalog
from gateway.crypto.digest import b64url_encode, sha256
from gateway.crypto.keys import generate_private_key, load_signer, public_pem
from gateway.crypto.office import OfficeCipher
from gateway.exchange.case_requests import CaseRequests
from gateway.exchange.deferrals import Deferrals, Owed
from gateway.exchange.plan import Planner
from gateway.exchange.reply import Reply
from gateway.exchange.standing import StandingOrders
from gateway.exchange.tickets import DoOrder, Tickets
from gateway.httpsig import SignedRequest, content_digest, request_signature_headers
from gateway.model.agency import Agency, AgencyKey
from gateway.model.limits import LimitsSection
from gateway.model.office_section import OrdersSection
from gateway.model.order import Tried
from gateway.office.tickets import SqliteTicketBook
from gateway.ports import Caller
from gateway.sdk import Deadline
from gateway.web.deferrals import format_deferral_target
from tests.unit.exchange.planning import CERTIFICATES, ITEM, PROMISE, Counter
from tests.unit.exchange.rooms import AGENCY, NOW, Month
from tests.unit.office.drafts import CASE

MATERIAL = "结婚证"
KEYID = "yq-gjj-1"
KEY = generate_private_key("ecdsa-p256-sha256")
SIGNER = load_signer(KEY, KEYID)


def registered(**changes: Any) -> Agency:
    """The agency with its key; `changes` are the key's."""
    key = AgencyKey(KEYID, "ecdsa-p256-sha256", public_pem(KEY))
    return msgspec.structs.replace(AGENCY, keys=(msgspec.structs.replace(key, **changes),))


class Window:
    """Opens, shows and closes deferrals, and does what was ordered."""

    def __init__(self, folder: Path, *, granted: Iterable[str] = CERTIFICATES) -> None:
        self.counter = Counter(folder, granted=granted)
        self.agency = registered()
        self._count = 0
        counter, epochs, catalog = self.counter, Month(), ItemCatalog([ITEM])
        planner = Planner(catalog, counter.book, NOW.tzinfo)  # type: ignore[arg-type] # UTC
        acts = CaseActs(counter.log, epochs=epochs, clock=lambda: NOW, nonce_life_s=65)
        limits = AgencyLimits(LimitsSection(), workers=1)
        self.requests = CaseRequests(acts, limits, on_fault=counter.faults.append)
        self.deferrals = Deferrals(
            book=counter.deferrals,
            cases=counter.book,
            requests=self.requests,
            planner=planner,
            departments=counter.departments,
            days=load_working_days(None),
            clock=lambda: NOW,
            utc_offset_h=8,
            first_pause_s=0,
            remind_working_days=1,
        )
        self.standing = StandingOrders(
            lookup=counter.lookup,
            planner=planner,
            recall=lambda *signed: self.door().recall(*signed),
            target_of=format_deferral_target,
            clock=lambda: NOW,
            utc_offset_h=8,
            nonce_life_s=65,
        )

    def door(self, at_s: float = NOW.timestamp()) -> Admission:
        """Who may ask, at a time."""
        return Admission(
            [self.agency], authorities=("gateway.test",), clock_window_s=60, clock=lambda: at_s
        )

    def caller(self, method: str, path: str, body: bytes) -> Caller:
        """Who signed this, just now."""
        self._count += 1
        fields = {"content-type": ("application/json",), "content-digest": (content_digest(body),)}
        request = SignedRequest(
            method, "gateway.test", path, "?", lambda name: fields.get(name, ()), has_body=True
        )
        nonce = b64url_encode(self._count.to_bytes(16, "big"))
        headers = request_signature_headers(
            request, signer=SIGNER, created=int(NOW.timestamp()), nonce=nonce
        )
        fields |= {name.lower(): (value,) for name, value in headers.items()}
        return self.door().identify(request, body, "127.0.0.1")

    async def open(
        self, material: str = MATERIAL, *, case: str = CASE, **changes: Any
    ) -> tuple[Reply, dict[str, Any]]:
        """Open a deferral."""
        body = body_of(**changes)
        caller = self.caller("PUT", format_deferral_target(case, material), body)
        reply = await self.deferrals.open(
            caller, f"{len(self.counter.log.lines):032x}", Owed(case, material), body, soon()
        )
        return reply, msgspec.json.decode(reply.body)

    async def close(self, material: str, body: bytes) -> tuple[Reply, dict[str, Any]]:
        """Close one by hand."""
        caller = self.caller("POST", format_deferral_target(CASE, material) + "/close", body)
        reply = await self.deferrals.close(caller, "c" * 32, Owed(CASE, material), body, soon())
        return reply, msgspec.json.decode(reply.body)

    def tickets(self, do: DoOrder | None = None, *, max_open: int = 2) -> Tickets:
        """The desk for lookups that nobody waits for.

        Args:
            do: in place of doing them.
        """
        return Tickets(
            book=SqliteTicketBook(
                self.counter.store,
                OfficeCipher(b"o" * 32),
                OrdersSection(),
                max_open=max_open,
                clock_s=NOW.timestamp,
            ),
            orders=self.counter.orders,
            requests=self.requests,
            do=do or self.standing,
            wait_s=0.01 if do else 5,
            deadline_s=10,
            on_fault=self.counter.faults.append,
        )

    async def do_next(self) -> Tried | None:
        """Do the order whose turn it is, as a worker does."""
        order = await self.counter.orders.take(soon())
        if order is None:
            return None
        tried = await self.standing(order, soon())
        await self.counter.orders.note(order, tried, soon())
        return tried


def body_of(**changes: Any) -> bytes:
    """A request; `attribution__x` changes a member of `attribution`."""
    attribution = {
        "item": ITEM.code,
        "case": CASE,
        "purpose": "住房公积金提取",
        "operator": {"id": AGENCY.operators[0].id, "name": AGENCY.operators[0].name},
    }
    for name in [name for name in changes if name.startswith("attribution__")]:
        attribution[name.removeprefix("attribution__")] = changes.pop(name)
    promise = sha256(PROMISE.encode()).hex()
    return msgspec.json.encode({"attribution": attribution, "promise": promise} | changes)


def soon() -> Deadline:
    """Long enough."""
    return Deadline.after(10)
