# SPDX-License-Identifier: Apache-2.0
"""`yizheng audit search`, `view` and `index`: find records, and read one.

Whoever reads the log is recorded in it first (`gateway.audit.desk`). What was searched, how much of
the log that is, and what is left stands in every answer: no result is cut in silence.
"""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from gateway.cli.audit_filters import format_query, with_query
from gateway.cli.auditor import AsOption, AuditorKeyOption, ReasonOption, open_desk
from gateway.cli.config import SiteOption
from gateway.cli.indexed import opened_index
from gateway.cli.output import JsonOption, print_json, print_table
from gateway.errors import RequestError

if TYPE_CHECKING:
    from gateway.audit.desk import Desk
    from gateway.audit.export_rows import Format
    from gateway.audit.index.query import Query
    from gateway.audit.index.rows import Found, Shown
    from gateway.config import Site
    from gateway.model.act import Act, Action
    from gateway.model.holder import Holder

    Ask = Callable[[Site], tuple[Query, Holder | None]]

_COLUMNS: Final = (
    "index",
    "time",
    "agency",
    "operator",
    "case",
    "holder",
    "certificate",
    "outcome",
    "served_from",
)
_SHOWN_COUNT: Final = 50
_MAX_INDEX_DIGITS: Final = 18
_TELL_COUNT: Final = 1000

index_app: Final = typer.Typer(help="Build the search index, or see it.", no_args_is_help=True)


@with_query
def search(
    *,
    auditor: AsOption,
    key: AuditorKeyOption,
    reason: ReasonOption,
    ask: "Ask",
    facets: Annotated[str | None, typer.Option(help="Count by these: agency,outcome,...")] = None,
    limit: Annotated[
        int | None, typer.Option(min=1, help="At most so many records; else 50, or all in a file.")
    ] = None,
    oldest_first: Annotated[bool, typer.Option("--oldest-first", help="Not the newest.")] = False,
    cursor: Annotated[int | None, typer.Option(min=0, help="Go on behind that index.")] = None,
    form: Annotated[str | None, typer.Option("--format", help="csv, xlsx or jsonl.")] = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="File to write.")] = None,
    site: SiteOption = Path(),
    as_json: JsonOption = False,
) -> None:
    """Find records; the search is recorded before anything is shown.

    Filters are joined by AND; one that is repeated, by OR; a value that ends in * is a beginning.

    Example: `yizheng audit search --agency "yq-*" --outcome refused --from 2026-11-01 --as zhao
    --key zhao.pem --reason "monthly review"`
    """
    from itertools import islice

    form = _check_form(form, output)
    names = _facet_names(facets)
    loaded, desk = _desk(site, auditor, key, reason, "search" if form is None else "export")
    query, holder = ask(loaded)
    with opened_index(loaded, shown=sys.stderr.isatty() and not as_json) as (reader, behind):
        sought = _Search(
            desk, reason, query, holder, reader.search(query, names), behind, not oldest_first
        )
        if form is None:
            page = sought.page(limit or _SHOWN_COUNT, cursor)
            sought.record("search", len(page))
            _show(sought, list(reader.rows(page)), as_json=as_json)
            return
        count = sought.count(limit, cursor)
        sought.record("export", count)
        indices = islice(sought.found.indices(newest_first=not oldest_first, after=cursor), count)
        assert output is not None
        _export(sought, reader.rows(indices), count, form, output, as_json=as_json)


def view(
    record: Annotated[str, typer.Argument(help="Index, or request id.")],
    *,
    auditor: AsOption,
    key: AuditorKeyOption,
    reason: ReasonOption,
    site: SiteOption = Path(),
    as_json: JsonOption = False,
) -> None:
    """Show one record in full, its holder masked; the view is recorded first.

    Example: `yizheng audit view 4711 --as zhao --key zhao.pem --reason "complaint 12"`
    """
    import msgspec

    from gateway.audit.store.reader import LogReader
    from gateway.model.record import parse_record

    loaded, desk = _desk(site, auditor, key, reason, "view")
    if record.isdecimal() and len(record) <= _MAX_INDEX_DIGITS:
        index: int | None = int(record)
    else:
        with opened_index(loaded, shown=sys.stderr.isatty() and not as_json) as (searched, _):
            index = searched.index_of(record)
    reader = LogReader.open(loaded.state / "audit")
    try:
        if index is None or index >= reader.size():
            raise RequestError("RECORD_UNKNOWN")
        found = parse_record(reader.entry(index))
    finally:
        reader.close()
    desk.record("view", reason=reason, subject=found.id, count=1)
    members = {"index": index, **msgspec.to_builtins(found)}
    if as_json:
        print_json(members)
        return
    rows = [(name, _text(value)) for name, value in members.items() if value not in (None, "")]
    print_table(f"Record 记录 {index}", ["member", "value"], rows)


@index_app.command("build")
def build(site: SiteOption = Path(), as_json: JsonOption = False) -> None:
    """Build the search index anew from the log; a gateway that serves does so by itself.

    Example: `yizheng audit index build --site my-site`
    """
    from gateway.audit.index.follow import catch_up
    from gateway.cli.progress import Progress
    from gateway.config import load_site
    from gateway.keyring import kept_epochs, log_verifier

    loaded = load_site(site)
    with Progress("index", shown=sys.stderr.isatty() and not as_json) as progress:
        catch_up(
            loaded.state / "audit",
            loaded.state / "index",
            log_verifier(loaded),
            lambda: kept_epochs(loaded),
            anew=True,
            progress=progress.update,
        )
    status(site, as_json=as_json)


@index_app.command("status")
def status(site: SiteOption = Path(), as_json: JsonOption = False) -> None:
    """Show how far the search index has come.

    Example: `yizheng audit index status --json`
    """
    from contextlib import closing

    from gateway.audit.index.follow import index_state
    from gateway.audit.index.rows import IndexReader
    from gateway.config import load_site

    loaded = load_site(site)
    folder = loaded.state / "index"
    state = index_state(loaded.state / "audit", folder)
    facts: dict[str, object] = {"state": state}
    if state == "ok" or state.startswith("behind"):
        with closing(IndexReader.open(folder)) as reader:
            facts["indexed"] = reader.size()
    if as_json:
        print_json(facts)
    else:
        print_table("Search index 检索索引", ["what", "value"], facts.items())


class _Search:
    """One search, and what is said of it."""

    def __init__(
        self,
        desk: "Desk",
        reason: str,
        query: "Query",
        holder: "Holder | None",
        found: "Found",
        behind: int,
        newest_first: bool,
    ) -> None:
        self.found: Final = found
        self.left = 0
        self._desk: Final = desk
        self._reason: Final = reason
        self._query: Final = query
        self._holder: Final = holder
        self._behind: Final = behind
        self._newest_first: Final = newest_first
        self._recorded: tuple[int, Act] | None = None

    def page(self, limit: int, cursor: int | None) -> list[int]:
        """The indices to show; what is left after them is in `left`."""
        page = self.found.page(limit, newest_first=self._newest_first, after=cursor)
        if page:
            self.left = self.found.left(newest_first=self._newest_first, after=page[-1])
        return page

    def count(self, limit: int | None, cursor: int | None) -> int:
        """How many records go into a file; what is left after them is in `left`."""
        there = self.found.total
        if cursor is not None:
            there = self.found.left(newest_first=self._newest_first, after=cursor)
        count = there if limit is None else min(limit, there)
        self.left = there - count
        return count

    def record(self, action: str, count: int) -> None:
        """Record the act; nothing is shown before."""
        self._recorded = self._desk.record(
            action,  # type: ignore[arg-type] # two of its words
            reason=self._reason,
            query=format_query(self._query),
            holder=self._holder,
            count=count,
        )

    def about(self) -> dict[str, str | int]:
        """What was searched, by whom, and how much of the log that is."""
        from gateway.audit.index.query import Span
        from gateway.audit.index.rows import format_ms

        assert self._recorded is not None
        index, act = self._recorded
        time_ms = self._query.time_ms or Span()
        first_ms = self.found.first_ms if time_ms.least is None else time_ms.least
        last_ms = self.found.last_ms if time_ms.most is None else time_ms.most
        import msgspec

        return {
            "total": self.found.total,
            "left": self.left,
            "query": msgspec.json.encode(format_query(self._query), order="sorted").decode(),
            "holder": self._holder.masked if self._holder else "",
            "from": "" if first_ms is None else format_ms(first_ms),
            "to": "" if last_ms is None else format_ms(last_ms),
            "indexed": self.found.indexed,
            "not_indexed": self._behind,
            "auditor": act.actor,
            "time": act.time,
            "reason": act.reason or "",
            "act": act.id,
            "act_index": index,
        }


def _show(sought: _Search, rows: "list[Shown]", *, as_json: bool) -> None:
    about, cursor = sought.about(), rows[-1]["index"] if rows and sought.left else None
    if as_json:
        facets = {each.name: each for each in sought.found.facets}
        print_json({**about, "exact": True, "cursor": cursor, "facets": facets, "rows": rows})
        return
    cells = [
        [row["actor"] if n == "agency" and row["actor"] else row[n] for n in _COLUMNS]
        for row in rows
    ]
    print_table("Records 审计记录", _COLUMNS, cells)
    for facet in sought.found.facets:
        more = facet.value_count - len(facet.counts)
        title = f"{facet.name}: {facet.value_count} values" + (
            f", {more} not shown" if more else ""
        )
        print_table(title, ["value", "records"], facet.counts)
    sys.stdout.write(
        f"{about['total']} records (exact), {len(rows)} shown"
        + (f", {sought.left} left: go on with --cursor {cursor}\n" if cursor is not None else "\n")
        + f"Searched entries below {about['indexed']}, each proved by a checkpoint; "
        f"{about['from']} to {about['to']}; {about['not_indexed']} newer not indexed yet\n"
        f"Recorded as entry {about['act_index']}, act {about['act']}\n"
    )


def _export(
    sought: _Search,
    rows: "Iterator[Shown]",
    count: int,
    form: "Format",
    output: Path,
    *,
    as_json: bool,
) -> None:
    from gateway.audit.export_rows import write_rows
    from gateway.cli.progress import Progress

    about = sought.about()
    with Progress("export", shown=sys.stderr.isatty() and not as_json) as progress:
        write_rows(output, form, _counted(rows, count, progress.update), about)
    if as_json:
        print_json({**about, "rows": count, "file": str(output)})
    else:
        facts = {"file": output, "rows": count, **about}
        print_table("Exported 已导出", ["what", "value"], facts.items())


def _counted(
    rows: "Iterator[Shown]", count: int, update: Callable[[int, int], None]
) -> "Iterator[Shown]":
    for done, row in enumerate(rows):
        if done % _TELL_COUNT == 0:
            update(done, count)
        yield row


def _desk(
    site: Path, auditor: str, key: Path, reason: str, action: "Action"
) -> "tuple[Site, Desk]":
    """The site, and the auditor at its desk, before any work is done."""
    from gateway.audit.desk import check_reason
    from gateway.config import load_site

    loaded = load_site(site)
    desk = open_desk(loaded, auditor, key)
    desk.allow(action)
    check_reason(reason)
    return loaded, desk


def _check_form(form: str | None, output: Path | None) -> "Format | None":
    if (form is None) != (output is None):
        raise typer.BadParameter("--format and --output belong together")
    if form not in {None, "csv", "xlsx", "jsonl"}:
        raise typer.BadParameter("--format is csv, xlsx or jsonl")
    return form  # type: ignore[return-value] # seen above


def _facet_names(text: str | None) -> tuple[str, ...]:
    from gateway.audit.index.facets import FACETS

    names = tuple(name.replace("-", "_") for name in text.split(",")) if text else ()
    if unknown := [name for name in names if name not in FACETS]:
        raise typer.BadParameter(f"no facet `{unknown[0]}`; there are {', '.join(FACETS)}")
    return names


def _text(value: object) -> str:
    import msgspec

    return value if isinstance(value, str) else msgspec.json.encode(value).decode()
