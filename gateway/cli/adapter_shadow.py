# SPDX-License-Identifier: Apache-2.0
"""`yizheng adapter shadow`: the same questions to an adapter and to the one that shall follow it.

| code | meaning |
|---|---|
| 0 | every answer is the same |
| 1 | answers differ |
| 78 | an adapter or a question cannot be used |
"""

import asyncio
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from gateway.cli.output import EXIT_REFUSED, JsonOption, print_json, print_table, read_named
from gateway.errors import SetupError

if TYPE_CHECKING:  # not at run time, so that `--help` stays fast
    from gateway.conformance import Sample
    from gateway.conformance.shadow import Difference, Side

#: Differences that are told one by one, where values are shown.
_MAX_SHOWN: Final = 100


def shadow(
    old: Annotated[str, typer.Argument(help="The adapter in use; see above.")],
    new: Annotated[str, typer.Argument(help="The one that shall take its place.")],
    holders: Annotated[
        Path | None, typer.Option(help="File of questions; standard input unless given.")
    ] = None,
    site: Annotated[
        Path | None,
        typer.Option(help="A site whose adapters OLD and NEW are; a disabled one will do."),
    ] = None,
    timeout_s: Annotated[float, typer.Option(min=0.1, max=60, help="For one question.")] = 5.0,
    show_values: Annotated[
        bool, typer.Option("--show-values", help="Show what differs. It is personal data.")
    ] = False,
    as_json: JsonOption = False,
) -> int:
    """Ask two adapters the same questions and tell in which fields the answers differ.

    A question is a line: a holder's number, or JSON with `number`, `scheme`, `certificate`,
    `claims`. OLD and NEW are folders with a conformance.toml, plugins or distributions; with
    --site, names of the site's adapters.

    Example: `yizheng adapter shadow housing_fund housing_fund_v2 --site my-site < numbers.txt`
    """
    from gateway.conformance.shadow import shadow as compare

    samples = list(_samples(holders))
    with ExitStack() as stack:
        before, after = (
            _site_side(site, name) if site is not None else _side(name, stack)
            for name in (old, new)
        )
        count, differences = asyncio.run(compare(before, after, samples, timeout_s=timeout_s))
    if as_json:
        _print_json(count, differences, show_values=show_values)
    else:
        _print_people(count, differences, show_values=show_values)
    return EXIT_REFUSED if differences else 0


def _side(named: str, stack: ExitStack) -> "Side":
    from gateway.conformance import subject_of
    from gateway.conformance.manifest import FILE
    from gateway.conformance.plugin import folder_of
    from gateway.conformance.shadow import Side

    subject = stack.enter_context(subject_of(folder_of(named) / FILE))
    return Side(subject.adapter.plugin, subject.adapter, subject.settings, subject.secret_source())


def _site_side(folder: Path, name: str) -> "Side":
    from gateway.config import load_site
    from gateway.conformance.shadow import Side
    from gateway.registry.loader import load_adapter_class
    from gateway.secret_source import secret_source

    found = next((adapter for adapter in load_site(folder).adapters if adapter.name == name), None)
    where = f"{folder}/adapters/{name}.toml"
    if found is None:
        raise SetupError("is not there", where=where, remedy="name an adapter of the site.")
    adapter = load_adapter_class(found)
    return Side(name, adapter, found.settings, secret_source(folder, where))


def _samples(holders: Path | None) -> "Iterator[Sample]":
    """The questions; a mistake names the line and repeats nothing of it."""
    from datetime import UTC, datetime

    import msgspec

    from gateway.conformance import Sample
    from gateway.errors import RequestError
    from gateway.model.ids import parse_holder
    from gateway.model.lookup import HolderReference

    content = sys.stdin.buffer.read() if holders is None else read_named(holders, "questions")
    for number, line in enumerate(content.splitlines(), start=1):
        text = line.strip()
        if not text:
            continue
        try:
            sample = (
                msgspec.json.decode(text, type=Sample)
                if text.startswith(b"{")
                else Sample(text.decode("ascii", "replace"))
            )
            reference = HolderReference(sample.scheme, sample.number, sample.name)
            holder = parse_holder(reference, today=datetime.now(UTC).date())
        except (msgspec.DecodeError, UnicodeDecodeError, RequestError) as error:
            detail = error.detail if isinstance(error, RequestError) else "no JSON of a question"
            raise SetupError(
                detail, where=f"line {number}", remedy="write a number, or JSON with `number`."
            ) from None
        yield msgspec.structs.replace(sample, number=holder.number, name=holder.name)


def _print_json(count: int, differences: "list[Difference]", *, show_values: bool) -> None:
    told: list[dict[str, Any]] = []
    for found in differences:
        one: dict[str, Any] = {
            "line": found.line,
            "certificate": found.certificate,
            "field": found.field,
            "kind": found.kind,
        }
        if show_values or found.kind == "outcome":
            one |= {"old": found.old, "new": found.new}
        told.append(one)
    print_json({"asked": count, "same": not differences, "differences": told})


def _print_people(count: int, differences: "list[Difference]", *, show_values: bool) -> None:
    lines = len({found.line for found in differences})
    title = f"{count} questions, {lines} answered differently"
    if show_values:
        rows = [[d.line, d.certificate, d.field, d.kind, d.old, d.new] for d in differences]
        columns = ["line", "certificate", "field", "kind", "old", "new"]
        print_table(title, columns, rows[:_MAX_SHOWN])
        if len(rows) > _MAX_SHOWN:
            typer.echo(f"and {len(rows) - _MAX_SHOWN} more; --json tells all")
        return
    counts = Counter((d.certificate, d.field or "", _kind(d)) for d in differences)
    print_table(
        title,
        ["certificate", "field", "kind", "lines"],
        [[*what, number] for what, number in counts.most_common()],
    )


def _kind(found: "Difference") -> str:
    return f"{found.old} → {found.new}" if found.kind == "outcome" else found.kind
