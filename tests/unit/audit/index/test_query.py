# SPDX-License-Identifier: Apache-2.0
"""What a query selects is what reading every record would select; so are totals and facets."""

import os
from collections import Counter
from collections.abc import Iterator
from contextlib import closing

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bench.synthetic_log import CERTIFICATES, PURPOSES, citizen_number
from gateway.audit.index.build import row_of
from gateway.audit.index.facets import FACETS
from gateway.audit.index.query import FILTERS, Query, Span
from gateway.audit.index.rows import IndexReader
from gateway.audit.index.schema import MANY_VALUED, NAMES
from gateway.crypto.digest import b64url_decode
from tests.unit.audit.index.logs import IndexedLog

COUNT = min(int(os.environ.get("YIZHENG_ROWS", "5000")), 20_000)
Row = dict[str, object]


@pytest.fixture(scope="module")
def indexed(tmp_path_factory: pytest.TempPathFactory) -> IndexedLog:
    log = IndexedLog(tmp_path_factory.mktemp("log"))
    log.append(COUNT, 512)
    log.catch_up()
    return log


@pytest.fixture(scope="module")
def rows(indexed: IndexedLog) -> list[Row]:
    return [
        dict(zip(NAMES, row_of(index, record), strict=True))
        for index, record in enumerate(indexed.records)
    ]


@pytest.fixture
def reader(indexed: IndexedLog) -> Iterator[IndexReader]:
    with closing(IndexReader.open(indexed.index)) as opened:
        yield opened


def values_of(row: Row, column: str) -> list[str]:
    value = row[column]
    if value is None:
        return []
    return str(value).split(" ") if column in MANY_VALUED else [str(value)]


def fits(asked: str, value: str) -> bool:
    return value.startswith(asked[:-1]) if asked.endswith("*") else value == asked


def within(span: Span | None, value: object) -> bool:
    if span is None:
        return True
    return isinstance(value, int) and (
        (span.least is None or value >= span.least) and (span.most is None or value <= span.most)
    )


def selects(query: Query, row: Row) -> bool:
    return (
        all(
            any(fits(asked, value) for asked in values for value in values_of(row, FILTERS[name]))
            for name, values in query.terms.items()
        )
        and within(query.time_ms, row["time_ms"])
        and within(query.index, row["idx"])
        and within(query.adapter_ms, row["adapter_ms"])
        and (query.holder is None or row["ix"] in query.holder)
    )


def expected(query: Query, rows: list[Row]) -> list[int]:
    return [number for number, row in enumerate(rows) if selects(query, row)]


@pytest.mark.parametrize("name", sorted(FILTERS))
def test_every_filter_finds_a_value_and_its_beginning(
    name: str, reader: IndexReader, rows: list[Row]
) -> None:
    known = sorted({value for row in rows for value in values_of(row, FILTERS[name])})
    if name == "subject":
        assert known == []
        return
    for asked in (known[0], known[-1], f"{known[0][:3]}*", "*", "nothing", f"{known[0]}x*"):
        query = Query(terms={name: (asked,)})
        found = reader.search(query)
        assert found.page(COUNT, newest_first=False) == expected(query, rows), asked
        assert found.total == len(expected(query, rows))


SPANS = st.builds(
    Span,
    st.none() | st.integers(-5, COUNT + 5),
    st.none() | st.integers(-5, COUNT + 5),
)
TERMS = st.fixed_dictionaries(
    {},
    optional={
        "agency": st.lists(st.sampled_from(["yq-*", "ty-gjj", "*", "q"]), min_size=1).map(tuple),
        "outcome": st.lists(st.sampled_from(["found", "m*", "refused"]), min_size=1).map(tuple),
        "certificate": st.tuples(st.sampled_from([name for name, _ in CERTIFICATES])),
        "requested": st.lists(st.sampled_from(["name", "status", "b*"]), min_size=1).map(tuple),
        "case": st.tuples(st.sampled_from(["YQ2026*", "YQ202610*", "YQ20261005*", "*"])),
        "purpose": st.tuples(st.sampled_from([*PURPOSES, "住*"])),
    },
)


RANGES = st.tuples(st.none() | SPANS, st.none() | SPANS, st.none() | st.integers(0, COUNT - 1))


@settings(
    max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
@given(TERMS, RANGES)
def test_filters_together_select_what_reading_all_would(
    reader: IndexReader,
    rows: list[Row],
    terms: dict[str, tuple[str, ...]],
    ranges: tuple[Span | None, Span | None, int | None],
) -> None:
    index, adapter_ms, since = ranges
    time_ms = None
    if since is not None:
        times = sorted(int(str(row["time_ms"])) for row in rows)
        time_ms = Span(times[since], times[-1] - 1)
    query = Query(terms=terms, index=index, adapter_ms=adapter_ms, time_ms=time_ms)
    found = reader.search(query, ["agency", "released"])
    wanted = expected(query, rows)
    assert found.page(COUNT) == wanted[::-1]
    for facet in found.facets:
        counts = Counter(
            value for number in wanted for value in values_of(rows[number], FILTERS[facet.name])
        )
        assert facet.value_count == len(counts)
        assert dict(facet.counts).items() <= counts.items()
        assert [count for _, count in facet.counts] == sorted(counts.values(), reverse=True)[:20]


def test_every_facet_counts_all_records(reader: IndexReader, rows: list[Row]) -> None:
    for facet in reader.search(Query(), FACETS).facets:
        counts = Counter(value for row in rows for value in values_of(row, FILTERS[facet.name]))
        assert facet.value_count == len(counts)
        assert dict(facet.counts).items() <= counts.items()


def test_a_holder_is_found_in_every_epoch(
    indexed: IndexedLog, reader: IndexReader, rows: list[Row]
) -> None:
    asked = tuple(
        b64url_decode(cipher.index_of("cn-id", citizen_number(number)))
        for cipher in indexed.synthetic.ciphers.values()
        for number in range(50)
    )
    found = reader.search(Query(holder=asked))
    assert found.page(COUNT, newest_first=False) == expected(Query(holder=asked), rows)
    assert found.total > 0
    held = rows[0]["ix"]
    assert isinstance(held, bytes)
    query = Query(holder=(held, bytes(32)))
    assert reader.search(query).page(COUNT, newest_first=False) == expected(query, rows)
    assert reader.search(Query(holder=())).total == 0


def test_pages_lead_through_everything_once(reader: IndexReader, rows: list[Row]) -> None:
    query = Query(terms={"outcome": ("refused",)})
    found = reader.search(query)
    for newest_first in (True, False):
        seen: list[int] = []
        after: int | None = None
        while page := found.page(37, newest_first=newest_first, after=after):
            seen += page
            after = page[-1]
            assert found.left(newest_first=newest_first, after=after) == found.total - len(seen)
        assert seen == sorted(expected(query, rows), reverse=newest_first)


def test_rows_are_shown_in_order_and_without_blind_indices(
    indexed: IndexedLog, reader: IndexReader
) -> None:
    wanted = [COUNT - 1, 0, 1234]
    shown = list(reader.rows(wanted))
    assert [row["index"] for row in shown] == wanted
    assert shown[1]["id"] == indexed.records[0].id
    assert shown[1]["time"] == indexed.records[0].time
    assert "ix" not in shown[0]
    assert str(shown[0]["holder"]).count("*") == 13


def test_a_record_is_found_by_its_id(indexed: IndexedLog, reader: IndexReader) -> None:
    assert reader.index_of(indexed.records[77].id) == 77
    assert reader.index_of("nobody*") is None
