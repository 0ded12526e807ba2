# SPDX-License-Identifier: Apache-2.0
"""Results for people: `bench/RESULTS.md`, and the table on a terminal."""

from collections.abc import Iterator
from typing import Final

from rich.console import Console
from rich.table import Table

from bench.system.ratios import Spread
from bench.system.results import GOALS, TITLES, Results

_HEAD: Final = """\
<!-- SPDX-License-Identifier: Apache-2.0 -->
<!-- Written by `make bench`; do not edit. -->
# What the last run of the system benchmark found

Medians of ratios of shots that were taken in turns, with quartiles. How it is measured, and what
the floor and the peers do and do not do: [README.md](README.md).

![Ratios and their quartiles](results/latest.svg)
"""


def format_report(results: Results) -> str:
    """The page."""
    return "\n".join([_HEAD, *_lines(results)])


def show_table(results: Results, console: Console) -> None:
    """The same as a table, in short."""
    table = Table(title=f"{results.mode} run, load by {results.load_generator}")
    for name in ("figure", "median", "quartiles", "goal", ""):
        table.add_column(name, justify="left" if name in {"figure", ""} else "right")
    for row in _rows(results):
        colour = {"reached": "green", "not reached": "red"}.get(row[-1], "dim")
        table.add_row(*row[:-1], f"[{colour}]{row[-1]}[/]")
    console.print(table)
    for note in results.notes:
        console.print(f"• {note}", markup=False)


def _lines(results: Results) -> Iterator[str]:
    yield (
        f"{results.date}, commit `{results.commit or 'unknown'}`, a {results.mode} run, "
        f"load by {results.load_generator}.\n"
    )
    yield "| figure | median | quartiles | goal | |\n|---|--:|--:|--:|---|"
    for row in _rows(results):
        yield f"| {' | '.join(row)} |"
    yield "\n## Notes\n"
    for note in results.notes or ["Nothing was left out, and nothing disturbed."]:
        yield f"- {note}"
    yield "\n## Machine\n\n| | |\n|---|---|"
    for name, words in results.machine.items():
        yield f"| {name} | {words} |"
    yield "\n## Figures\n\nOnly to be read beside each other: they are of that machine and hour.\n"
    yield "| figure | median | quartiles | shots |\n|---|--:|--:|--:|"
    for name, value in sorted(results.figures.items()):
        found = results.spread[name]
        yield f"| `{name}` | {_number(value)} | {_quartiles(found)} | {found.count} |"
    yield ""


def _rows(results: Results) -> Iterator[tuple[str, str, str, str, str]]:
    goals = {goal.name: goal for goal in GOALS}
    for name, title in TITLES.items():
        goal, value = goals.get(name), results.ratios.get(name)
        promised = "" if goal is None else f"{goal.sign} {goal.value:,g} {goal.unit}".strip()
        if value is None:
            yield title, "–", "–", promised, "not measured"
            continue
        verdict = "" if goal is None else "reached" if goal.is_reached(value) else "not reached"
        yield title, _number(value), _quartiles(results.spread[name]), promised, verdict


def _quartiles(found: Spread) -> str:
    if found.count == 1:
        return "one value"
    return f"{_number(found.first_quartile)} – {_number(found.third_quartile)}"


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
