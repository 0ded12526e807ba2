# SPDX-License-Identifier: Apache-2.0
"""`yizheng kpi`: how each department did in a month, frozen and signed (clause 8.3.2).

Making a report reads the log, so it is recorded in it first, as every reading.
"""

import asyncio
import sys
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from gateway.cli.auditor import AsOption, AuditorKeyOption, ReasonOption, open_desk
from gateway.cli.config import SiteOption
from gateway.cli.indexed import opened_index
from gateway.cli.output import JsonOption, print_json, print_table
from gateway.cli.period import month_span

if TYPE_CHECKING:
    from gateway.config import Site
    from gateway.supervision.kpi_report import KpiReport

app: Final = typer.Typer(help="Monthly figures 考核指标 of departments.", no_args_is_help=True)
_KINDS: Final = ("complaint", "rating", "corrective", "correction")
#: Seconds that a running gateway is given to index everything: a frozen report lacks nothing.
_PATIENCE_S: Final = 15.0
_LAST_MS: Final = timedelta(milliseconds=1)


@app.command("report")
def report(
    auditor: AsOption,
    key: AuditorKeyOption,
    reason: ReasonOption,
    month: Annotated[datetime, typer.Option(formats=["%Y-%m"], help="Such as 2026-11.")],
    preliminary: Annotated[
        bool, typer.Option("--preliminary", help="Of a month that is not over; not frozen.")
    ] = False,
    site: SiteOption = Path(),
    as_json: JsonOption = False,
) -> None:
    """Write a month's report as XLSX, JSON and JWS into `var/reports`; a final one only once.

    Example: `yizheng kpi report --month 2026-11 --as zhao --key zhao.pem --reason "monthly report"`
    """
    from gateway.config import load_site
    from gateway.errors import RequestError
    from gateway.frozen_reports import FrozenReports
    from gateway.keyring import gateway_signer
    from gateway.supervision.kpi_report import format_report

    loaded = load_site(site)
    desk = open_desk(loaded, auditor, key)
    desk.allow("search")
    first, end = month_span(loaded, month)
    if (end > datetime.now(UTC)) != preliminary:
        raise RequestError(
            "PERIOD_INVALID", "--preliminary is for a month that is not over, and only for one"
        )
    name, reports, is_final = f"{month:%Y-%m}", FrozenReports(loaded.state), not preliminary
    files = reports.files(name, is_final=is_final)
    if is_final:
        reports.check_absent(name)
    made = _make(loaded, first, end, month=name, is_final=is_final)
    index, _ = desk.record(
        "search", reason=reason, subject=files[0].stem,
        query={"from": str(first), "to": str(end)}, count=made.indexed,
    )  # fmt: skip
    reports.write(name, format_report(made, gateway_signer(loaded)), is_final=is_final)
    if as_json:
        print_json({"files": [str(file) for file in files], "act_index": index, "report": made})
        return
    columns = ["department", "asked_count", "availability", "error_share", "p50_ms", "p95_ms",
               "stale_count"]  # fmt: skip
    print_table(
        f"KPI {made.month}: {files[0]}",
        [*columns, "overdue", "items not using data"],
        (
            [*(getattr(each, name) for name in columns), len(each.overdue),
             len(each.items_not_using)]
            for each in made.figures
        ),
    )  # fmt: skip


def _make(
    site: "Site", first: datetime, end: datetime, *, month: str, is_final: bool
) -> "KpiReport":
    import msgspec

    from gateway.audit.seen import SeenLog
    from gateway.errors import RequestError
    from gateway.model.instant import format_time_s, unix_ms
    from gateway.monitoring import Monitoring
    from gateway.registry.site import load_departments
    from gateway.supervising import Supervision
    from gateway.supervision.kpi import measure
    from gateway.supervision.kpi_report import KpiReport

    names = load_departments(site).certificates
    with (
        closing(Supervision.open(site)) as opened,
        opened_index(site, shown=sys.stderr.isatty(), patience_s=_PATIENCE_S) as (reader, behind),
    ):
        if behind and is_final:
            raise RequestError("PERIOD_INVALID", f"the index lacks {behind} records; try again")
        figures = measure(
            SeenLog(reader).between(unix_ms(first), unix_ms(end - _LAST_MS)),
            certificates={name: name.partition(".")[0] for name in names},
            items=site.items,
            matters=(each for kind in _KINDS for each in opened.matters.list_matters(kind)),
            first=first.date(),
            last=(end - _LAST_MS).date(),
            zone=opened.zone,
            today=opened.today(),
        )
        repeated = asyncio.run(Monitoring(site, opened).rank_repeated(SeenLog(reader), first, end))
        indexed = reader.size()
    return KpiReport(
        site=site.config.site.name,
        origin=site.config.site.origin,
        month=month,
        is_final=is_final,
        made_at=format_time_s(datetime.now(UTC)),
        indexed=indexed,
        not_indexed=behind,
        figures=figures,
        repeated=tuple(msgspec.structs.replace(line, cases=()) for line in repeated),
    )
