# SPDX-License-Identifier: Apache-2.0
"""Carries one event to one receiver: one signed POST, bounded, following nothing.

No proxy from the environment, no redirects, no cookies, no decompression; of the answer only its
status is looked at. A receiver that answers 2xx has taken the event; anything else is another try.
"""

import asyncio
import ssl
import time
from collections.abc import Callable
from typing import Final, Self, final

import aiohttp
import msgspec
from yarl import URL

from gateway.crypto.keys import Signer
from gateway.httpsig.event import event_fields
from gateway.model.office_event import OfficeEvent, format_event
from gateway.office.destination import (
    AllowedAddresses,
    CheckedResolver,
    DestinationRefused,
    split_url,
)

_OK: Final = range(200, 300)
_FAULT: Final = 500
_TOO_MANY: Final = 429
_CONNECTION_COUNT: Final = 32
#: Further fields than ours: nothing that could tell of this machine.
_PLAIN: Final = {"User-Agent": "yizheng-gateway", "Accept-Encoding": "identity"}


class Carried(msgspec.Struct, frozen=True):
    """What became of one attempt.

    Attributes:
        is_taken: the receiver has the event.
        is_away: nothing is known of the receiver, or it is overloaded; another event would fare
            no better.
        said: status, or why there is none; no text of the receiver's.
    """

    is_taken: bool
    is_away: bool
    said: str


@final
class Courier:
    """The way out. Made inside an event loop; closed by `aclose`.

    Args:
        signer: the gateway's key.
        timeout_s: for one attempt.
        tls: what is trusted and presented; None is the system's authorities.
        clock: UNIX seconds.
    """

    def __init__(
        self,
        signer: Signer,
        allowed: AllowedAddresses,
        *,
        timeout_s: float,
        tls: ssl.SSLContext | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._signer: Final = signer
        self._allowed: Final = allowed
        self._timeout_s: Final = timeout_s
        self._clock: Final = clock
        self._session: Final = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                ssl=tls or True,
                resolver=CheckedResolver(allowed),
                limit=_CONNECTION_COUNT,
                use_dns_cache=False,  # each connection is decided on by the addresses of now
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
            auto_decompress=False,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close the connections."""
        await self._session.close()

    async def carry(self, event: OfficeEvent, url: str) -> Carried:
        """Deliver once; whatever the receiver does, it is a value."""
        parts = split_url(url)
        if parts is None:
            return Carried(is_taken=False, is_away=False, said="the URL cannot be used")
        body = format_event(event)
        default_port = ":443" if parts.scheme == "https" else ":80"
        authority = parts.netloc.lower().removesuffix(default_port)
        fields = event_fields(
            body,
            authority=authority,
            path=parts.path or "/",
            query=f"?{parts.query}",
            key=event.id,
            signer=self._signer,
            created=int(self._clock()),
        )
        try:
            self._allowed.check_literal(parts.hostname or "")
            async with (
                asyncio.timeout(self._timeout_s),
                self._session.post(
                    # As it stands: what was signed must be what is sent.
                    URL(url, encoded=True),
                    data=body,
                    headers={"Host": authority, **fields, **_PLAIN},
                    allow_redirects=False,
                ) as response,
            ):
                status = response.status  # what else it says is not read
        except (aiohttp.ClientError, OSError, ValueError) as error:
            return Carried(is_taken=False, is_away=True, said=_why(error))
        is_away = status >= _FAULT or status == _TOO_MANY
        return Carried(is_taken=status in _OK, is_away=is_away, said=str(status))


def _why(error: Exception) -> str:
    """The reason in our own words: an error's text may hold what the receiver chose."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, DestinationRefused):
            return str(seen)
        seen = getattr(seen, "os_error", None) or seen.__cause__
    return "no answer in time" if isinstance(error, TimeoutError) else type(error).__name__
