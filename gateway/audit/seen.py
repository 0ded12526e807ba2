# SPDX-License-Identifier: Apache-2.0
"""What supervision may see of the log: accesses without their holders, by case or by time."""

from collections.abc import Iterator, Mapping
from typing import Final, final

from gateway.audit.index.query import Query, Span
from gateway.audit.index.rows import IndexReader, Shown
from gateway.model.instant import parse_ms
from gateway.model.seen import SeenAccess

_NAMES: Final = (
    "agency", "item", "case", "certificate", "result", "outcome", "code", "served_from", "as_of",
    "adapter", "adapter_ms",
)  # fmt: skip


@final
class SeenLog:
    """Reads accesses from the search index, oldest first. Every method raises AuditError."""

    def __init__(self, index: IndexReader) -> None:
        self._index: Final = index

    def size(self) -> int:
        """How many records are indexed."""
        return self._index.size()

    def newest_ms(self) -> int:
        """When the last indexed record was written, milliseconds since 1970 UTC; 0 for none."""
        size = self._index.size()
        newest = self._index.rows(range(max(0, size - 1), size))
        return max((parse_ms(str(row["time"])) for row in newest), default=0)

    def of_case(self, agency: str, case: str, *, until_ms: int) -> Iterator[SeenAccess]:
        """An agency's accesses in one case, up to an instant."""
        terms = {"agency": (agency.rstrip("*"),), "case": (case.rstrip("*"),)}
        return self._select(terms, Span(None, until_ms))

    def between(
        self, first_ms: int, last_ms: int, certificate: str | None = None
    ) -> Iterator[SeenAccess]:
        """Everybody's accesses in a span, both ends included."""
        terms = {} if certificate is None else {"certificate": (certificate,)}
        return self._select(terms, Span(first_ms, last_ms))

    def _select(self, terms: Mapping[str, tuple[str, ...]], span: Span) -> Iterator[SeenAccess]:
        query = Query(terms={"kind": ("lookup",), **terms}, time_ms=span)
        found = self._index.search(query).indices(newest_first=False)
        return map(_seen, self._index.rows(found))


def _seen(row: Shown) -> SeenAccess:
    known = {name: row[name] for name in _NAMES if row[name] is not None}
    return SeenAccess(
        index=int(str(row["index"])),
        time_ms=parse_ms(str(row["time"])),
        **known,  # type: ignore[arg-type] # columns of the index have these types
    )
