# SPDX-License-Identifier: Apache-2.0
"""Asking witnesses and timestamp authorities over HTTP: bounded, and trusting nothing.

No proxy from the environment, no redirects, no cookies, no decompression; an answer has at most
`MAX_ANSWER_BYTES`. What an answer is worth is decided by the signature in it.
"""

import asyncio
from typing import Final

import aiohttp
import msgspec

from gateway.errors import AuditError

MAX_ANSWER_BYTES: Final = 65_536


class OutsideAnswer(msgspec.Struct, frozen=True):
    """What was answered, whatever it was."""

    status: int
    content_type: str
    body: bytes


def open_session() -> aiohttp.ClientSession:
    """A session for `post`; to be closed by the caller."""
    return aiohttp.ClientSession(
        cookie_jar=aiohttp.DummyCookieJar(), trust_env=False, auto_decompress=False
    )


async def post(
    session: aiohttp.ClientSession, url: str, body: bytes, *, content_type: str, limit_s: float
) -> OutsideAnswer:
    """Ask, and read the whole answer.

    Raises:
        AuditError: no answer in time, or too long a one.
    """
    headers = {"Content-Type": content_type, "Accept-Encoding": "identity"}
    content = bytearray()
    try:
        async with (
            asyncio.timeout(limit_s),
            session.post(url, data=body, headers=headers, allow_redirects=False) as response,
        ):
            async for chunk in response.content.iter_any():
                content += chunk
                if len(content) > MAX_ANSWER_BYTES:
                    raise AuditError("AUDIT_UNAVAILABLE", "the answer is too long")
            return OutsideAnswer(response.status, response.content_type, bytes(content))
    except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
        raise AuditError("AUDIT_UNAVAILABLE", f"no answer: {type(error).__name__}") from None
