# SPDX-License-Identifier: Apache-2.0
"""The filters of `yizheng audit search` as options: one for each column that can be searched."""

import functools
import inspect
import re
import sys
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from gateway.errors import RequestError

if TYPE_CHECKING:
    from gateway.audit.index.query import Query, Span
    from gateway.config import Site
    from gateway.model.holder import Holder

#: Filter → what it is, for help. `gateway.audit.index.query.FILTERS` says in which column.
_HELP: Final = {
    "agency": "用证单位: id of the agency.",
    "operator": "经办人: id of the agency's operator.",
    "keyid": "Key that the request was signed with.",
    "terminal": "终端: where the operator sat.",
    "division": "区划: code of the division.",
    "item": "事项: code of the service item.",
    "case": "办件: case number.",
    "purpose": "用途: purpose, whole or its beginning with *.",
    "certificate": "证照: type of the certificate.",
    "operation": "query or verify.",
    "requested": "A field that was asked for.",
    "released": "A field whose value was given out.",
    "grant": "授权: id@version.",
    "result": "permit or deny.",
    "rule": "Rule that decided.",
    "outcome": "found, not_found, match, mismatch, refused, unavailable; done.",
    "code": "Code of the refusal.",
    "served-from": "source or cache.",
    "adapter": "Adapter of the department.",
    "kind": "lookup, act or event.",
    "actor": "Who did something with the log.",
    "action": "search, view, export, ...",
    "subject": "What an act was about.",
    "id": "Request id, or id of an act.",
    "epoch": "Key epoch, e.g. 2026-11.",
    "scheme": "cn-id or cn-uscc.",
}
_SPAN: Final = re.compile(r"([0-9]{1,15})?(\.\.)?([0-9]{1,15})?")
_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_MILLISECOND: Final = timedelta(milliseconds=1)


def make_query(
    site: "Site",
    terms: dict[str, tuple[str, ...]],
    *,
    begin: Annotated[
        str | None, typer.Option("--from", help="Day in the site's zone, or RFC 3339 instant.")
    ] = None,
    end: Annotated[str | None, typer.Option("--to", help="The same; included.")] = None,
    index: Annotated[str | None, typer.Option(help="Indices: 7, 7.., ..9 or 7..9.")] = None,
    adapter_ms: Annotated[
        str | None, typer.Option(help="Milliseconds that the department took: 500..")
    ] = None,
    holder: Annotated[
        bool, typer.Option("--holder", help="Ask for a holder's number, hidden, or read stdin.")
    ] = False,
    holder_file: Annotated[
        Path | None, typer.Option(help="Read the holder's number from there; - is stdin.")
    ] = None,
    holder_scheme: Annotated[str, typer.Option(help="cn-id or cn-uscc.")] = "cn-id",
) -> "tuple[Query, Holder | None]":
    """The query that the options ask for, and the holder in it."""
    from gateway.audit.index.query import Query

    wanted = read_holder(holder_file, holder_scheme, site) if holder or holder_file else None
    query = Query(
        terms=terms,
        time_ms=parse_times(begin, end, site.config.site.utc_offset_h),
        index=None if index is None else parse_span(index),
        adapter_ms=None if adapter_ms is None else parse_span(adapter_ms),
        holder=None if wanted is None else blind_indices(site, wanted),
    )
    return query, wanted


def with_query(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options of a query; it receives `ask`: from a site to `make_query`."""
    ranges = _parameters(make_query, but={"site", "terms"})
    own = _parameters(command, but={"ask"})
    filters = [
        inspect.Parameter(
            name.replace("-", "_"),
            inspect.Parameter.KEYWORD_ONLY,
            default=None,
            annotation=Annotated[
                list[str] | None, typer.Option(f"--{name}", help=text, rich_help_panel="Filters")
            ],
        )
        for name, text in _HELP.items()
    ]

    def filtered(**options: Any) -> None:
        found = {each.name: options.pop(each.name) for each in filters}
        terms = {name: _encodable(name, values) for name, values in found.items() if values}
        asked = {each.name: options.pop(each.name) for each in ranges}
        command(ask=functools.partial(make_query, terms=terms, **asked), **options)

    shown = [*own, *ranges, *filters]
    filtered.__name__, filtered.__doc__ = command.__name__, command.__doc__
    filtered.__signature__ = inspect.Signature(shown)  # type: ignore[attr-defined] # typer reads it
    filtered.__annotations__ = {each.name: each.annotation for each in shown}
    return filtered


def _encodable(name: str, values: list[str]) -> tuple[str, ...]:
    """A terminal of another encoding gives halves of characters, which nothing can be sought by."""
    try:
        for value in values:
            value.encode()
    except UnicodeEncodeError:
        option = name.replace("_", "-")
        raise RequestError(
            "REASON_REFUSED", f"`--{option}` is not UTF-8: use a UTF-8 terminal"
        ) from None
    return tuple(values)


def _parameters(function: Callable[..., object], *, but: set[str]) -> list[inspect.Parameter]:
    return [
        each.replace(kind=inspect.Parameter.KEYWORD_ONLY)
        for each in inspect.signature(function).parameters.values()
        if each.name not in but
    ]


def parse_span(text: str) -> "Span":
    """Read `7`, `7..`, `..9` or `7..9`; both ends are included.

    Raises:
        RequestError: PERIOD_INVALID.
    """
    from gateway.audit.index.query import Span

    found = _SPAN.fullmatch(text)
    if found is None or text in {"", ".."} or (found[3] and not found[2]):
        raise RequestError("PERIOD_INVALID", "a range is written 7, 7.., ..9 or 7..9")
    least = int(found[1]) if found[1] else None
    most = int(found[3]) if found[3] else None
    return Span(least, most if found[2] else least)


def parse_times(begin: str | None, end: str | None, utc_offset_h: float) -> "Span | None":
    """Read `--from` and `--to`: RFC 3339 instants, or days of the site's zone, both included.

    Raises:
        RequestError: PERIOD_INVALID.
    """
    from gateway.audit.index.query import Span

    if begin is None and end is None:
        return None
    zone = timezone(timedelta(hours=utc_offset_h))
    return Span(
        None if begin is None else _parse_ms(begin, zone, timedelta()),
        None if end is None else _parse_ms(end, zone, timedelta(days=1) - _MILLISECOND),
    )


def _parse_ms(text: str, zone: timezone, into_day: timedelta) -> int:
    from gateway.audit.index.build import time_ms_of
    from gateway.audit.index.rows import format_ms

    try:
        if _DAY.fullmatch(text):
            at = datetime.fromisoformat(text).replace(tzinfo=zone) + into_day
            text = at.isoformat()
        time_ms = time_ms_of(text)
        format_ms(time_ms)  # the first and the last day of the calendar do not exist in every zone
    except (ValueError, OverflowError, TypeError):
        raise RequestError(
            "PERIOD_INVALID", "a time is a day (2026-11-22) or an instant with its zone"
        ) from None
    return time_ms


def read_holder(file: Path | None, scheme: str, site: "Site") -> "Holder":
    """Read a holder's number from a file, from standard input, or at a hidden prompt.

    Raises:
        RequestError: HOLDER_INVALID.
        SetupError: the file cannot be read.
    """
    from gateway.errors import SetupError
    from gateway.model.ids import parse_holder
    from gateway.model.lookup import HolderReference

    if scheme not in {"cn-id", "cn-uscc"}:
        raise RequestError("HOLDER_INVALID", "the scheme is cn-id or cn-uscc")
    if file is not None and str(file) != "-":
        try:
            number = file.read_text().strip()
        except (OSError, UnicodeDecodeError) as error:
            raise SetupError(
                f"cannot be read: {type(error).__name__}",
                where=str(file),
                remedy="name a file that holds one number.",
            ) from None
    elif sys.stdin.isatty():
        number = typer.prompt("号码 number", hide_input=True)
    else:
        number = sys.stdin.readline().strip()
    zone = timezone(timedelta(hours=site.config.site.utc_offset_h))
    reference = HolderReference(scheme, number)  # type: ignore[arg-type] # checked above
    return parse_holder(reference, today=datetime.now(zone).date())


def blind_indices(site: "Site", holder: "Holder") -> tuple[bytes, ...]:
    """What the log knows a holder by, in each epoch whose keys are there.

    Raises:
        SetupError: the keys cannot be read.
    """
    from gateway import keyring
    from gateway.crypto.digest import b64url_decode

    return tuple(
        b64url_decode(keyring.epoch_cipher(site, epoch).index_of(holder.scheme, holder.number))
        for epoch in keyring.kept_epochs(site)
    )


def format_query(query: "Query") -> dict[str, object]:
    """A query as it is recorded and shown; the holder stands elsewhere."""
    from gateway.audit.index.rows import format_ms

    written: dict[str, object] = {name: list(values) for name, values in query.terms.items()}
    if query.time_ms is not None:
        least, most = query.time_ms.least, query.time_ms.most
        written["from"] = None if least is None else format_ms(least)
        written["to"] = None if most is None else format_ms(most)
    for name, span in (("index", query.index), ("adapter_ms", query.adapter_ms)):
        if span is not None:
            written[name] = [span.least, span.most]
    return {name: value for name, value in written.items() if value is not None}
