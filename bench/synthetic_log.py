# SPDX-License-Identifier: Apache-2.0
"""Large synthetic logs, for benchmarks and tests of whatever reads the log.

As a city's gateway would write it: 40 agencies with 400 operators, 60 items, 8 certificates,
200,000 holders, office hours, three months with an epoch key each, most lookups found, some
refused, and now and then an auditor's act. All of it is a function of the seed, except what is
random in ciphertexts (nonces) and the log's key. Holders' marks are real: they open, and are found,
under `ciphers`; marks of requests only have the length of real ones.

    .venv/bin/python -m bench.synthetic_log FOLDER 1000000
"""

import argparse
import random  # noqa: TID251 -- seeded, as in fixtures
import time
from bisect import bisect
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import accumulate, islice
from pathlib import Path
from typing import Final, final

from gateway.audit.log import Log
from gateway.audit.store.sqlite import SqliteStore
from gateway.crypto.digest import b64url_encode, sha256
from gateway.crypto.identity import EpochCipher
from gateway.crypto.keys import generate_private_key
from gateway.model.act import Act
from gateway.model.entry import (
    DecisionMark,
    Entry,
    HolderMark,
    RequestMark,
    ResponseMark,
)
from gateway.model.instant import format_time_ms, format_time_s
from gateway.model.record import Record, format_record
from gateway.tlog.note import NoteSigner, NoteVerifier

EPOCHS: Final = ("2026-09", "2026-10", "2026-11")
BEGIN: Final = datetime(2026, 9, 1, tzinfo=UTC)
END: Final = datetime(2026, 11, 30, tzinfo=UTC)
GROUP: Final = 512
AGENCIES: Final = tuple(f"{city}-{body}" for city in ("yq", "ty", "dt", "jc", "jz")
                        for body in ("gjj", "rs", "yb", "mz", "zj", "gaj", "sw", "zw"))  # fmt: skip
OPERATORS_PER_AGENCY: Final = 10
ITEM_COUNT: Final = 60
CERTIFICATES: Final = (
    ("public_security.identity", ("name", "valid_to", "birth_date", "household_address")),
    ("housing_fund.account", ("account_status", "balance", "paid_to_month")),
    ("civil_affairs.marriage", ("status", "registered_on")),
    ("human_resources.insurance", ("status", "paid_to_month", "base")),
    ("market.licence", ("name", "legal_person", "status")),
    ("natural_resources.title", ("title_no", "location", "share")),
    ("taxation.clearance", ("period", "amount")),
    ("health.vaccination", ("vaccine", "given_on")),
)
PURPOSES: Final = ("住房公积金提取", "购房资格审核", "社会保险参保登记", "企业开办", "不动产登记",
                   "低保待遇核定", "医保异地备案", "人才引进补贴")  # fmt: skip
HOLDER_COUNT: Final = 200_000
#: Outcome, code, rule: how often of 1000.
_ENDS: Final = (
    (790, "found", None, "grant.covers"),
    (60, "not_found", None, "grant.covers"),
    (70, "match", None, "grant.covers"),
    (15, "mismatch", None, "grant.covers"),
    (30, "refused", "FIELD_NOT_GRANTED", "grant.fields"),
    (12, "refused", "ATTRIBUTION_INVALID", "attribution.case"),
    (8, "refused", "QUOTA_EXCEEDED", "sequencer.over_quota"),
    (15, "unavailable", "PROVIDER_UNAVAILABLE", "grant.covers"),
)
_END_WEIGHTS: Final = tuple(accumulate(end[0] for end in _ENDS))
#: Requests by hour of the day, UTC+8.
_HOURS: Final = (
    1,
    1,
    1,
    1,
    1,
    2,
    4,
    10,
    60,
    100,
    110,
    80,
    30,
    40,
    90,
    100,
    90,
    60,
    20,
    8,
    5,
    4,
    2,
    1,
)
_ACT_EVERY: Final = 2000


@final
class SyntheticLog:
    """What stands in the log, for whoever wants to search it.

    Args:
        seed: other seeds give other logs.

    Attributes:
        signer: the log's key.
        ciphers: the keys of each epoch, by name.
    """

    def __init__(self, seed: int = 1) -> None:
        self._random: Final = random.Random(seed)
        self.signer: Final = NoteSigner.from_pem(
            "audit.example/synthetic", generate_private_key("ed25519")
        )
        self.ciphers: Final = {
            epoch: EpochCipher(epoch, sha256(f"synthetic {seed} {epoch}".encode()))
            for epoch in EPOCHS
        }
        self._marks: Final[dict[tuple[str, int], str]] = {}
        self._hours: Final = tuple(accumulate(_HOURS))

    @property
    def key(self) -> NoteVerifier:
        """The public half of the log's key."""
        return self.signer.public

    def records(self, count: int) -> Iterator[Record]:
        """That many records in order."""
        for number, at in enumerate(self._times(count)):
            if number % _ACT_EVERY == _ACT_EVERY - 1:
                yield self._act(at)
            else:
                yield self._entry(at)

    def write(self, folder: Path, count: int) -> None:
        """Write a log of that many records into `folder`; it is closed on return."""
        store = SqliteStore.open(folder, self.signer.public)
        try:
            log, lines = Log(store, self.signer), map(format_record, self.records(count))
            while group := list(islice(lines, GROUP)):
                log.append(group)
        finally:
            store.close()

    def _times(self, count: int) -> list[datetime]:
        """Instants that mostly rise: workers' clocks differ a little."""
        draw, days = self._random, (END - BEGIN).days
        at_s = sorted(
            draw.randrange(days) * 86_400
            + (bisect(self._hours, draw.randrange(self._hours[-1])) - 8) % 24 * 3600
            + draw.randrange(3_600_000) / 1000
            for _ in range(count)
        )
        return [BEGIN + timedelta(seconds=s + draw.random() * 0.02) for s in at_s]

    def _token(self) -> str:
        return b64url_encode(self._random.randbytes(16))

    def _holder(self, epoch: str, entry_id: str) -> HolderMark:
        """A few holders are asked about often, most rarely."""
        draw = self._random
        number = draw.randrange(HOLDER_COUNT if draw.random() < 0.8 else HOLDER_COUNT // 100)
        full = citizen_number(number)
        return self.ciphers[epoch].mark_holder(
            "cn-id", full, f"{full[:3]}{'*' * 13}{full[-2:]}", entry_id
        )

    def _entry(self, at: datetime) -> Entry:
        draw = self._random
        entry_id = f"{draw.getrandbits(128):032x}"
        epoch = f"{at + timedelta(hours=8):%Y-%m}"
        agency_number = min(int(draw.expovariate(0.12)), len(AGENCIES) - 1)
        agency = AGENCIES[agency_number]
        operator = draw.randrange(OPERATORS_PER_AGENCY)
        item = (agency_number * 3 + draw.randrange(4)) % ITEM_COUNT
        certificate, fields = CERTIFICATES[min(int(draw.expovariate(0.6)), len(CERTIFICATES) - 1)]
        _, outcome, code, rule = _ENDS[bisect(_END_WEIGHTS, draw.randrange(_END_WEIGHTS[-1]))]
        asked = fields[: draw.randint(1, len(fields))]
        refused, verify = outcome == "refused", outcome in {"match", "mismatch"}
        cached = not refused and outcome != "unavailable" and draw.random() < 0.3
        sourced = not refused and not cached
        nonce, signature = self._token(), draw.randbytes(64)
        return Entry(
            id=entry_id,
            salt=self._token(),
            time=format_time_ms(at),
            agency=agency,
            keyid=f"{agency}-{1 + draw.randrange(2)}",
            operator=f"{agency}-{operator:04}",
            terminal=f"window-{operator + 1:02}",
            division=f"14{3 + agency_number % 5:02}00",
            item=f"item-{item:03}",
            case=f"YQ{at:%Y%m%d}-{draw.randrange(100_000):05}",
            purpose=PURPOSES[item % len(PURPOSES)],
            holder=self._holder(epoch, entry_id),
            certificate=certificate,
            operation="verify" if verify else "query",
            fields_requested=asked,
            fields_released=asked if outcome == "found" else (),
            grant=None if refused else f"{agency}@{1 + at.month % 3}",
            decision=DecisionMark("deny" if refused else "permit", rule),
            outcome=outcome,
            code=code,
            served_from="cache" if cached else "source" if sourced and code is None else None,
            as_of=None if code else format_time_s(at),
            adapter=certificate.partition(".")[0] if sourced else None,
            adapter_ms=min(int(draw.lognormvariate(3.5, 1.0)), 5000) if sourced else None,
            request=self._request(epoch, at, agency, nonce, signature),
            response=ResponseMark(draw.randbytes(32).hex()),
        )

    def _request(
        self, epoch: str, at: datetime, agency: str, nonce: str, signature: bytes
    ) -> RequestMark:
        """As long as a real one; it does not open."""
        return RequestMark(
            epoch,
            '("@method" "@authority" "@path" "@query" "content-type" "content-digest")'
            f';created={int(at.timestamp())};nonce="{nonce}";keyid="{agency}-1"'
            ';alg="ecdsa-p256-sha256";tag="yizheng-v1"',
            b64url_encode(self._random.randbytes(60) + signature),
        )

    def _act(self, at: datetime) -> Act:
        draw = self._random
        return Act(
            id=f"{draw.getrandbits(128):032x}",
            salt=self._token(),
            time=format_time_ms(at),
            action=("search", "view", "export")[draw.randrange(3)],
            actor=("auditor-a", "auditor-b")[draw.randrange(2)],
            keyid="auditor-1",
            reason="季度检查 quarterly check",
            query='{"agency":["yq-gjj"]}',
            count=draw.randrange(500),
            signature=b64url_encode(draw.randbytes(64)),
        )


def citizen_number(number: int) -> str:
    """The number of the holder `number` (GB 11643): nobody's, born between 1900 and 1909."""
    sequence, day = divmod(number, _BIRTH_DAYS)
    born = date(1900, 1, 1) + timedelta(days=day)
    body = f"1403{('02', '03', '11', '21', '22')[number % 5]}{born:%Y%m%d}{sequence + 1:03}"
    total = sum(int(digit) * weight for digit, weight in zip(body, _GB11643, strict=True))
    return body + "10X98765432"[total % 11]


_BIRTH_DAYS: Final = 3650
_GB11643: Final = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)


def main() -> None:
    """Write one log and say how long it took."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("count", type=int)
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    began_s = time.perf_counter()
    SyntheticLog(chosen.seed).write(chosen.folder, chosen.count)
    took_s = time.perf_counter() - began_s
    print(f"{chosen.count} records in {took_s:.1f} s ({chosen.count / took_s:.0f}/s)")


if __name__ == "__main__":
    main()
