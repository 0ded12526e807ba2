# SPDX-License-Identifier: Apache-2.0
"""Nonces once, quotas exactly; and both again from the log after a start."""

import re
from datetime import UTC, datetime
from unittest.mock import patch

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.audit.claims import _USUAL, GRACE_S, Claims, _signed
from gateway.model.entry import parse_entry
from gateway.ports import Claim, Quota
from tests.unit.audit.samples import KEYID, NOW_S, entry_bytes

WINDOW_S = 60
DAY = "2025-11-22"  # of NOW_S, in China


class Clock:
    def __init__(self, now_s: float = NOW_S) -> None:
        self.now_s = now_s

    def __call__(self) -> float:
        return self.now_s


def make(clock: Clock, *, capacity: int = 1000) -> Claims:
    return Claims(window_s=WINDOW_S, utc_offset_h=8, clock=clock, capacity=capacity)


def claim(nonce: str, *, created: int = NOW_S, quota: Quota | None = None) -> Claim:
    return Claim(KEYID, nonce, created + WINDOW_S, quota)


def test_a_nonce_is_accepted_once() -> None:
    claims = make(Clock())
    assert claims.decide(claim("n1")) == "accepted"
    assert claims.decide(claim("n1")) == "replayed"
    assert claims.decide(claim("n2")) == "accepted"


def test_a_nonce_belongs_to_its_key() -> None:
    claims = make(Clock())
    assert claims.decide(Claim("a", "bc", NOW_S)) == "accepted"
    assert claims.decide(Claim("ab", "c", NOW_S)) == "accepted"


def test_a_nonce_is_refused_with_another_created_too() -> None:
    claims = make(Clock())
    assert claims.decide(claim("n1", created=NOW_S - 50)) == "accepted"
    assert claims.decide(claim("n1", created=NOW_S + 50)) == "replayed"


@given(st.integers(0, 4 * WINDOW_S), st.integers(-WINDOW_S, WINDOW_S))
def test_a_nonce_is_never_accepted_twice_however_late(later_s: int, skew_s: int) -> None:
    clock = Clock()
    claims = make(clock)
    first = claim("n1", created=NOW_S + skew_s)
    assert claims.decide(first) == "accepted"
    clock.now_s += later_s
    assert claims.decide(first) in ("replayed", "too_late")


def test_a_claim_out_of_time_is_not_decided() -> None:
    claims = make(Clock())
    assert claims.decide(claim("n1", created=NOW_S - WINDOW_S - GRACE_S - 1)) == "too_late"
    assert claims.decide(claim("n2", created=NOW_S + WINDOW_S + GRACE_S + 1)) == "too_late"
    assert claims.decide(claim("n3", created=NOW_S - WINDOW_S - GRACE_S)) == "accepted"


def test_a_clock_that_went_forth_and_back_opens_nothing() -> None:
    clock = Clock()
    claims = make(clock)
    claims.decide(claim("n1"))
    clock.now_s += 3600
    claims.decide(claim("n2", created=NOW_S + 3600))
    clock.now_s -= 3600
    assert claims.decide(claim("n1")) == "too_late"


def test_memory_is_bounded_and_closed_when_full() -> None:
    clock = Clock()
    claims = make(clock, capacity=2)
    assert [claims.decide(claim(f"n{n}")) for n in range(3)] == [
        "accepted",
        "accepted",
        "overloaded",
    ]
    assert claims.decide(claim("n0")) == "replayed"
    clock.now_s += 3 * WINDOW_S + GRACE_S
    assert claims.decide(claim("n3", created=int(clock.now_s))) == "accepted"


def restored(clock: Clock, *, capacity: int, at_s: tuple[int, ...]) -> Claims:
    """From a log of n0 … n<count - 1>, as it is read: the newest first."""
    claims = make(clock, capacity=capacity)
    for number, second in reversed(tuple(enumerate(at_s))):
        made = entry_bytes(number, at_s=second, created=second, signed_nonce=f"n{number}")
        assert claims.restore(made)
    return claims


def test_memory_is_bounded_and_closed_when_the_log_holds_more_than_there_is_room_for() -> None:
    """Under a clock set back by a month, all of the month's records count."""
    clock = Clock(NOW_S - 30 * 86_400)
    claims = restored(clock, capacity=2, at_s=(NOW_S - 2, NOW_S - 1, NOW_S))
    now_s = int(clock.now_s)
    assert claims.decide(claim("n2", created=now_s)) == "replayed"
    assert claims.decide(claim("n1", created=now_s)) == "replayed"
    assert claims.decide(claim("n0", created=now_s)) == "overloaded"  # not known, not accepted
    assert claims.decide(claim("new", created=now_s)) == "overloaded"


@given(st.integers(0, 4 * WINDOW_S))
def test_a_nonce_without_room_is_never_accepted_under_any_later_clock(later_s: int) -> None:
    clock = Clock(NOW_S - 30 * 86_400)
    claims = restored(clock, capacity=2, at_s=(NOW_S, NOW_S, NOW_S))
    clock.now_s = NOW_S + later_s
    assert claims.decide(claim("n0")) in ("overloaded", "too_late")
    clock.now_s = NOW_S + 4 * WINDOW_S
    assert claims.decide(claim("new", created=int(clock.now_s))) == "accepted"


def test_what_had_no_room_is_out_of_time_once_the_clock_is_put_right() -> None:
    clock = Clock(NOW_S - 30 * 86_400)
    claims = restored(clock, capacity=2, at_s=(NOW_S - 700, NOW_S - 600, NOW_S - 500))
    assert claims.decide(claim("new", created=int(clock.now_s))) == "overloaded"
    clock.now_s = NOW_S
    assert [claims.decide(claim(f"m{n}")) for n in range(3)] == [
        "accepted",
        "accepted",
        "overloaded",
    ]


@pytest.mark.parametrize("back_s", [0, GRACE_S, GRACE_S + 1, 3600])
def test_claims_are_ahead_when_the_clock_went_back_by_more_than_is_allowed_for(back_s: int) -> None:
    clock = Clock()
    claims = make(clock)
    claims.decide(claim("n1"))
    clock.now_s -= back_s
    assert claims.is_ahead == (back_s > GRACE_S)


def test_claims_that_have_seen_nothing_are_not_ahead() -> None:
    clock = Clock()
    claims = make(clock)
    clock.now_s -= 3600
    assert not claims.is_ahead


def test_a_quota_is_counted_to_its_cap() -> None:
    claims = make(Clock())
    quota = Quota("yq-gjj", DAY, 2)
    rulings = [claims.decide(claim(f"n{n}", quota=quota)) for n in range(4)]
    assert rulings == ["accepted", "accepted", "over_quota", "over_quota"]
    assert claims.decide(claim("other", quota=Quota("other", DAY, 1))) == "accepted"


def test_nonce_comes_before_quota_and_stays_used_when_the_quota_is_over() -> None:
    claims = make(Clock())
    quota = Quota("yq-gjj", DAY, 1)
    assert claims.decide(claim("n1", quota=quota)) == "accepted"
    assert claims.decide(claim("n2", quota=quota)) == "over_quota"
    assert claims.decide(claim("n2", quota=quota)) == "replayed"
    assert claims.decide(claim("n1", quota=quota)) == "replayed"


def test_a_quota_is_of_a_day_that_is_counted() -> None:
    claims = make(Clock())
    assert claims.decide(claim("n1", quota=Quota("yq-gjj", "2025-11-21", 9))) == "too_late"
    assert claims.decide(claim("n2", quota=Quota("yq-gjj", "2025-11-23", 9))) == "too_late"


def test_a_new_day_starts_anew_and_the_old_one_lingers() -> None:
    midnight_s = datetime(2025, 11, 22, 16, tzinfo=UTC).timestamp()  # 2025-11-23 in China
    clock = Clock(midnight_s - 5)
    claims = make(clock)
    old, new = Quota("yq-gjj", DAY, 1), Quota("yq-gjj", "2025-11-23", 1)
    created = int(midnight_s)
    assert claims.decide(claim("n1", created=created, quota=old)) == "accepted"
    clock.now_s = midnight_s + 5
    assert claims.decide(claim("n2", created=created, quota=new)) == "accepted"
    assert claims.decide(claim("n3", created=created, quota=old)) == "over_quota"
    clock.now_s = midnight_s + GRACE_S + 1
    assert claims.decide(claim("n4", created=created, quota=old)) == "too_late"


def test_nonces_come_back_from_the_log() -> None:
    claims = make(Clock())
    assert claims.restore(entry_bytes(1, signed_nonce="n1", result="deny", grant=None))
    assert claims.decide(claim("n1")) == "replayed"
    assert claims.decide(claim("n2")) == "accepted"


def test_a_nonce_from_the_log_is_kept_as_long_as_its_signature_could_come_again() -> None:
    created = NOW_S + WINDOW_S  # as far in the future as clocks may differ
    clock = Clock(NOW_S + 2 * WINDOW_S)
    claims = make(clock)
    claims.restore(entry_bytes(1, at_s=NOW_S, created=created, signed_nonce="n1"))
    assert claims.decide(claim("n1", created=created)) == "replayed"


def test_quotas_come_back_from_permits_of_the_day() -> None:
    claims = make(Clock())
    claims.restore(entry_bytes(1))
    claims.restore(entry_bytes(2, grant="yq-gjj@7", at_s=NOW_S - 16 * 3600))  # 00:26 of the day
    claims.restore(entry_bytes(3, result="deny"))
    claims.restore(entry_bytes(4, grant="other@1"))
    claims.restore(entry_bytes(5, at_s=NOW_S - 17 * 3600))  # yesterday
    quota = Quota("yq-gjj", DAY, 3)
    assert claims.decide(claim("n1", quota=quota)) == "accepted"
    assert claims.decide(claim("n2", quota=quota)) == "over_quota"


def test_an_old_entry_says_that_those_before_it_do_not_matter() -> None:
    claims = make(Clock())
    assert claims.restore(entry_bytes(1, at_s=NOW_S - 16 * 3600))
    assert not claims.restore(entry_bytes(2, at_s=NOW_S - 17 * 3600))


def test_bytes_that_are_no_entry_are_not_passed_over() -> None:
    with pytest.raises(msgspec.DecodeError):
        make(Clock()).restore(b"{}")


texts = st.text("abc ;=()created1nonce-_", max_size=30)


@given(
    components=st.lists(st.sampled_from(['"@method"', '"a"', '"a";key="k"', '"b";sf']), max_size=3),
    parameters=st.lists(
        st.one_of(
            st.integers(0, 10**15 - 1).map(lambda value: f"created={value}"),
            st.text("Az09_-", min_size=1).map(lambda value: f'nonce="{value}"'),
            texts.map(lambda value: f'keyid="{value}"'),
            st.just("expires=7"),
            st.just("flag"),
        ),
        unique_by=lambda text: text.partition("=")[0],
    ),
)
def test_the_quick_reading_of_a_signature_is_the_slow_one(
    components: list[str], parameters: list[str]
) -> None:
    text = ";".join((f"({' '.join(components)})", *parameters))
    quick = _signed(text)
    with patch("gateway.audit.claims._USUAL", re.compile("(?!)()()")):
        assert quick == _signed(text)


def test_what_clients_print_is_read_quickly() -> None:
    recorded = parse_entry(entry_bytes(1, created=NOW_S, signed_nonce="n" * 24))
    found = _USUAL.fullmatch(recorded.request.signature_input)
    assert found is not None
    assert found.groups() == (str(NOW_S), "n" * 24)
