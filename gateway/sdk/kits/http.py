# SPDX-License-Identifier: Apache-2.0
"""A department that answers JSON over HTTP.

Rules:

1. One session a department: no cookies, no proxy from the environment, no redirects.
2. The deadline bounds everything from the pool to the last byte; a connection attempt has its own
   shorter bound, so that a host that is off is noticed early.
3. An answer has at most `max_answer_bytes` and decodes strictly into the type that is asked for.
4. Foreign failures are mapped here and nowhere else:

   ========================================  =======================
   refused, reset, cut short, 429, 503       `AdapterUnavailable`
   no connection or no answer in time        `AdapterTimeout`
   401, 403                                  `AdapterRefused`
   any other status, not JSON, too large     `AdapterContractBroken`
   ========================================  =======================

5. No error holds a body, a header or a URL, and none is chained.
"""

from asyncio import timeout
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final, Literal, TypeVar
from urllib.parse import urlsplit

import aiohttp
import msgspec

from gateway.errors import (
    AdapterContractBroken,
    AdapterRefused,
    AdapterTimeout,
    AdapterUnavailable,
    SetupError,
)
from gateway.sdk.adapter import Deadline

T = TypeVar("T")

_OK: Final = range(200, 300)
_REFUSED: Final = frozenset({401, 403})
_AWAY: Final = frozenset({429, 503})
#: Longest `Retry-After` that is believed.
_MAX_RETRY_AFTER_S: Final = 3600


class HttpSource:
    """A department's HTTP service.

    Args:
        url: base, `http(s)://host[:port][/path]`; paths of calls are appended.
        connections: sockets at most; further calls wait within their deadline.
        connect_timeout_s: seconds for one connection attempt.
        max_answer_bytes: of a decoded body.

    Raises:
        SetupError: a URL of another form.
    """

    def __init__(
        self,
        url: str,
        *,
        connections: int = 64,
        connect_timeout_s: float = 2.0,
        max_answer_bytes: int = 1 << 20,
    ) -> None:
        self._url: Final = _base_url(url)
        self._connections: Final = connections
        self._connect_timeout_s: Final = connect_timeout_s
        self._max_answer_bytes: Final = max_answer_bytes
        self._session: aiohttp.ClientSession | None = None

    async def open(self) -> None:
        """Make the session; connects to nothing."""
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=self._connections),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=self._connect_timeout_s),
            headers={"Accept": "application/json", "Accept-Encoding": "identity"},
            trust_env=False,
        )

    async def aclose(self) -> None:
        """Close all connections; also without `open`."""
        if self._session is not None:
            await self._session.close()

    async def call(
        self,
        method: Literal["GET", "POST"],
        path: str,
        answer: type[T],
        deadline: Deadline,
        *,
        body: object = None,
        headers: Mapping[str, str] | None = None,
    ) -> T:
        """Call the service and decode its JSON answer.

        Args:
            method: `GET` is for questions about nobody, since personal data stays out of URLs.
            path: appended to the base; begins with `/`.
            answer: type of the answer, decoded by msgspec.
            deadline: for everything.
            body: sent as JSON unless it is None.
            headers: sign-in of this call.

        Raises:
            DepartmentError: by the table above.
        """
        assert self._session is not None, "open() comes first"
        sent = dict(headers or {})
        content = None
        if body is not None:
            content = msgspec.json.encode(body)
            sent["Content-Type"] = "application/json"
        with _department_errors():
            async with (
                timeout(deadline.remaining_s),
                self._session.request(
                    method, self._url + path, data=content, headers=sent, allow_redirects=False
                ) as response,
            ):
                _check_status(response)
                received = await self._read(response.content)
        try:
            return msgspec.json.decode(received, type=answer)
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise AdapterContractBroken("the answer is not the JSON that was expected") from None

    async def _read(self, content: aiohttp.StreamReader) -> bytes:
        received = bytearray()
        async for chunk in content.iter_any():
            received += chunk
            if len(received) > self._max_answer_bytes:
                raise AdapterContractBroken(f"more than {self._max_answer_bytes} bytes")
        return bytes(received)


def _base_url(url: str) -> str:
    try:
        parts = urlsplit(url)
        sound = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
    except ValueError:
        sound = False
    if not sound or "@" in url or "?" in url or "#" in url:
        raise SetupError(
            "the URL is not usable", remedy="write `http(s)://host[:port][/path]` and no more."
        )
    return url.rstrip("/")


def _check_status(response: aiohttp.ClientResponse) -> None:
    status = response.status
    if status in _OK:
        return
    cause = f"HTTP {status}"
    if status in _REFUSED:
        raise AdapterRefused(cause)
    if status in _AWAY:
        raise AdapterUnavailable(
            cause, retry_after_s=_retry_after_s(response.headers.get("Retry-After", ""))
        )
    raise AdapterContractBroken(cause)


def _retry_after_s(value: str) -> int | None:
    """Seconds of RFC 9110 §10.2.3; its date form is not believed, since clocks differ."""
    if value.isascii() and value.isdigit():
        return min(int(value[:9]), _MAX_RETRY_AFTER_S)
    return None


@contextmanager
def _department_errors() -> Iterator[None]:
    try:
        yield
    except TimeoutError as error:  # aiohttp's timeouts are of this class too
        raise AdapterTimeout(type(error).__name__) from None
    except (aiohttp.ClientConnectionError, aiohttp.ClientPayloadError) as error:
        raise AdapterUnavailable(type(error).__name__) from None
    except aiohttp.ClientError as error:
        raise AdapterContractBroken(type(error).__name__) from None
