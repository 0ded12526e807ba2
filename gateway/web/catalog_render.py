# SPDX-License-Identifier: Apache-2.0
"""The public catalogue as finished documents: JSON, CSV, and HTML in two languages.

Rules:

1. Made once for each state of the site, a few documents at a time, so that no request waits.
2. Every text is escaped where it is put in; a page has no script, and its style comes from here.
3. Nothing here is of a person: items, lists and what departments say about them.
"""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date
from functools import partial
from pathlib import Path
from typing import Final, Literal

import msgspec
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from gateway.catalog.csv_text import write_csv
from gateway.catalog.lists import COLUMNS, TITLES, Rows, item_row, material_rows
from gateway.catalog.publication import published_item, published_list
from gateway.catalog.words import DOMAINS, HOLDERS, LEVELS, NECESSITIES, SOURCES
from gateway.crypto.digest import b64url_encode, sha256
from gateway.errors import Text
from gateway.model.intermediary import ListName, ListVersion
from gateway.model.item import ServiceItem
from gateway.model.published import PublishedItem, PublishedItems

Language = Literal["zh", "en"]
Form = Literal["json", "csv", "html"]
LANGUAGES: Final[tuple[Language, ...]] = ("zh", "en")
ITEMS: Final = "/v1/items"
LISTS: Final = "/v1/lists/"

_TEMPLATES: Final = Path(__file__).parent / "templates"
_TAG_BYTES: Final = 18


class Document(msgspec.Struct, frozen=True):
    """One form of a page.

    Attributes:
        content_type: with its character set.
        body: in UTF-8.
        etag: strong, quoted.
        language: of what is written for people; None in data.
    """

    content_type: str
    body: bytes
    etag: str
    language: Language | None = None


#: By form and language; data has no language.
Forms = dict[tuple[Form, Language | None], Document]
#: By path.
Documents = dict[str, Forms]


def style() -> Document:
    """The style of all pages."""
    return _document("text/css; charset=utf-8", (_TEMPLATES / "catalog.css").read_bytes())


class CatalogRenderer:
    """Makes the documents of one site.

    Args:
        site: its name for people.
    """

    def __init__(self, site: str) -> None:
        environment = Environment(
            loader=FileSystemLoader(_TEMPLATES),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
        )
        self._pages: Final = {
            name: environment.get_template(f"{name}.html") for name in ("items", "item", "list")
        }
        self._site: Final = site

    async def render(
        self, items: Iterable[ServiceItem], lists: Mapping[ListName, ListVersion], day: date
    ) -> Documents:
        """All documents of a day.

        Args:
            items: all of a site; what is not in force is left out.
            lists: the newest version of each list.
            day: in the site's time zone.
        """
        in_force = (i for i in items if i.status == "published" and i.is_in_force(day))
        open_items = sorted(in_force, key=lambda item: item.code)
        made: Documents = {ITEMS: await self._items(open_items, lists, day)}
        for item in open_items:
            made[f"{ITEMS}/{item.code}"] = await self._item(item, lists)
        for version in lists.values():
            made[f"{LISTS}{version.list}"] = await self._list(version, lists)
        return made

    async def _items(
        self, items: list[ServiceItem], lists: Mapping[ListName, ListVersion], day: date
    ) -> Forms:
        columns, rows = COLUMNS["one-id-items"], tuple(map(item_row, items))
        published = PublishedItems(str(day), len(items), tuple(map(published_item, items)))
        return await self._forms(
            "items",
            ITEMS,
            published=published,
            csv=_csv(columns, rows),
            lists=lists,
            context=lambda language: {
                "day": day,
                "items": rows,
                "titles": [_in(language, title) for title in columns.values()],
            },
        )

    async def _item(self, item: ServiceItem, lists: Mapping[ListName, ListVersion]) -> Forms:
        published = published_item(item)
        columns, rows = COLUMNS["materials"], tuple(material_rows(item))
        situations = {
            material.name: [s.name for s in item.situations if material.name in s.materials]
            for material in item.materials
        }
        return await self._forms(
            "item",
            f"{ITEMS}/{item.code}",
            published=published,
            csv=_csv(columns, rows),
            lists=lists,
            context=lambda language: {
                "item": published,
                "facts": list(_facts(published, language)),
                "situations": situations,
                "necessities": NECESSITIES,
                "sources": SOURCES,
                "holders": HOLDERS,
            },
        )

    async def _list(self, version: ListVersion, lists: Mapping[ListName, ListVersion]) -> Forms:
        columns = COLUMNS[version.list]
        return await self._forms(
            "list",
            f"{LISTS}{version.list}",
            published=published_list(version),
            csv=_csv(columns, version.rows),
            lists=lists,
            context=lambda language: {
                "list": version,
                "title": _in(language, TITLES[version.list]),
                "members": list(columns),
                "titles": [_in(language, title) for title in columns.values()],
            },
        )

    async def _forms(
        self,
        page: str,
        path: str,
        *,
        published: msgspec.Struct,
        csv: bytes,
        lists: Iterable[ListName],
        context: Callable[[Language], dict[str, object]],
    ) -> Forms:
        """Each form of one page; `context` makes what its template needs, by language."""
        made: Forms = {
            ("json", None): _document("application/json", msgspec.json.encode(published)),
            ("csv", None): _document("text/csv; charset=utf-8", csv),
        }
        for language in LANGUAGES:
            text = self._pages[page].render(
                **context(language),
                site=self._site,
                path=path,
                language=language,
                other="en" if language == "zh" else "zh",
                lists=[(name, _in(language, TITLES[name])) for name in lists],
                t=partial(_either, language),
                w=partial(_in, language),
            )
            made["html", language] = _document("text/html; charset=utf-8", text.encode(), language)
            await asyncio.sleep(0)  # whoever asks meanwhile need not wait
        return made


def _facts(item: PublishedItem, language: Language) -> Iterator[tuple[str, str]]:
    """What stands above the materials, as title and text."""
    columns = COLUMNS["one-id-items"]
    for member in ("code", "certificate_name", "item_type", "department", "time_limit"):
        yield _in(language, columns[member]), getattr(item, member)
    if item.level:
        yield _in(language, columns["level"]), _in(language, LEVELS[item.level])
    if item.division:
        yield _in(language, columns["division"]), item.division
    yield _either(language, "Domain", "领域"), _in(language, DOMAINS[item.domain])
    if item.effective_from:
        yield _in(language, columns["effective_from"]), item.effective_from
    if item.effective_until:
        yield _either(language, "In force until", "失效日期"), item.effective_until


def _csv(columns: Mapping[str, Text], rows: Rows) -> bytes:
    titles = [title.zh for title in columns.values()]
    return write_csv(titles, ([row.get(member, "") for member in columns] for row in rows))


def _document(content_type: str, body: bytes, language: Language | None = None) -> Document:
    tag = b64url_encode(sha256(body)[:_TAG_BYTES])
    return Document(content_type, body, f'"{tag}"', language)


def _either(language: Language, en: str, zh: str) -> str:
    return zh if language == "zh" else en


def _in(language: Language, text: Text) -> str:
    return _either(language, text.en, text.zh)
