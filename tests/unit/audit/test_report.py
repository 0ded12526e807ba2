# SPDX-License-Identifier: Apache-2.0
"""The citizen report: everything about one person that may be shown, and nothing else."""

import re
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from html.parser import HTMLParser

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.audit.report import Report, find_records, make_report
from gateway.audit.report_page import format_html, format_text
from gateway.audit.report_words import LABELS, Language, Words
from gateway.crypto.identity import EpochCipher
from gateway.errors import Text, TrustError
from gateway.model.act import Act, Action
from gateway.model.agency import Agency
from gateway.model.certificate import CertificateType, Field
from gateway.model.entry import DecisionMark, Entry, HolderMark, RequestMark, ResponseMark
from gateway.model.holder import Holder
from gateway.model.instant import format_time_ms
from gateway.model.item import Disclosure, ServiceItem
from gateway.model.record import Record, format_record

NOW = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)
ME = Holder("cn-id", "140302190001010017")
OTHER = Holder("cn-id", "140303190001020027")
CIPHERS = {epoch: EpochCipher(epoch, epoch.encode().ljust(32)) for epoch in ("2026-10", "2026-11")}
IDENTITY = CertificateType(
    "public_security.identity", Text("Resident identity", "居民身份信息"), ("cn-id",),
    (Field("name", Text("Name", "姓名")), Field("valid_to", Text("Valid to", "有效期止"))),
)  # fmt: skip


def item(code: str, disclosure: Disclosure = "show", delay_days: int = 0) -> ServiceItem:
    return ServiceItem(
        code, f"事项 {code}", "居民身份证", "公共服务", "演示科", "即办",
        disclosure=disclosure, delay_days=delay_days,
    )  # fmt: skip


ITEMS = {i.code: i for i in (item("open"), item("late", "delay", 30), item("closed", "never"))}
AGENCIES = {"yq-gjj": Agency("yq-gjj", "阳泉公积金中心（演示）")}


def words(language: Language = "zh") -> Words:
    return Words(
        language, items=ITEMS, agencies=AGENCIES, certificates={IDENTITY.name: IDENTITY}
    )  # fmt: skip


def mark(holder: Holder, epoch: str, record_id: str) -> HolderMark:
    return CIPHERS[epoch].mark_holder(holder.scheme, holder.number, holder.masked, record_id)


def entry(number: int, holder: Holder | None = ME, **changes: object) -> Record:
    """The access `number`, one day before the one before it unless `changes` say otherwise."""
    record_id = f"request-{number}"
    epoch = str(changes.pop("epoch", "2026-11"))
    members: dict[str, object] = {
        "id": record_id,
        "salt": "s" * 22,
        "time": "2026-11-20T08:00:05.000Z",
        "agency": "yq-gjj",
        "keyid": "yq-gjj-1",
        "operator": "yq-0417",
        "terminal": "window-03",
        "division": "140300",
        "item": "open",
        "case": f"CASE-{number:04}",
        "purpose": f"purpose-{number:04}.",
        "certificate": IDENTITY.name,
        "operation": "query",
        "fields_requested": ("name", "valid_to"),
        "fields_released": ("name", "valid_to"),
        "holder": None if holder is None else mark(holder, epoch, record_id),
        "decision": DecisionMark("permit", "grant.covers"),
        "outcome": "found",
        "request": RequestMark(epoch, "()", "b" * 166),
        "response": ResponseMark("c" * 64),
    }
    return Entry(**members | changes)  # type: ignore[arg-type] # as above


def act(number: int, action: Action, holder: Holder | None = None, **changes: object) -> Record:
    record_id = f"act-{number}"
    members: dict[str, object] = {
        "id": record_id,
        "salt": "s" * 22,
        "time": "2026-11-21T01:00:00.000Z",
        "action": action,
        "actor": "auditor-a",
        "keyid": "auditor-a-1",
        "reason": "核对投诉 secret reason",
        "holder": None if holder is None else mark(holder, "2026-11", record_id),
    }
    return Act(**members | changes)  # type: ignore[arg-type] # as above


def report(records: Sequence[Record], *, language: Language = "zh", **changes: object) -> Report:
    ciphers = changes.pop("ciphers", CIPHERS)
    assert isinstance(ciphers, dict)
    found = find_records(
        [(index, format_record(record)) for index, record in enumerate(records)], ME, ciphers.get
    )
    settings: dict[str, object] = {
        "site": "演示网关", "origin": "audit.example/log", "now": NOW, "utc_offset_h": 8,
    }  # fmt: skip
    return make_report(found, ME, words(language), **settings | changes)  # type: ignore[arg-type] # as above


def texts(made: Report) -> list[str]:
    return [format_text(made), format_html(made), msgspec.json.encode(made).decode()]


def test_it_says_when_who_what_for_and_what_came_of_it() -> None:
    ((case,),) = (report([entry(1)]).cases,)
    (access,) = case.accesses
    assert (case.case, case.agency) == ("CASE-0001", "阳泉公积金中心（演示）")
    assert (access.local, access.utc) == (
        "2026-11-20 16:00:05 UTC+08:00",
        "2026-11-20T08:00:05.000Z",
    )
    assert (access.item, access.purpose) == ("事项 open, 演示科", "purpose-0001.")
    assert (access.certificate, access.fields) == ("居民身份信息", ("姓名", "有效期止"))
    assert (access.permitted, access.outcome) == (True, "查到，已提供所列字段")
    assert (access.department, access.division) == ("public_security", "140300")


def test_it_speaks_english_too() -> None:
    made = report([entry(1)], language="en")
    assert made.cases[0].accesses[0].fields == ("Name", "Valid to")
    for text in texts(made)[:2]:
        assert "Who looked at your data" in text
        assert "found, and the fields were given" in text


def test_a_refusal_is_shown_with_its_reason() -> None:
    refused = entry(
        1, decision=DecisionMark("deny", "grant.fields"), outcome="refused",
        code="FIELD_NOT_GRANTED", fields_released=(),
    )  # fmt: skip
    (access,) = report([refused]).cases[0].accesses
    assert not access.permitted
    assert access.outcome == "已拒绝，未提供内容: 授权不含该字段"


def test_accesses_are_grouped_by_case() -> None:
    made = report([entry(1, case="A-1"), entry(2, case="B-1"), entry(3, case="A-1")])
    assert [(c.case, [a.record for a in c.accesses]) for c in made.cases] == [
        ("A-1", [0, 2]),
        ("B-1", [1]),
    ]


def test_no_operator_is_named_but_in_a_report_for_internal_use() -> None:
    assert all("yq-0417" not in text for text in texts(report([entry(1)])))
    assert all("yq-0417" in text for text in texts(report([entry(1)], internal=True)))


def test_the_holders_number_is_masked() -> None:
    for text in texts(report([entry(1), act(2, "search", ME)])):
        assert ME.number not in text
        assert ME.masked in text


def test_records_of_every_month_are_found() -> None:
    made = report([entry(1, epoch="2026-10"), entry(2)])
    assert (made.access_count, made.epochs) == (2, ("2026-10", "2026-11"))


@pytest.mark.parametrize(("recorded", "label"), [(True, "erased"), (False, "lost")])
def test_months_without_keys_are_named(recorded: bool, label: str) -> None:
    tombstone = act(9, "erase", subject="2026-10")
    records = [entry(1, epoch="2026-10"), entry(2), *([tombstone] if recorded else [])]
    made = report(records, ciphers={"2026-11": CIPHERS["2026-11"]})
    assert [gone.epoch for gone in made.gone] == ["2026-10"]
    assert made.access_count == 1
    assert LABELS[label].zh in format_text(made)
    assert LABELS[label].zh in format_html(made)


def test_never_is_counted_and_not_described() -> None:
    made = report([entry(1, item="closed"), entry(2)])
    assert (made.access_count, made.withheld_count) == (1, 1)
    assert all("CASE-0001" not in text for text in texts(made))


@pytest.mark.parametrize(("days", "shown"), [(29, False), (30, True)])
def test_a_delay_ends_by_itself(days: int, shown: bool) -> None:
    late = entry(1, item="late", time="2026-10-01T00:00:00.000Z")
    made = report([late], now=datetime(2026, 10, 1, tzinfo=UTC) + timedelta(days=days))
    assert (made.access_count == 1) is shown
    assert (made.withheld_count == 0) is shown


def test_a_permitted_access_for_an_item_that_was_removed_is_withheld() -> None:
    assert report([entry(1, item="gone")]).withheld_count == 1
    refused = entry(1, item="gone", decision=DecisionMark("deny", "item.published"))
    assert report([refused]).access_count == 1


def test_auditors_acts_are_shown_without_name_or_reason() -> None:
    records = [
        entry(1),
        act(2, "search", ME),
        act(3, "view", subject="request-1"),
        act(4, "evidence", subject="0"),
        act(5, "unmask_ask", subject="request-1"),
        act(6, "unmask_approve", subject="act-5"),
        act(7, "unmask_redeem", ME, subject="act-5"),
        act(8, "search", OTHER),
        act(9, "view", subject="request-8"),
        act(10, "hold", ME, subject="holder"),
    ]
    made = report(records)
    assert [reading.record for reading in made.readings] == [1, 2, 3, 4, 5, 6]
    for text in texts(made):
        assert "auditor-a" not in text
        assert "secret reason" not in text


def test_an_act_about_a_withheld_access_is_withheld_with_it() -> None:
    records = [
        entry(1, item="closed"),
        act(2, "view", subject="request-1"),
        act(3, "unmask_ask", subject="0"),
        act(4, "unmask_redeem", ME, subject="act-3"),
    ]
    made = report(records)
    assert (made.readings, made.withheld_count) == ((), 4)


def test_an_act_about_a_record_of_an_erased_epoch_is_withheld() -> None:
    """Whether its item may be shown can no longer be told; to erase must not disclose."""
    records = [
        entry(1, item="closed", epoch="2026-10"),
        act(2, "unmask_ask", subject="request-1"),
        act(3, "unmask_redeem", ME, subject="act-2"),
        act(4, "search", ME),
    ]
    before = report(records)
    after = report(records, ciphers={"2026-11": CIPHERS["2026-11"]})
    assert [reading.record for reading in before.readings] == [3]
    assert [reading.record for reading in after.readings] == [3]
    assert (before.withheld_count, after.withheld_count) == (3, 1)


def test_an_agencys_receipt_is_no_reading() -> None:
    assert report([entry(1), act(2, "receipt", subject="0")]).readings == ()


def test_who_was_never_looked_at_is_told_so() -> None:
    made = report([entry(1, OTHER), entry(2, None)])
    assert (made.cases, made.records) == ((), 2)
    assert all(LABELS["nothing"].zh in text for text in texts(made)[:2])


HOSTILE = st.text(min_size=1, max_size=40) | st.sampled_from(
    ["<script>alert(1)</script>", '"><img src=x onerror=y>', "</dd></dl>", "\x1b[2J", "a\nb: c"]
)


@given(HOSTILE, HOSTILE)
def test_html_is_escaped_and_loads_nothing(purpose: str, case: str) -> None:
    class Tags(HTMLParser):
        seen: list[str]
        said = ""

        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            self.seen.append(tag)
            assert not {"src", "href", "onerror"} & {name for name, _ in attrs}

        def handle_data(self, data: str) -> None:
            self.said += data

    hostile, tame = Tags(), Tags()
    for reader, texts_of in ((hostile, (purpose, case)), (tame, ("p", "c"))):
        reader.seen = []
        made = report([entry(1, purpose=texts_of[0], case=texts_of[1])])
        reader.feed(format_html(made))
    assert hostile.seen == tame.seen
    assert "script" not in hostile.seen


@given(HOSTILE, HOSTILE)
def test_text_can_forge_no_line(purpose: str, case: str) -> None:
    hostile = format_text(report([entry(1, purpose=purpose, case=case)]))
    tame = format_text(report([entry(1, purpose="p", case="c")]))
    assert hostile.count("\n") == tame.count("\n")
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e]", hostile)


class Drawn(msgspec.Struct, frozen=True):
    """One access as hypothesis draws it."""

    mine: bool
    item: str
    days_ago: int
    epoch: str
    denied: bool


DRAWN = st.builds(
    Drawn,
    mine=st.booleans(),
    item=st.sampled_from(["open", "late", "closed", "gone"]),
    days_ago=st.integers(0, 60),
    epoch=st.sampled_from(sorted(CIPHERS)),
    denied=st.booleans(),
)


@given(st.lists(DRAWN, max_size=8), st.booleans())
def test_nothing_of_others_and_nothing_withheld_is_ever_in_it(
    drawn: list[Drawn], internal: bool
) -> None:
    def allowed(one: Drawn) -> bool:
        if one.item == "gone":
            return one.denied
        return one.item == "open" or (one.item == "late" and one.days_ago >= 30)

    records = [
        entry(
            number, ME if one.mine else OTHER, item=one.item, epoch=one.epoch,
            time=format_time_ms(NOW - timedelta(days=one.days_ago)),
            decision=DecisionMark("deny" if one.denied else "permit", "rule"),
            outcome="refused" if one.denied else "found",
        )
        for number, one in enumerate(drawn)
    ]  # fmt: skip
    made = report(records, internal=internal)
    shown = {n for n, one in enumerate(drawn) if one.mine and allowed(one)}
    assert {a.record for case in made.cases for a in case.accesses} == shown
    assert made.withheld_count == sum(one.mine for one in drawn) - len(shown)
    for text in texts(made):
        told = {int(n) for n in re.findall(r"purpose-([0-9]{4})\.", text)}
        assert told == shown
        assert OTHER.masked not in text


def test_a_delay_stands_with_its_days_and_only_there() -> None:
    for disclosure, days in (("delay", 0), ("show", 5), ("never", 5)):
        written = msgspec.to_builtins(item("x")) | {"disclosure": disclosure, "delay_days": days}
        with pytest.raises(msgspec.ValidationError, match="delay_days"):
            msgspec.convert(written, ServiceItem)


def test_a_record_that_is_none_is_not_passed_over() -> None:
    line = format_record(entry(1)).replace(b'"v":1', b'"v":7')
    with pytest.raises(TrustError, match="record 0"):
        find_records([(0, line[:-1])], ME, CIPHERS.get)


def test_the_day_of_a_report_is_the_sites() -> None:
    assert report([], utc_offset_h=8).made.startswith(str(date(2026, 11, 22)))
    assert report([], utc_offset_h=0).made.endswith("UTC")
