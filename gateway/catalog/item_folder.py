# SPDX-License-Identifier: Apache-2.0
"""The items of a site as people work on them: `items/`, what comes next, and the change log.

::

    items/*.toml           what counts; a gateway reads this alone
    items/next/<code>.toml what shall count: drafts, and drafts that were reviewed
    items/changes.jsonl    who changed what, when, from what to what, and why

Rules:

1. What is published stays in force, unchanged, while its next version is written and reviewed.
2. A change is in the log before it takes effect, and every file is written whole or not at all.
3. Nobody reviews a draft of their own 四眼原则.
4. Only what was reviewed is published, and only what is without a fault is reviewed or published.
5. What refuses one code of a command refuses all of them.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Final

import msgspec

from gateway.catalog.changes import append_changes, read_changes
from gateway.catalog.difference import differences
from gateway.catalog.faults import CatalogFaults, Fault, publication_faults
from gateway.catalog.item_text import exchange
from gateway.config import load_items
from gateway.errors import RequestError
from gateway.model.change import Action, Change
from gateway.model.instant import format_time_s
from gateway.model.item import ServiceItem
from gateway.model.toml_text import format_tables
from gateway.site_file import locked, write_whole
from gateway.toml_file import toml_files

#: Members that a version differs in by being one.
_OF_A_VERSION: Final = frozenset({"status", "version", "effective_from", "effective_until"})


class Stock(msgspec.Struct, frozen=True):
    """What is there.

    Attributes:
        current: items of `items/*.toml` by code.
        files: the file that each of them stands in.
        following: items of `items/next/` by code.
        changes: the log.
    """

    current: dict[str, ServiceItem]
    files: dict[str, str]
    following: dict[str, ServiceItem]
    changes: list[Change]

    def author_of(self, code: str) -> str | None:
        """Who brought in the draft that is there now, if the log knows."""
        found = (c.by for c in reversed(self.changes) if c.name == code and c.action == "import")
        return next(found, None)

    def version(self, code: str, version: int) -> ServiceItem | None:
        """A version as the log last knew it."""
        for change in reversed(self.changes):
            if change.name == code and change.version == version:
                return msgspec.convert(change.content, ServiceItem)
        return None

    def logged(self, code: str) -> str:
        """Whether what counts is what the log says: `yes`, `no` (changed by hand), or `-`."""
        item = self.current.get(code)
        known = [c for c in self.changes if c.name == code and c.now in {"published", "retired"}]
        if item is None or not known:
            return "-"
        return "yes" if msgspec.convert(known[-1].content, ServiceItem) == item else "no"

    def newest(self, code: str) -> ServiceItem | None:
        """What shall count, else what counts."""
        return self.following.get(code) or self.current.get(code)


class ItemFolder:
    """The items of one site.

    Args:
        site: its folder.
        by: who makes the changes.
        note: why.
        clock: aware UTC now.
    """

    def __init__(
        self,
        site: Path,
        *,
        by: str = "",
        note: str = "",
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._site: Final = site.resolve()
        self._folder: Final = self._site / "items"
        self._next: Final = self._folder / "next"
        self._by: Final = by
        self._note: Final = note
        self._clock: Final = clock

    def read(self) -> Stock:
        """Everything that is there.

        Raises:
            SetupError: a file cannot be read.
        """
        current, files = dict[str, ServiceItem](), dict[str, str]()
        for file in toml_files(self._site, "items"):
            for item in load_items(file, self._site):
                current[item.code], files[item.code] = item, file.name
        following = {
            item.code: item
            for file in toml_files(self._folder, "next")
            for item in load_items(file, self._site)
        }
        return Stock(current, files, following, read_changes(self._folder))

    def draft(self, items: Iterable[ServiceItem]) -> tuple[list[str], list[str]]:
        """Take items as drafts; returns the codes that were taken, and those that say nothing new.

        Raises:
            SetupError: files cannot be read or written.
        """
        with self._changing() as stock:
            taken, same = list[ServiceItem](), list[str]()
            for item in items:
                known, published = stock.newest(item.code), stock.current.get(item.code)
                if known is not None and not _changed(known, item):
                    same.append(item.code)
                    continue
                taken.append(_next_draft(item, published))
            self._record("import", [(stock.newest(item.code), item) for item in taken])
            for item in taken:
                self._write_next(item)
            return [item.code for item in taken], same

    def review(self, codes: Sequence[str]) -> None:
        """Say of drafts that they are right.

        Raises:
            RequestError: CATALOG_REFUSED, one is no draft, or of the one who reviews it.
            CatalogFaults: their faults.
        """
        with self._changing() as stock:
            drafts = [self._expect(stock.newest(code), code, "draft") for code in codes]
            for draft in drafts:
                if stock.author_of(draft.code) == self._by:
                    raise _refused(draft.code, "is a draft of your own; somebody else reviews it")
            self._check(drafts)
            made = [msgspec.structs.replace(draft, status="reviewed") for draft in drafts]
            self._record("review", list(zip(drafts, made, strict=True)))
            for item in made:
                self._write_next(item)

    def publish(
        self, codes: Sequence[str], *, today: date, first: date | None = None
    ) -> list[ServiceItem]:
        """Let reviewed items count.

        Args:
            codes: of items.
            today: in the site's time zone.
            first: day in force; else the item's own, else today.

        Raises:
            RequestError: CATALOG_REFUSED, one was not reviewed, or would leave days without any.
            CatalogFaults: their faults.
        """
        with self._changing() as stock:
            reviewed = [self._expect(stock.following.get(code), code, "reviewed") for code in codes]
            self._check(reviewed)
            made = []
            for item in reviewed:
                begins = first or item.effective_from or today
                was = stock.current.get(item.code)
                if was and was.status == "published" and was.is_in_force(today) and begins > today:
                    raise _refused(
                        item.code,
                        f"is in force today, and would be no longer until {begins}; publish the "
                        "new version on its first day",
                    )
                _refuse_backwards(item.code, begins, item.effective_until)
                made.append(
                    msgspec.structs.replace(item, status="published", effective_from=begins)
                )
            self._record("publish", [(stock.current.get(item.code), item) for item in made])
            self._write_current(stock, made)
            for item in made:
                self._next_file(item.code).unlink(missing_ok=True)
            return made

    def retire(self, codes: Sequence[str], *, today: date, last: date | None = None) -> None:
        """End items: at once, or with a last day in force, after which they are as good as retired.

        Raises:
            RequestError: CATALOG_REFUSED, one is not published, or the last day is over.
        """
        with self._changing() as stock:
            published = [self._expect(stock.current.get(c), c, "published") for c in codes]
            if last is not None and last < today:
                raise _refused(codes[0], f"{last} is over; leave it out to retire at once")
            for item in published:
                _refuse_backwards(item.code, item.effective_from, last)
            ends = {"effective_until": last} if last else {"status": "retired"}
            made = [msgspec.structs.replace(item, **ends) for item in published]
            self._record("end" if last else "retire", list(zip(published, made, strict=True)))
            self._write_current(stock, made)

    @contextmanager
    def _changing(self) -> Iterator[Stock]:
        """What is there, while nobody else changes it."""
        with locked(self._folder), locked(self._next):
            yield self.read()

    def _expect(self, item: ServiceItem | None, code: str, status: str) -> ServiceItem:
        if item is None:
            raise _refused(code, f"is not there as `{status}`")
        if item.status != status:
            raise _refused(code, f"is `{item.status}`, and has to be `{status}`")
        return item

    def _check(self, items: Iterable[ServiceItem]) -> None:
        faults = [
            Fault(f"item {item.code}: {member}", what)
            for item in items
            for member, what in publication_faults(item)
        ]
        if faults:
            raise CatalogFaults(faults)

    def _record(
        self, action: Action, changes: Sequence[tuple[ServiceItem | None, ServiceItem]]
    ) -> None:
        at = format_time_s(self._clock())
        append_changes(
            self._folder,
            [
                Change(
                    at,
                    self._by,
                    action,
                    new.code,
                    new.version,
                    new.status,
                    was=old.status if old else None,
                    fields=tuple(each.place for each in differences(old, new)) if old else (),
                    note=self._note,
                    content=msgspec.to_builtins(new),
                )
                for old, new in changes
            ],
        )

    def _write_next(self, item: ServiceItem) -> None:
        write_whole(self._next_file(item.code), format_tables("items", [item]))

    def _write_current(self, stock: Stock, items: Iterable[ServiceItem]) -> None:
        for item in items:
            file = self._folder / stock.files.get(item.code, f"{item.code}.toml")
            text = file.read_text(encoding="utf-8") if file.exists() else ""
            write_whole(file, exchange(text, item, file=file.name))

    def _next_file(self, code: str) -> Path:
        return self._next / f"{code}.toml"


def _next_draft(item: ServiceItem, current: ServiceItem | None) -> ServiceItem:
    """The item as a draft of what follows `current`; a last day stays until another is said."""
    version, last = 1, item.effective_until
    if current is not None:
        version = current.version + (current.status in {"published", "retired"})
        last = last or (current.effective_until if current.status == "published" else None)
    return msgspec.structs.replace(item, status="draft", version=version, effective_until=last)


def _changed(known: ServiceItem, item: ServiceItem) -> bool:
    """Whether they differ in more than what makes a version; a date that is not said stays."""
    return any(
        getattr(known, name) != getattr(item, name)
        for name in item.__struct_fields__
        if name not in _OF_A_VERSION
        or (name.startswith("effective") and getattr(item, name) is not None)
    )


def _refuse_backwards(code: str, first: date | None, last: date | None) -> None:
    if first is not None and last is not None and last < first:
        raise _refused(code, f"would end on {last}, and begins only on {first}")


def _refused(code: str, why: str) -> RequestError:
    return RequestError("CATALOG_REFUSED", f"item {code} {why}")
