# SPDX-License-Identifier: Apache-2.0
"""`yizheng audit anomalies`: what in the log is worth a person's look."""

import sys
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from gateway.cli.audit_filters import parse_times
from gateway.cli.auditor import AsOption, AuditorKeyOption, ReasonOption, open_desk
from gateway.cli.config import SiteOption
from gateway.cli.output import EXIT_REFUSED, JsonOption, print_json, print_table
from gateway.errors import RequestError

if TYPE_CHECKING:
    from collections.abc import Callable

    from gateway.audit.anomaly.run import Review
    from gateway.audit.anomaly.view import Period
    from gateway.config import Site
    from gateway.crypto.identity import EpochCipher

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_DEFAULT_PERIOD: Final = timedelta(days=30)
_ROWS_SHOWN: Final = 5


def anomalies(
    auditor: AsOption,
    key: AuditorKeyOption,
    reason: ReasonOption,
    begin: Annotated[
        str | None, typer.Option("--from", help="A day or an instant; default 30 days before --to.")
    ] = None,
    end: Annotated[
        str | None, typer.Option("--to", help="A day or an instant, included; default now.")
    ] = None,
    rule: Annotated[list[str] | None, typer.Option(help="Only this rule. May be repeated.")] = None,
    fail: Annotated[
        bool, typer.Option("--fail", help="Exit code 1 when anything is found.")
    ] = False,
    site: SiteOption = Path(),
    as_json: JsonOption = False,
) -> int:
    """Run the anomaly rules over a period, with each finding's reason and records.

    The act is recorded before any record is looked at. Holders stay masked.

    Example: `yizheng audit anomalies --from 2026-11-01 --as zhao --key zhao.pem --reason "monthly"`
    """
    from gateway.audit.anomaly.rules import RULES
    from gateway.config import load_site
    from gateway.model.instant import format_time_s

    rules = tuple(dict.fromkeys(rule or RULES))
    if unknown := sorted(set(rules) - set(RULES)):
        raise typer.BadParameter(f"no rule `{unknown[0]}`; there are {', '.join(RULES)}")
    loaded = load_site(site)
    period = _parse_period(begin, end, loaded.config.site.utc_offset_h)
    shown = {"from": format_time_s(period.begin), "to": format_time_s(period.end)}
    desk = open_desk(loaded, auditor, key)
    # Scans are seen in numbers, which are opened: so the act comes before the work, not only
    # before its result.
    index, _ = desk.record("anomalies", reason=reason, query={**shown, "rules": list(rules)})
    outcome, size = _review(loaded, period, rules, progress_shown=not as_json)
    if as_json:
        print_json({"act": index, **shown, "records": size, "review": outcome})
    else:
        _print(outcome, size, f"Anomalies 异常 {shown['from']} – {shown['to']}")
    return EXIT_REFUSED if fail and outcome.findings else 0


def cipher_by_epoch(site: "Site") -> "Callable[[str], EpochCipher | None]":
    """The keys of an epoch, each loaded once; None where they are gone."""
    from functools import cache

    from gateway import keyring

    kept = frozenset(keyring.kept_epochs(site))
    return cache(lambda epoch: keyring.epoch_cipher(site, epoch) if epoch in kept else None)


def _parse_period(begin: str | None, end: str | None, utc_offset_h: float) -> "Period":
    from gateway.audit.anomaly.view import Period

    span = parse_times(begin, end, utc_offset_h)
    least, most = (None, None) if span is None else (span.least, span.most)
    try:
        until = datetime.now(UTC) if most is None else _at(most) + timedelta(milliseconds=1)
        since = until - _DEFAULT_PERIOD if least is None else _at(least)
    except OverflowError:
        raise RequestError("PERIOD_INVALID", "the period goes beyond the calendar") from None
    if since >= until:
        raise RequestError("PERIOD_INVALID", "the period ends before it begins")
    return Period(since, until)


def _at(time_ms: int) -> datetime:
    return _EPOCH + timedelta(milliseconds=time_ms)


def _review(
    site: "Site", period: "Period", rules: tuple[str, ...], *, progress_shown: bool
) -> tuple["Review", int]:
    """What the rules found, and the size of the log."""
    from gateway.audit.anomaly.run import reveal_from, review
    from gateway.audit.anomaly.view import View
    from gateway.audit.store.reader import LogReader
    from gateway.cli.progress import Progress

    with closing(LogReader.open(site.state / "audit")) as reader:
        view = View.open(
            site.state / "index",
            period,
            site.config.audit.anomalies,
            utc_offset_h=site.config.site.utc_offset_h,
            reveal=reveal_from(reader, cipher_by_epoch(site)),
        )
        with closing(view), Progress("rules", shown=progress_shown and sys.stderr.isatty()) as bar:
            return review(view, rules, bar.update), reader.size()


def _print(outcome: "Review", size: int, title: str) -> None:
    rows = [
        (
            found.severity,
            found.rule,
            found.operator or found.agency,
            f"{found.sentence.zh}\n{found.sentence.en}",
            " ".join(map(str, found.rows[:_ROWS_SHOWN]))
            + (f" … ({len(found.rows)})" if len(found.rows) > _ROWS_SHOWN else ""),
        )
        for found in outcome.findings
    ]
    print_table(title, ["severity", "rule", "who", "what", "records"], rows)
    if size > outcome.indexed:
        sys.stdout.write(f"{size - outcome.indexed} records are not in the index yet\n")
    for note in outcome.notes:
        sys.stdout.write(f"{note.zh}\n{note.en}\n")
