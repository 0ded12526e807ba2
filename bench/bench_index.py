# SPDX-License-Identifier: Apache-2.0
"""The search index: building it, and every kind of query, each answered with its first page.

YIZHENG_ROWS says how many records the log has (5,000 unless told; the figures are for 1,000,000).
Each case asserts what it found before it is timed.
"""

import os
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from bench.synthetic_log import BEGIN, SyntheticLog, citizen_number
from gateway.audit.index.build import time_ms_of
from gateway.audit.index.facets import FACETS
from gateway.audit.index.follow import catch_up
from gateway.audit.index.query import Query, Span
from gateway.audit.index.rows import IndexReader
from gateway.crypto.digest import b64url_decode
from gateway.tlog.note import parse_vkey

ROWS = int(os.environ.get("YIZHENG_ROWS", "5000"))
PAGE = 50
_DAY_MS = 86_400_000
_NOON_MS = time_ms_of(BEGIN.isoformat()) + 35 * _DAY_MS


def _terms(**values: str) -> Query:
    return Query(terms={name: tuple(text.split("|")) for name, text in values.items()})


QUERIES = {
    "everything": Query(),
    "one agency": _terms(agency="yq-gjj"),
    "agencies by prefix": _terms(agency="yq-*"),
    "one operator": _terms(operator="yq-gjj-0003"),
    "operators by prefix": _terms(operator="yq-gjj-*"),
    "one key": _terms(keyid="yq-gjj-1"),
    "terminal": _terms(terminal="window-03"),
    "division": _terms(division="140300"),
    "one item": _terms(item="item-003"),
    "items by prefix": _terms(item="item-*"),
    "case of a day": _terms(case="YQ20261006-0*"),
    "cases of a month": _terms(case="YQ202610*"),
    "all cases": _terms(case="YQ*"),
    "purpose": _terms(purpose="住房公积金提取"),
    "certificate": _terms(certificate="housing_fund.account"),
    "operation": _terms(operation="verify"),
    "requested field": _terms(requested="household_address"),
    "released field": _terms(released="balance"),
    "grant": _terms(grant="yq-gjj@2"),
    "result": _terms(result="deny"),
    "rule": _terms(rule="attribution.case"),
    "outcome": _terms(outcome="mismatch"),
    "outcomes": _terms(outcome="match|mismatch|refused"),
    "code": _terms(code="QUOTA_EXCEEDED"),
    "served from": _terms(served_from="cache"),
    "adapter": _terms(adapter="housing_fund"),
    "kind": _terms(kind="act"),
    "actor and action": _terms(actor="auditor-a", action="export"),
    "an hour": Query(time_ms=Span(_NOON_MS, _NOON_MS + 3_600_000)),
    "a day": Query(time_ms=Span(_NOON_MS, _NOON_MS + _DAY_MS)),
    "a month": Query(time_ms=Span(_NOON_MS, _NOON_MS + 30 * _DAY_MS)),
    "indices": Query(index=Span(ROWS // 3, ROWS // 2)),
    "slow departments": Query(adapter_ms=Span(500, None)),
    "departments over 100 ms": Query(adapter_ms=Span(100, None)),
    "departments asked": Query(adapter_ms=Span(0, None)),
    "nothing, of common values": _terms(kind="lookup", result="deny", outcome="found"),
    "five filters": Query(
        terms={
            "agency": ("yq-*", "ty-gjj"),
            "outcome": ("found", "match"),
            "certificate": ("housing*",),
            "result": ("permit",),
        },
        time_ms=Span(_NOON_MS, _NOON_MS + 30 * _DAY_MS),
    ),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("index")
    log = SyntheticLog()
    log.write(made / "log", ROWS)
    catch_up(made / "log", made / "index", log.key, anew=True)
    (made / "vkey").write_text(log.key.vkey)
    return made


@pytest.fixture
def reader(folder: Path) -> Iterator[IndexReader]:
    with closing(IndexReader.open(folder / "index")) as opened:
        yield opened


def answer(reader: IndexReader, query: Query, facets: tuple[str, ...] = ()) -> int:
    """The total, after the first page was read."""
    found = reader.search(query, facets)
    assert len(list(reader.rows(found.page(PAGE)))) == min(PAGE, found.total)
    return found.total


def test_build(benchmark: BenchmarkFixture, folder: Path) -> None:
    key = parse_vkey((folder / "vkey").read_text())
    benchmark.extra_info["records"] = ROWS
    benchmark.pedantic(  # type: ignore[no-untyped-call] # the library has no type here
        catch_up,
        args=(folder / "log", folder / "again", key),
        kwargs={"anew": True},
        rounds=3 if ROWS < 100_000 else 1,
    )
    with closing(IndexReader.open(folder / "again")) as again:
        assert again.size() == ROWS


@pytest.mark.parametrize("name", QUERIES)
def test_search(benchmark: BenchmarkFixture, reader: IndexReader, name: str) -> None:
    benchmark.extra_info["total"] = answer(reader, QUERIES[name])
    benchmark(answer, reader, QUERIES[name])


def test_search_for_a_holder(benchmark: BenchmarkFixture, reader: IndexReader) -> None:
    query = Query(
        holder=tuple(
            b64url_decode(cipher.index_of("cn-id", citizen_number(7)))
            for cipher in SyntheticLog().ciphers.values()
        )
    )
    benchmark.extra_info["total"] = answer(reader, query)
    benchmark(answer, reader, query)


@pytest.mark.parametrize("name", FACETS)
@pytest.mark.parametrize("of", ["everything", "agencies by prefix"])
def test_facet(benchmark: BenchmarkFixture, reader: IndexReader, name: str, of: str) -> None:
    benchmark.extra_info["total"] = answer(reader, QUERIES[of], (name,))
    benchmark(answer, reader, QUERIES[of], (name,))
