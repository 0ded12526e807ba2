# SPDX-License-Identifier: Apache-2.0
"""F-07: the clock of the machine jumps an hour forth and back, and a month, while requests flow.

libfaketime turns the wall's clock of all of the gateway's processes at once; the monotonic clock
stays. What must hold: each jump is an event in the log, the order of the log stays that of its
indices, what was answered once is not answered again under any clock, the cache neither forgets
early nor keeps for ever, and a limit gives no more than its rate.
"""

import re
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from fixtures.world import World
from gateway.audit.store.reader import LogReader
from gateway.audit.verify import verify_log
from gateway.config import load_site
from gateway.keyring import log_verifier
from gateway.model.act import Event
from gateway.model.entry import Entry
from gateway.model.record import Record, parse_record
from tests.integration.wire import Answer, Draft, lookup_body, send, sign

HOUR_S, MONTH_S = 3600, 30 * 86_400
STEP_TOLERANCE_MS = 1500
PER_S, BURST = 20, 20
REFUSED = frozenset({"NONCE_REPLAYED", "TIMESTAMP_EXPIRED"})
LIMIT_S = 60.0
#: A department that does not look at the clock.
ACCOUNT = {"certificate": "housing_fund.account", "fields": ("account_status",)}
LIBRARY = next(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"), None)
pytestmark = pytest.mark.skipif(LIBRARY is None, reason="libfaketime turns the clock")


class Clock:
    """The wall's clock of the gateway."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self.ahead_s = 0
        self.set(0)

    def set(self, ahead_s: int) -> int:
        """Turn it; returns by how many seconds."""
        step_s, self.ahead_s = ahead_s - self.ahead_s, ahead_s
        draft = self._file.with_suffix(".new")
        draft.write_text(f"{ahead_s:+d}\n")
        draft.replace(self._file)
        return step_s

    def now_s(self) -> int:
        return int(time.time()) + self.ahead_s


@pytest.fixture
def clock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Clock:
    for name, setting in {
        "LD_PRELOAD": str(LIBRARY),
        "FAKETIME_TIMESTAMP_FILE": str(tmp_path / "clock"),
        "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "DONT_FAKE_MONOTONIC": "1",
        "NO_FAKE_STAT": "1",
    }.items():
        monkeypatch.setenv(name, setting)
    return Clock(tmp_path / "clock")


@pytest.fixture
def world(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """A gateway under that clock; its departments keep the time."""
    limits = f"\n[limits]\nagency_per_s = {PER_S}\nagency_burst = {BURST}\n"
    with tempfile.TemporaryDirectory(prefix="yz-") as folder:
        running = World(Path(folder), settings=limits)
        try:
            with pytest.MonkeyPatch.context() as keeping:
                keeping.delenv("LD_PRELOAD")
                running.start_departments()
            running.start_gateway()
            monkeypatch.delenv("LD_PRELOAD")
            yield running
        finally:
            running.stop()


def signed(world: World, clock: Clock, number: int) -> Draft:
    """A request of now, about a citizen of that number."""
    people = [citizen for citizen in world.citizens if citizen.housing_fund is not None]
    number_of_one = people[number % len(people)].id_number
    body = msgspec.json.encode(lookup_body(world, number_of_one, **ACCOUNT))
    return sign(world, body, created=clock.now_s())


def ask(world: World, clock: Clock, number: int) -> tuple[Draft, Answer]:
    """What was answered: after a step back the claims are made again from the log before it is."""
    until_s = time.monotonic() + LIMIT_S
    while (answer := send(world, draft := signed(world, clock, number))).status != 200:
        assert answer.status in {429, 503}, answer.document
        assert time.monotonic() < until_s
        time.sleep(0.05)
    return draft, answer


def copy_code(world: World, draft: Draft) -> object:
    """The code of a copy's answer, once it has not come too soon after others."""
    until_s = time.monotonic() + LIMIT_S
    while (code := code_of(send(world, draft))) == "RATE_LIMITED":
        assert time.monotonic() < until_s
        time.sleep(0.05)
    return code


def records(world: World) -> list[Record]:
    with closing(LogReader.open(world.site / "var/audit")) as reader:
        verify_log(reader, log_verifier(load_site(world.site)))
        return [parse_record(line) for _, line in reader.entries()]


def steps_ms(world: World) -> list[int]:
    return [
        int(record.detail.removeprefix("step_ms="))
        for record in records(world)
        if isinstance(record, Event)
    ]


def wait_for_step(world: World, count: int) -> int:
    """The newest step in the log, once there are so many."""
    until_s = time.monotonic() + LIMIT_S
    while len(found := steps_ms(world)) < count:
        assert time.monotonic() < until_s
        time.sleep(0.05)
    assert len(found) == count
    return found[-1]


def code_of(answer: Answer) -> object:
    return answer.document.get("code")


def signed_by(entry: Entry) -> tuple[str, str]:
    """What may be answered once: a nonce of a key."""
    nonce = re.search(r';nonce="([^"]+)"', entry.request.signature_input)
    assert nonce is not None
    return entry.keyid, nonce[1]


def test_steps_are_recorded_and_nothing_is_answered_twice(
    world: World, clock: Clock, record_property: Callable[[str, object], None]
) -> None:
    replayed = 0
    sent = [signed(world, clock, 1)]
    first = send(world, sent[0])
    assert first.status == 200
    for count, ahead_s in enumerate((HOUR_S, 0, -HOUR_S, 0, MONTH_S, 0), 1):
        step_s = clock.set(ahead_s)
        for draft in sent:  # at once, and once the step was seen: under no clock a copy counts
            assert copy_code(world, draft) in {*REFUSED, "AUDIT_UNAVAILABLE"}
        assert abs(wait_for_step(world, count) - step_s * 1000) <= STEP_TOLERANCE_MS
        # What the cache holds is as old as it is, whatever the wall's clock says.
        fresh, answer = ask(world, clock, 1)
        assert answer.document["served_from"] == "cache"
        assert answer.document["as_of"] == first.document["as_of"]
        sent.append(fresh)
        for draft in sent:
            assert copy_code(world, draft) in REFUSED
            replayed += 1
    entries = [record for record in records(world) if isinstance(record, Entry)]
    answered = Counter(signed_by(entry) for entry in entries if entry.decision.result == "permit")
    assert answered.total() >= len(sent)
    assert set(answered.values()) == {1}
    times = [entry.time for entry in entries]
    assert times != sorted(times)  # the order is that of the indices
    record_property("steps", 6)
    record_property("copies_refused", replayed)


def test_a_limit_keeps_its_rate_over_steps(
    world: World, clock: Clock, record_property: Callable[[str, object], None]
) -> None:
    """Only the monotonic clock counts; asked without a pause, it gives burst + rate x time."""
    codes: Counter[object] = Counter()
    began_s = time.monotonic()
    for ahead_s in (HOUR_S, 0, -HOUR_S, 0, MONTH_S):
        clock.set(ahead_s)
        until_s = time.monotonic() + 0.6
        while time.monotonic() < until_s:
            codes[code_of(send(world, signed(world, clock, codes.total())))] += 1
    took_s = time.monotonic() - began_s
    asked, given = codes.total(), codes[None]
    assert codes.keys() <= {None, "RATE_LIMITED", "AUDIT_UNAVAILABLE"}
    assert BURST <= given <= (BURST + PER_S * took_s) * 1.01 + 1
    record_property("asked", asked)
    record_property("given", given)
    record_property("allowed", round(BURST + PER_S * took_s, 1))
