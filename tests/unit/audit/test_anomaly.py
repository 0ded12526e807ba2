# SPDX-License-Identifier: Apache-2.0
"""Each rule finds the insider planted for it, and an ordinary month raises nearly nothing."""

import os
import re
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from gateway.audit.anomaly.rules import RULES
from gateway.audit.anomaly.run import Review, reveal_from, review
from gateway.audit.anomaly.view import Period, Revealed, View
from gateway.audit.store.reader import LogReader
from gateway.errors import SetupError
from gateway.model.anomaly import AnomalySection, WorkingHours
from gateway.model.audit_site import AuditSection
from gateway.model.record import parse_record
from tests.unit.audit import traffic as planted
from tests.unit.audit.traffic import CIPHERS, FROM, OFFSET_H, UNTIL, Traffic

SEEDS = int(os.environ.get("YIZHENG_SEEDS", "1"))
#: Findings that an ordinary month of 20 operators may raise, all rules together.
MAX_FALSE_FINDINGS = 2
PLANTS: dict[Callable[[Traffic], None], tuple[tuple[str, str | None, str | None], ...]] = {
    planted.sold_look_ups: (
        ("volume", "yq-gjj", "yq-gjj-1"),
        ("off_hours", "yq-gjj", "yq-gjj-1"),
        ("case_many_holders", "yq-gjj", None),
    ),
    planted.card_left_in_a_pc: (("repeat_holder", "yq-rs", "yq-rs-2"),),
    planted.borrowed_account: (("shared_operator", "yq-mz", "yq-mz-3"),),
    planted.scan_of_one_day: (("scanning", "yq-zj", "yq-zj-0"),),
    planted.scan_of_birthdays: (("scanning", "yq-zj", "yq-zj-1"),),
    planted.famous_person: (("holder_many_operators", None, None),),
    planted.new_department: (("first_department", "yq-rs", "yq-rs-4"),),
    planted.stolen_key: (("key_burst", "yq-mz", None),),
    planted.crowded_terminal: (("shared_terminal", "yq-zj", None),),
    planted.empty_words: (("placeholder_text", "yq-gjj", "yq-gjj-4"),),
    planted.one_purpose: (("constant_text", "yq-gjj", "yq-gjj-5"),),
}
EXPECTED = [(plant.__name__, *one) for plant, found in PLANTS.items() for one in found]


def review_of(
    folder: Path,
    settings: AnomalySection | None = None,
    rules: tuple[str, ...] = tuple(RULES),
    begin: datetime = FROM,
) -> Review:
    reader = LogReader.open(folder / "audit")
    view = View.open(
        folder / "index", Period(begin, UNTIL), settings or AnomalySection(),
        utc_offset_h=OFFSET_H, reveal=reveal_from(reader, CIPHERS.get),
    )  # fmt: skip
    try:
        return review(view, rules)
    finally:
        view.close()
        reader.close()


@pytest.fixture(scope="module")
def ordinary(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("ordinary")
    month = Traffic(seed=1)
    month.ordinary()
    month.write(folder)
    return folder


@pytest.fixture(scope="module")
def insiders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("insiders")
    month = Traffic(seed=2)
    month.ordinary()
    for plant in PLANTS:
        plant(month)
    month.write(folder)
    return folder


@pytest.fixture(scope="module")
def found(insiders: Path) -> Review:
    return review_of(insiders)


@pytest.mark.parametrize(("plant", "rule", "agency", "operator"), EXPECTED)
def test_a_planted_insider_is_found_by_its_rule(
    found: Review, plant: str, rule: str, agency: str | None, operator: str | None
) -> None:
    assert (rule, agency, operator) in {(f.rule, f.agency, f.operator) for f in found.findings}


def test_what_is_found_was_planted(found: Review) -> None:
    """An insider may be seen by other rules too (a scan is also a repeated case), nobody else."""
    suspects = {(agency, operator) for _, _, agency, operator in EXPECTED}
    agencies = {agency for agency, operator in suspects if operator is None}
    strangers = [
        f for f in found.findings
        if (f.agency, f.operator) not in suspects and f.agency not in agencies
    ]  # fmt: skip
    assert len(strangers) <= MAX_FALSE_FINDINGS


def test_every_rule_has_a_planted_case() -> None:
    assert {rule for _, rule, _, _ in EXPECTED} == set(RULES)


def test_an_ordinary_month_raises_nearly_nothing(ordinary: Path, tmp_path: Path) -> None:
    counts = [len(review_of(ordinary).findings)]
    for seed in range(100, 99 + SEEDS):
        month, folder = Traffic(seed), tmp_path / str(seed)
        folder.mkdir()
        month.ordinary()
        month.write(folder)
        counts.append(len(review_of(folder).findings))
    assert max(counts) <= MAX_FALSE_FINDINGS, Counter(counts)


def test_a_finding_explains_itself(found: Review, insiders: Path) -> None:
    reader = LogReader.open(insiders / "audit")
    for finding in found.findings:
        assert finding.baseline
        assert finding.observed
        assert list(finding.rows) == sorted(set(finding.rows))
        assert re.search("[\u4e00-\u9fff]", finding.sentence.zh)
        assert re.search("[a-z]", finding.sentence.en)
        for index in finding.rows[:5]:
            record = parse_record(reader.entry(index))
            assert FROM.isoformat()[:19] <= record.time[:19] < UNTIL.isoformat()[:19]
            assert finding.agency in {None, getattr(record, "agency", None)}
            assert finding.operator in {None, getattr(record, "operator", None)}
    reader.close()


def test_no_number_is_in_what_a_run_says(found: Review) -> None:
    said = msgspec.json.encode(found).decode()
    assert not re.search(r"(?<![0-9a-f])[0-9]{17}[0-9X](?![0-9a-f])", said)
    assert "(5)" in repr(Revealed(5, "140302190001010017", "140*************17"))
    assert "1403" not in repr(Revealed(5, "140302190001010017", "140*************17"))


def test_a_scan_says_counts_and_masks(found: Review) -> None:
    (scan,) = [f for f in found.findings if f.operator == "yq-zj-0" and f.rule == "scanning"]
    assert scan.observed["neighbours"] == len(scan.rows) == 15
    assert set(str(scan.observed["masked"])) <= set("0123456789X* ")


def test_days_that_were_not_opened_are_told(insiders: Path) -> None:
    outcome = review_of(insiders, AnomalySection(scan_max_records=60), ("scanning",))
    assert "scan_max_records" in outcome.notes[0].en


def test_a_scan_under_destroyed_keys_is_not_seen_and_breaks_nothing(insiders: Path) -> None:
    reader = LogReader.open(insiders / "audit")
    assert list(reveal_from(reader, lambda _: None)(range(10))) == []
    assert [one.index for one in reveal_from(reader, CIPHERS.get)(range(3))] == [0, 1, 2]
    reader.close()


def test_an_agency_may_have_hours_of_its_own(insiders: Path) -> None:
    night = WorkingHours(from_h=0, to_h=24, days=(1, 2, 3, 4, 5, 6, 7))
    settings = AnomalySection(agency_hours={"yq-gjj": night})
    assert review_of(insiders, settings, ("off_hours",)).findings == ()


def test_what_an_operator_always_did_is_no_finding(insiders: Path) -> None:
    """Where all work by night, and no hours are configured, only a newcomer's are told."""
    settings = AnomalySection(hours=WorkingHours(from_h=0, to_h=1))
    findings = review_of(insiders, settings, ("off_hours",)).findings
    assert [f.operator for f in findings] == ["yq-gjj-5"]


@pytest.mark.parametrize("baseline_days", [1, 90])
def test_a_period_longer_than_the_baseline_is_judged_to_its_first_day(
    insiders: Path, baseline_days: int
) -> None:
    settings = AnomalySection(baseline_days=baseline_days)
    begin = FROM - timedelta(days=61)
    findings = review_of(insiders, settings, ("volume", "off_hours"), begin).findings
    sold = [f for f in findings if f.operator == "yq-gjj-1"]
    days = {f.observed["day"] for f in sold if f.rule == "volume"}
    assert days == {f"2026-11-{day:02}" for day in range(2, 22)}
    (late,) = [f for f in sold if f.rule == "off_hours"]
    assert int(late.observed["count"]) >= 20 * 40  # so many an evening after seven


def test_the_baseline_lies_before_the_period(insiders: Path) -> None:
    findings = review_of(insiders, AnomalySection(baseline_days=20), ("off_hours",)).findings
    (late,) = [f for f in findings if f.operator == "yq-gjj-1"]
    assert int(late.baseline["accesses_before"]) > 20 * 5


def test_thresholds_are_the_sites(insiders: Path) -> None:
    wide = AnomalySection(case_holders=100_000, repeat_days=30, repeat_cases=30)
    rules = ("case_many_holders", "repeat_holder")
    assert review_of(insiders, wide, rules).findings == ()


def test_the_run_says_how_far_the_index_goes(ordinary: Path) -> None:
    reader = LogReader.open(ordinary / "audit")
    assert review_of(ordinary, rules=("volume",)).indexed == reader.size()
    reader.close()


def test_a_missing_index_is_told(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="there is no search index"):
        View.open(
            tmp_path, Period(FROM, UNTIL), AnomalySection(),
            utc_offset_h=0, reveal=lambda _: iter(()),
        )  # fmt: skip


def test_gravest_findings_come_first(found: Review) -> None:
    ranks = [("high", "medium", "low").index(f.severity) for f in found.findings]
    assert ranks == sorted(ranks)


def test_the_site_sets_thresholds_and_hours() -> None:
    text = """
[anomalies]
volume_factor = 8

[anomalies.agency_hours.yq-gaj]
from_h = 0
to_h = 24
days = [1, 2, 3, 4, 5, 6, 7]
"""
    section = msgspec.toml.decode(text, type=AuditSection).anomalies
    assert section.volume_factor == 8
    assert section.agency_hours["yq-gaj"].to_h == 24
    with pytest.raises(msgspec.ValidationError, match="to_h is not after from_h"):
        msgspec.toml.decode(text.replace("to_h = 24", "to_h = 0"), type=AuditSection)
