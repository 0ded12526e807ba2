# SPDX-License-Identifier: Apache-2.0
"""The public catalogue over HTTP: `/v1/items`, `/v1/items/{code}`, `/v1/lists/{name}`.

Rules:

1. For everybody, without a signature and without a record: there is nobody in it.
2. A request finds finished bytes. They are made anew when the site was reloaded or a day began.
3. Lists that cannot be read leave the last good ones, and are logged once.
"""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from functools import partial
from typing import Final

import structlog

from gateway.catalog.list_folder import ListFolder
from gateway.config import Site
from gateway.errors import RequestError, SetupError
from gateway.exchange.day import SiteDay
from gateway.model.intermediary import ListName, ListVersion
from gateway.model.item import ServiceItem
from gateway.web.catalog_render import (
    ITEMS,
    LISTS,
    CatalogRenderer,
    Document,
    Documents,
    Form,
    Language,
    style,
)
from gateway.web.front import Folder, Page, ReadOnly
from gateway.web.negotiation import choose, matches, query_of
from gateway.web.request import Request
from gateway.web.respond import Answer, Responder

_log = structlog.get_logger()

STYLE: Final = "/assets/catalog.css"
ITEMS_FOLDER: Final = f"{ITEMS}/"
_LOOK_S: Final = 1.0
_FORMS: Final[dict[str, Form]] = {
    "application/json": "json",
    "text/html": "html",
    "text/csv": "csv",
}
_BY_NAME: Final[dict[str, Form]] = {"json": "json", "html": "html", "csv": "csv"}
_LANGUAGES: Final[dict[str, Language]] = {"zh": "zh", "en": "en"}


class CatalogPages:
    """Handlers of the front desk.

    Args:
        site: what stands on disk, as far as it was taken.
        today: the day in the site's time zone; by the wall's clock unless a test says otherwise.
    """

    def __init__(
        self, site: Callable[[], Site], *, today: Callable[[], date] | None = None
    ) -> None:
        self._site: Final = site
        self._today: Final = today or SiteDay(time.time, site().config.site.utc_offset_h).today
        self._renderer: Final = CatalogRenderer(site().config.site.name)
        self._folder: Final = ListFolder(site().folder)
        self._lists: Mapping[ListName, ListVersion] = {}
        self._style: Final = style()
        self._documents: Documents = {}
        self._made_of: tuple[Sequence[ServiceItem], date] | None = None
        self._mistake = ""

    async def refresh(self) -> None:
        """Make the documents anew if what they are made of has changed."""
        site, day = self._site(), self._today()
        made_of = self._made_of
        if made_of is not None and made_of[0] is site.items and made_of[1] == day:
            return
        self._made_of = (site.items, day)
        try:
            self._lists = self._folder.newest()
            self._mistake = ""
        except SetupError as error:
            if self._mistake != error.detail:
                self._mistake = error.detail
                _log.error("lists not taken, the last good ones stay", error=error.detail)
        self._documents = await self._renderer.render(site.items, self._lists, day)

    async def watch(self) -> None:
        """Keep up with the site and the calendar, until cancelled."""
        while True:
            await self.refresh()
            await asyncio.sleep(_LOOK_S)

    def handlers(self, responder: Responder) -> dict[str, tuple[str, Page]]:
        """What the front desk has to know, by path."""
        return {
            ITEMS: ("GET", partial(self._page, responder)),
            STYLE: ("GET", partial(self._sheet, responder)),
        }

    def folders(self, responder: Responder) -> dict[str, Folder]:
        """The same, by what a path begins with."""
        page = ReadOnly(partial(self._page, responder))
        return {ITEMS_FOLDER: page, LISTS: page}

    async def _page(self, responder: Responder, request: Request, _request_id: str) -> Answer:
        """`GET /v1/items`, an item, or a list."""
        forms = self._documents.get(request.path)
        if forms is None:
            raise RequestError("PATH_UNKNOWN", "nothing is published under this name")
        query = query_of(request.target)
        by_name = _BY_NAME.get(query.get("format", ""))
        form = by_name or _FORMS[choose(request.lines("accept"), list(_FORMS))]
        if form != "html":
            return _answer(responder, request, forms[form, None])
        said = _LANGUAGES.get(query.get("lang", ""))
        liked = choose(request.lines("accept-language"), list(_LANGUAGES))
        language = said or _LANGUAGES[liked]
        return _answer(responder, request, forms[form, language])

    async def _sheet(self, responder: Responder, request: Request, _request_id: str) -> Answer:
        """`GET /assets/catalog.css`."""
        return _answer(responder, request, self._style)


def _answer(responder: Responder, request: Request, document: Document) -> Answer:
    return responder.publish_tagged(
        document.content_type,
        document.body,
        etag=document.etag,
        language=document.language,
        unchanged=matches(request.lines("if-none-match"), document.etag),
    )
