# SPDX-License-Identifier: Apache-2.0
"""The figures of docs/how-to/size-a-gateway.md, out of the last run: `python -m bench.sizing`.

1. What was measured stands in `results/latest.json` and `results/audit.json`, and nowhere else.
2. What is reckoned from it says so, with its assumptions in the same table.
3. A figure that a run left out is a dash, and so is all that would follow from it.
"""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec

from bench.audit_bytes import RESULT as AUDIT_FILE
from bench.audit_bytes import AuditBytes
from bench.system.results import Results, read_results

ROOT: Final = Path(__file__).parents[1]
PAGE: Final = ROOT / "docs/how-to/size-a-gateway.md"
RESULTS: Final = ROOT / "bench/results/latest.json"
BEGIN: Final = "<!-- Written by `make docs` from bench/results; do not edit. -->\n"
END: Final = "<!-- end -->\n"

#: Peak: all accesses fall into working hours, and the busiest hour has three times their mean.
_WORKING_S: Final = 250 * 8 * 3600
_PEAK: Final = 3
#: Part of what a node can do that is planned with; the rest is for misses, bursts and a neighbour.
_PLANNED: Final = 0.5
_SPARE_NODES: Final = 1
_RETENTION_YEARS: Final = 3
_PEOPLE: Final = (
    ("a province 省", 35_000_000),
    ("a large province", 100_000_000),
    ("all of them 全国", 1_400_000_000),
)
_PER_PERSON: Final = (2, 10, 50)
_TB: Final = 1e12


class Size(msgspec.Struct, frozen=True):
    """What so many accesses a year take.

    Attributes:
        nodes: of two cores, a spare one included; None where a node was not measured.
    """

    per_year: int
    peak_per_s: float
    nodes: int | None
    tb_per_year: float


def size_for(per_year: int, node_per_s: float | None, stored_bytes: int) -> Size:
    """Arithmetic from a year's accesses to nodes and disk."""
    peak_per_s = per_year / _WORKING_S * _PEAK
    nodes = None
    if node_per_s is not None:
        nodes = math.ceil(peak_per_s / (node_per_s * _PLANNED)) + _SPARE_NODES
    return Size(per_year, peak_per_s, nodes, per_year * stored_bytes / _TB)


def format_tables(results: Results, audit: AuditBytes) -> str:
    """The part of the page between its marks."""
    return "\n".join([*_measured(results, audit), *_nodes(results), *_people(results, audit), ""])


def _measured(results: Results, audit: AuditBytes) -> Iterator[str]:
    machine = results.machine
    yield "### Measured\n"
    yield (
        f"System benchmark: {results.date}, commit `{results.commit}`, a {results.mode} run; "
        f"{machine.get('cpu', 'unknown')}, {machine.get('cores', '?')} cores, "
        f"fsync {machine.get('fsync_ms', '?')} ms. "
        f"Log: {audit.date}, commit `{audit.commit}`, {audit.entry_count:,} lookups, "
        f"{audit.group_count:g} entries to a checkpoint.\n"
    )
    busy = [note for note in results.notes if "although others used the machine" in note]
    if busy:
        yield f"**Not an idle machine:** {busy[0]}. Take these figures for a lower bound.\n"
    yield "| what | figure |\n|---|--:|"
    for name, text in (
        ("gateway_p256_per_s", "cached queries a second, one worker on one core"),
        ("gateway_p256_cpu_us", "worker's CPU for one of them, µs"),
        ("sequencer_us_per_entry", "sequencer's CPU for one of them, µs"),
        ("two_workers_per_s", "cached queries a second, two workers, everything on two cores"),
        ("miss_per_s", "misses a second, one worker, one department on the same machine"),
        ("entries_per_s", "durable entries a second, the most that one node's log took"),
        ("cache_million_gib", "a million cached certificates in one worker, GiB"),
    ):
        yield f"| {text} | {_number(_figure(results, name))} |"
    yield f"| one entry, bytes | {audit.entry_bytes:,} |"
    yield f"| one entry on the disk, with all that is kept for it, bytes | {audit.stored_bytes:,} |"


def _nodes(results: Results) -> Iterator[str]:
    node = _figure(results, "two_workers_per_s")
    yield "\n### One, two and four nodes\n"
    yield "Nodes of two cores with two workers. One was measured; more are multiples, since nodes"
    yield "share nothing on the way of a request. Planned is half.\n"
    yield "| nodes | cached queries a second | planned |\n|--:|--:|--:|"
    for count in (1, 2, 4):
        whole = None if node is None else node * count
        planned = None if whole is None else whole * _PLANNED
        yield f"| {count} | {_number(whole)} | {_number(planned)} |"


def _people(results: Results, audit: AuditBytes) -> Iterator[str]:
    node = _figure(results, "two_workers_per_s")
    yield "\n### From people to machines\n"
    yield "Reckoned: 250 working days of 8 hours; the busiest hour has three times the mean of"
    yield "those hours; a node is planned with half of what it can do; one node is spare.\n"
    yield (
        "| people | accesses a person and year | a year | peak a second | nodes | TB a year | "
        "TB in 3 years |"
    )
    yield "|---|--:|--:|--:|--:|--:|--:|"
    for name, people in _PEOPLE:
        for each in _PER_PERSON:
            size = size_for(people * each, node, audit.stored_bytes)
            yield (
                f"| {name}, {people / 1e6:,.0f} M | {each} | {size.per_year / 1e6:,.0f} M | "
                f"{size.peak_per_s:,.0f} | {_number(size.nodes)} | "
                f"{_terabytes(size.tb_per_year)} | "
                f"{_terabytes(size.tb_per_year * _RETENTION_YEARS)} |"
            )


def _figure(results: Results, name: str) -> float | None:
    return results.ratios.get(name, results.figures.get(name))


def _number(value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:,.0f}" if abs(value) >= 100 or value == int(value) else f"{value:.3g}"


def _terabytes(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 else f"{value:.2g}"


def page_of(text: str, tables: str) -> str:
    """The page with its generated part replaced.

    Raises:
        ValueError: the page has no such part.
    """
    head, begin, rest = text.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not begin or not end:
        raise ValueError("the page has lost its marks")
    return f"{head}{BEGIN}\n{tables}\n{END}{tail}"


def current_page() -> str:
    """The page as it should be now."""
    audit = msgspec.json.decode(AUDIT_FILE.read_bytes(), type=AuditBytes)
    return page_of(PAGE.read_text(), format_tables(read_results(RESULTS), audit))


def main() -> None:
    """Write the page."""
    PAGE.write_text(current_page())


if __name__ == "__main__":
    main()
