# SPDX-License-Identifier: Apache-2.0
"""Clause 4.8: events reach the systems that subscribed, over real sockets, whatever these do."""

import asyncio
import ssl
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import http_message_signatures
import msgspec
import pytest

from gateway.crypto.keys import generate_private_key, load_signer, public_pem
from gateway.model.events_section import EventsSection, Subscription
from gateway.model.office_event import CaseClosed, CaseRegistered, DepartmentDown, Happened
from gateway.office.courier import Courier
from gateway.office.deliveries import Deliveries
from gateway.office.delivering import Delivering, Result
from gateway.office.destination import AllowedAddresses
from gateway.office.outbox import EVERYBODY, put_event
from gateway.office.store import OfficeStore
from gateway.sdk import Deadline
from tests.integration.receivers import Answer, Receiver, receiving, verify_by_peer
from tests.integration.tls_files import Authority

PRIVATE = generate_private_key("ecdsa-p256-sha256")
LOOPBACK = ("127.0.0.0/8",)
QUICK = EventsSection(
    deliver=True, networks=LOOPBACK, timeout_s=20, first_pause_s=0.05, max_pause_s=0.2
)
#: For a receiver that hangs, and only then: it shares its loop with the courier.
IMPATIENT = msgspec.structs.replace(QUICK, timeout_s=2)
LIMIT_S = 60.0
AGENCY = "yq-gjj"
CASES = ("YQ-0001", "YQ-0002")


class Office:
    """A store, and whoever delivers what is in it."""

    def __init__(self, folder: Path) -> None:
        self.store = OfficeStore.open(folder)
        self.results: list[Result] = []
        self.late_s = 0.0

    def clock_s(self) -> float:
        return time.time() + self.late_s

    def deliveries(self, section: EventsSection = QUICK) -> Deliveries:
        return Deliveries(self.store, dead_after_s=section.dead_after_s, clock_s=self.clock_s)

    async def put(self, *happened: Happened, agency: str = AGENCY) -> None:
        for what in happened:
            await self.store.write(
                lambda connection, what=what: put_event(  # type: ignore[misc] # bound at once
                    connection, what, agency=agency, now_s=time.time()
                ),
                Deadline.after(5),
            )

    @asynccontextmanager
    async def delivering(
        self, section: EventsSection = QUICK, **receivers: Receiver
    ) -> AsyncIterator[None]:
        """Deliver to receivers by agency; an underscore stands for a hyphen."""
        wanted = {
            name.replace("_", "-"): Subscription(receiver.url)
            for name, receiver in receivers.items()
        }
        async with self.delivering_to(wanted, section):
            yield

    @asynccontextmanager
    async def delivering_to(
        self,
        wanted: Mapping[str, Subscription],
        section: EventsSection = QUICK,
        tls: ssl.SSLContext | None = None,
    ) -> AsyncIterator[None]:
        quit_event = asyncio.Event()
        async with Courier(
            load_signer(PRIVATE, "gateway-1"),
            AllowedAddresses(section.networks),
            timeout_s=section.timeout_s,
            tls=tls,
        ) as courier:
            duty = Delivering(
                self.deliveries(section),
                courier,
                section,
                subscriptions=lambda: wanted,
                on_attempt=self.results.append,
            )
            await duty.plan()
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(duty.run(quit_event))
                try:
                    yield
                finally:
                    quit_event.set()


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    opened = Office(tmp_path / "office")
    yield opened
    opened.store.close()


async def until_taken(receiver: Receiver, count: int) -> None:
    async with asyncio.timeout(LIMIT_S):
        while len(receiver.taken) < count:  # noqa: ASYNC110 - others bring it about
            await asyncio.sleep(0.02)


def registered(case: str = CASES[0], version: int = 1) -> CaseRegistered:
    return CaseRegistered(case, "yq-gjj-001", version)


async def test_clause_4_8_an_event_arrives_signed_for_its_receiver_and_no_other(
    office: Office,
) -> None:
    async with receiving(Receiver()) as oa, office.delivering(yq_gjj=oa):
        await office.put(registered())
        await until_taken(oa, 1)
    (request,) = oa.requests
    result = verify_by_peer(request, "gateway-1", public_pem(PRIVATE))
    assert set(result.parameters) == {"created", "keyid", "alg", "tag"}
    assert request.headers["Idempotency-Key"] == f'"{request.event.id}"'
    assert request.event.what == registered()
    for changed in (
        {"url": request.url.replace("/oa/", "/other/")},
        {"url": request.url.replace("127.0.0.1", "127.0.0.2")},
        {"headers": request.headers | {"Idempotency-Key": '"another"'}},
        {"body": request.body.replace(b"YQ-0001", b"YQ-0009")},
    ):
        spoiled = msgspec.structs.replace(request, **changed)
        with pytest.raises(http_message_signatures.InvalidSignature):
            verify_by_peer(spoiled, "gateway-1", public_pem(PRIVATE))


@pytest.mark.parametrize("first", [500, 503, 429, 400, 404, 301, 307, "reset", "hang"])
async def test_clause_4_8_what_was_not_taken_comes_again_under_the_same_id(
    office: Office, first: Answer
) -> None:
    section = IMPATIENT if first == "hang" else QUICK
    async with receiving(Receiver(first, first)) as oa, office.delivering(section, yq_gjj=oa):
        await office.put(registered())
        await until_taken(oa, 1)
    assert len(oa.requests) == 3  # and no redirect was followed
    assert len({request.headers["Idempotency-Key"] for request in oa.requests}) == 1
    assert len({request.body for request in oa.requests}) == 1
    (shown,) = office.deliveries().list_deliveries()
    assert (shown.state, shown.attempts, shown.said) == ("delivered", 3, "204")


async def test_what_a_receiver_says_besides_its_status_is_not_waited_for(office: Office) -> None:
    async with receiving(Receiver("endless")) as oa, office.delivering(yq_gjj=oa):
        await office.put(registered(), registered(version=2))
        await until_taken(oa, 2)
    assert office.results == ["taken", "taken"]
    assert len(oa.requests) == 2


async def test_what_waited_too_long_behind_others_is_dead_as_well(office: Office) -> None:
    async with receiving(Receiver(usual=500)) as oa:
        async with office.delivering(yq_gjj=oa):
            await office.put(*(registered(f"YQ-{number:04}") for number in range(8)))
        office.late_s = QUICK.dead_after_s + 10
        async with office.delivering(yq_gjj=oa):
            pass
    shown = office.deliveries().list_deliveries()
    assert {delivery.state for delivery in shown} == {"dead"}
    assert {delivery.said for delivery in shown} <= {"500", "not tried in time"}


async def test_clause_4_8_events_of_one_case_keep_their_order_and_hold_up_no_other(
    office: Office,
) -> None:
    oa = Receiver()
    # The first one is refused for as long as nothing else came.
    oa.answer_of = lambda event: 400 if event.what == registered() and not oa.taken else None
    async with receiving(oa), office.delivering(yq_gjj=oa):
        await office.put(registered(), registered(version=2), registered(CASES[1]))
        await office.put(CaseClosed(CASES[0], "yq-gjj-001", "2026-11-22T08:00:00Z"))
        await until_taken(oa, 4)
    taken = [event.what for event in oa.taken]
    assert taken[0] == registered(CASES[1])
    assert [what for what in taken if what.subject == f"case:{CASES[0]}"] == taken[1:]
    assert [event.seq for event in oa.taken[1:]] == [1, 2, 4]


async def test_clause_4_8_a_receiver_that_hangs_holds_up_no_other_agency(office: Office) -> None:
    async with (
        receiving(Receiver(usual="hang")) as hung,
        receiving(Receiver()) as well,
        office.delivering(yq_gjj=hung, yq_zwdt=well),
    ):
        await office.put(DepartmentDown("civil_affairs"), agency=EVERYBODY)
        await office.put(registered(), agency="yq-zwdt")
        await until_taken(well, 2)
        assert not hung.taken


async def test_clause_4_8_an_agency_gets_its_own_events_and_the_kinds_that_it_wants(
    office: Office,
) -> None:
    async with receiving(Receiver()) as oa:
        wanted = {AGENCY: Subscription(oa.url, kinds=("case.closed", "department.down"))}
        closed = CaseClosed(CASES[0], "yq-gjj-001", "2026-11-22T08:00:00Z")
        async with office.delivering_to(wanted):
            await office.put(registered(), closed)
            await office.put(registered(CASES[1]), agency="yq-zwdt")
            await office.put(DepartmentDown("civil_affairs"), agency=EVERYBODY)
            await until_taken(oa, 2)
    assert [event.what for event in oa.taken] == [closed, DepartmentDown("civil_affairs")]


async def test_clause_4_8_what_nobody_takes_is_dead_in_time_and_is_sent_again_by_hand(
    office: Office,
) -> None:
    dying = msgspec.structs.replace(QUICK, dead_after_s=1)
    async with receiving(Receiver(usual=500)) as oa, office.delivering(dying, yq_gjj=oa):
        await office.put(registered())
        await office.put(registered(version=2))
        deliveries = office.deliveries(dying)
        async with asyncio.timeout(LIMIT_S):
            while deliveries.backlog().dead_count < 2:  # noqa: ASYNC110 - others bring it about
                await asyncio.sleep(0.02)
        assert [shown.state for shown in deliveries.list_deliveries(AGENCY)] == ["dead", "dead"]
        assert deliveries.backlog().dead_count == 2
        oa.usual = 200
        patient = office.deliveries()  # else they could be dead again before they were tried
        assert await patient.redeliver(AGENCY, None, Deadline.after(5)) == 2
        await until_taken(oa, 2)
    assert [event.seq for event in oa.taken] == [1, 2]
    assert office.deliveries().backlog().dead_count == 0


async def test_clause_4_8_a_new_subscriber_begins_now_and_misses_nothing_from_then_on(
    office: Office,
) -> None:
    await office.put(registered())
    async with receiving(Receiver()) as oa:
        async with office.delivering(yq_gjj=oa):
            pass
        await office.put(registered(version=2))  # while nobody delivers
        async with office.delivering(yq_gjj=oa):
            await until_taken(oa, 1)
    assert [event.what for event in oa.taken] == [registered(version=2)]


async def test_who_no_longer_subscribes_gets_nothing_and_leaves_no_backlog(office: Office) -> None:
    async with receiving(Receiver(usual=500)) as oa:
        async with office.delivering(yq_gjj=oa):
            await office.put(registered())
            async with asyncio.timeout(LIMIT_S):
                while not oa.requests:  # noqa: ASYNC110 - others bring it about
                    await asyncio.sleep(0.02)
        async with office.delivering():
            pass
    (shown,) = office.deliveries().list_deliveries()
    assert (shown.state, shown.said) == ("dead", "not subscribed")
    assert office.deliveries().backlog().pending_count == 0


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]"])
async def test_nothing_is_sent_to_an_address_that_is_not_allowed(office: Office, host: str) -> None:
    closed = msgspec.structs.replace(QUICK, networks=())
    async with receiving(Receiver()) as oa:
        url = oa.url.replace("127.0.0.1", host)
        async with office.delivering_to({AGENCY: Subscription(url)}, closed):
            await office.put(registered())
            async with asyncio.timeout(LIMIT_S):
                while not office.results:  # noqa: ASYNC110 - others bring it about
                    await asyncio.sleep(0.02)
    assert not oa.requests
    (shown,) = office.deliveries().list_deliveries()
    assert shown.state == "pending"
    assert "not allowed" in shown.said


async def test_clause_4_8_both_ends_know_each_other_by_x509_where_it_is_wanted(
    office: Office, tmp_path: Path
) -> None:
    authority = Authority(tmp_path / "x509")
    receivers = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    receivers.load_cert_chain(authority.folder / "tls.crt", authority.folder / "tls.key")
    receivers.load_verify_locations(authority.folder / "ca.crt")
    receivers.verify_mode = ssl.CERT_REQUIRED
    authority.issue("gateway-out")
    async with receiving(Receiver(), tls=receivers) as oa:
        wanted = {AGENCY: Subscription(oa.url)}
        for stranger in (None, authority.tls()):
            async with office.delivering_to(wanted, tls=stranger):
                await office.put(registered())
                async with asyncio.timeout(LIMIT_S):
                    while not office.results:  # noqa: ASYNC110 - others bring it about
                        await asyncio.sleep(0.02)
            assert set(office.results) == {"away"}
            office.results.clear()
        async with office.delivering_to(wanted, tls=authority.tls("gateway-out")):
            await until_taken(oa, 2)
    assert len(oa.requests) == 2
