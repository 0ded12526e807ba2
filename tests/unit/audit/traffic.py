# SPDX-License-Identifier: Apache-2.0
"""Three months of a small city's ordinary look-ups, and insiders planted among them.

The first three insiders are modelled on published cases (docs/explanation/anomalies.md).
"""

import random
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta, timezone
from pathlib import Path

from gateway.audit.index.follow import catch_up
from gateway.audit.log import Log
from gateway.audit.store.sqlite import SqliteStore
from gateway.crypto.identity import EpochCipher
from gateway.model.entry import DecisionMark, Entry, RequestMark, ResponseMark
from gateway.model.instant import format_time_ms
from gateway.model.record import Record, format_record
from tests.unit.audit.samples import KEY, SIGNER

BEGIN = date(2026, 9, 1)
FROM = datetime(2026, 10, 31, 16, tzinfo=UTC)  # 1 November in the site's zone
UNTIL = datetime(2026, 11, 30, 16, tzinfo=UTC)
OFFSET_H = 8
ZONE = timezone(timedelta(hours=OFFSET_H))
EPOCHS = ("2026-09", "2026-10", "2026-11")
CIPHERS = {epoch: EpochCipher(epoch, epoch.encode().ljust(32)) for epoch in EPOCHS}
AGENCIES = ("yq-gjj", "yq-rs", "yq-mz", "yq-zj")
OPERATORS = 5
DEPARTMENTS = ("public_security.identity", "housing_fund.account", "civil_affairs.marriage")
PURPOSES = ("公积金提取", "参保登记", "低保核定", "企业开办", "不动产登记")
REGIONS = ("140302", "140303", "140311", "140321", "140322")
GB11643 = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)


def citizen_number(region: str, born: date, sequence: int) -> str:
    body = f"{region}{born:%Y%m%d}{sequence:03}"
    total = sum(int(digit) * weight for digit, weight in zip(body, GB11643, strict=True))
    return body + "10X98765432"[total % 11]


class Traffic:
    """Collects accesses; `write` makes the log and its index of them."""

    def __init__(self, seed: int) -> None:
        self.draw = random.Random(seed)
        self.entries: list[tuple[datetime, Entry]] = []

    def access(self, at: datetime, operator: str, number: str, **changes: object) -> None:
        """One access; `at` in the site's zone."""
        draw = self.draw
        utc = at.astimezone(UTC)
        entry_id = f"{draw.getrandbits(128):032x}"
        epoch = f"{at:%Y-%m}"
        agency = operator.rpartition("-")[0]
        members: dict[str, object] = {
            "id": entry_id,
            "salt": "s" * 22,
            "time": format_time_ms(utc),
            "agency": agency,
            "keyid": f"{agency}-1",
            "operator": operator,
            "terminal": f"window-{operator[-1]}",
            "item": "item-1",
            "case": f"YQ{at:%Y%m%d}-{draw.randrange(10**9):09}",
            "purpose": PURPOSES[0],
            "certificate": DEPARTMENTS[0],
            "operation": "query",
            "holder": CIPHERS[epoch].mark_holder(
                "cn-id", number, f"{number[:3]}{'*' * 13}{number[-2:]}", entry_id
            ),
            "decision": DecisionMark("permit", "grant.covers"),
            "outcome": "found",
            "request": RequestMark(epoch, "()", "b" * 166),
            "response": ResponseMark("c" * 64),
        }
        self.entries.append((utc, Entry(**members | changes)))  # type: ignore[arg-type] # as above

    def number(self) -> str:
        draw = self.draw
        born = date(1940, 1, 1) + timedelta(days=draw.randrange(25_000))
        return citizen_number(draw.choice(REGIONS), born, min(999, int(draw.expovariate(0.02))))

    def ordinary(self) -> None:
        """Clerks at their windows, five days a week."""
        for offset in range(90):
            day = BEGIN + timedelta(days=offset)
            if day.weekday() < 5:
                for agency in AGENCIES:
                    for clerk in range(OPERATORS):
                        self._clerk(day, f"{agency}-{clerk}")

    def _clerk(self, day: date, operator: str) -> None:
        draw = self.draw
        if draw.random() < 0.05:
            return  # on leave
        moved = draw.random() < 0.03  # sits at another window for a day
        terminal = f"window-{draw.randrange(OPERATORS) if moved else operator[-1]}"
        left = max(3, round(draw.gauss(14, 4)))
        while left > 0:
            minute = draw.choice((510 + draw.randrange(210), 840 + draw.randrange(210)))
            left -= self._case(day, minute, operator, terminal)
        if draw.random() < 0.02:
            self._case(day, 1150, operator, terminal)  # overtime

    def _case(self, day: date, minute: int, operator: str, terminal: str) -> int:
        draw = self.draw
        members = draw.choices((1, 2, 4), (94, 5, 1))[0]
        case = f"YQ{day:%Y%m%d}-{draw.randrange(10**9):09}"
        kind = draw.randrange(len(PURPOSES))
        begin = datetime.combine(day, time(), ZONE) + timedelta(minutes=minute)
        count = 0
        for _ in range(members):
            number, again = self.number(), draw.random() < 0.1
            for nth in range(draw.randint(1, 2)):
                comes_back = again and nth > 0 and day.weekday() < 4
                outcome = draw.choices(("found", "not_found", "mismatch"), (88, 8, 4))[0]
                self.access(
                    begin + timedelta(days=int(comes_back), seconds=draw.randrange(600)),
                    operator, number, case=case, terminal=terminal, outcome=outcome,
                    item=f"item-{kind}", purpose=PURPOSES[kind],
                    certificate=draw.choice(DEPARTMENTS[:2]),
                )  # fmt: skip
                count += 1
        return count

    def records(self) -> Iterator[Record]:
        for _, entry in sorted(self.entries, key=lambda one: one[0]):
            yield entry

    def write(self, folder: Path) -> None:
        """The log in `folder/audit`, the index in `folder/index`."""
        records = list(self.records())
        store = SqliteStore.open(folder / "audit", KEY)
        log = Log(store, SIGNER)
        lines = [format_record(record) for record in records]
        for at in range(0, len(lines), 2048):
            log.append(lines[at : at + 2048])
        store.close()
        catch_up(folder / "audit", folder / "index", KEY)


def november(day: int, hour: int, minute: float = 0) -> datetime:
    return datetime(2026, 11, day, tzinfo=ZONE) + timedelta(hours=hour, minutes=minute)


def sold_look_ups(traffic: Traffic) -> None:
    """Luochuan 2016: a temporary worker sells 2,000 look-ups made under a colleague's name."""
    for day in range(2, 22):
        for nth in range(100):
            at = november(day, 18, nth)
            case = f"YQ20261101-{nth % 5:09}"
            traffic.access(at, "yq-gjj-1", traffic.number(), case=case)


def card_left_in_a_pc(traffic: Traffic) -> None:
    """Ningbo 2021: somebody else looks for one person through a card left in a computer."""
    wanted = traffic.number()
    for day in (9, 10, 12, 13):
        traffic.access(november(day, 21, 10), "yq-rs-2", wanted)


def borrowed_account(traffic: Traffic) -> None:
    """Wanning 2024: an auxiliary works under an officer's name while the officer does."""
    for nth in range(12):
        terminal = f"window-{3 + nth % 2}"
        traffic.access(november(17, 10, nth), "yq-mz-3", traffic.number(), terminal=terminal)


def scan_of_one_day(traffic: Traffic) -> None:
    """Numbers in a row: one region, one date of birth, sequence codes counted up."""
    for nth in range(15):
        number = citizen_number("140302", date(1900, 1, 1), 1 + nth)
        traffic.access(november(18, 15, nth), "yq-zj-0", number, outcome="not_found")


def scan_of_birthdays(traffic: Traffic) -> None:
    """The other way to count: one sequence code, birth dates day by day."""
    for nth in range(15):
        number = citizen_number("140303", date(1900, 1, 25) + timedelta(days=nth), 2)
        traffic.access(november(19, 15, nth), "yq-zj-1", number)


def famous_person(traffic: Traffic) -> None:
    wanted = traffic.number()
    for nth in range(8):
        operator = f"{AGENCIES[nth % 4]}-{nth % OPERATORS}"
        traffic.access(november(11, 9 + nth % 8, 7), operator, wanted)


def new_department(traffic: Traffic) -> None:
    traffic.access(november(24, 11), "yq-rs-4", traffic.number(), certificate=DEPARTMENTS[2])


def stolen_key(traffic: Traffic) -> None:
    for nth in range(400):
        operator = f"yq-mz-{nth % OPERATORS}"
        at = november(20, 9, nth)
        traffic.access(at, operator, traffic.number(), keyid="yq-mz-2")


def crowded_terminal(traffic: Traffic) -> None:
    for nth in range(OPERATORS):
        at = november(25, 9 + nth, 30)
        traffic.access(at, f"yq-zj-{nth}", traffic.number(), terminal="window-9")


def empty_words(traffic: Traffic) -> None:
    for nth in range(5):
        traffic.access(november(26, 9, nth), "yq-gjj-4", traffic.number(), purpose="测试")


def one_purpose(traffic: Traffic) -> None:
    """A sixth clerk, who writes the same words whatever the case."""
    for day in (3, 4, 5, 6, 9, 10, 11, 12, 13):
        for nth in range(6):
            traffic.access(november(day, 9 + nth), "yq-gjj-5", traffic.number(), purpose="核查")
