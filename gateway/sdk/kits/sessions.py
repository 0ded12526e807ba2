# SPDX-License-Identifier: Apache-2.0
"""Sign-ins as a source uses them: with a secret that is given, or with one that is fetched.

Many platforms give their callers a token, or a session's secret, that ends after half an hour.
`RenewedSignIn` fetches it when it is first needed and again before it ends, once for all calls that
wait, and once more when the platform no longer accepts it before its time.
"""

import asyncio
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Final, Protocol

import msgspec

from gateway.errors import AdapterRefused, AdapterTimeout
from gateway.model.discreet import Discreet
from gateway.sdk.adapter import Deadline
from gateway.sdk.kits.signin import Call, Dialect, refuse_weak

#: A credential is renewed this long before it ends, or after nine tenths of a shorter life.
_MARGIN_S: Final = 30.0
#: A credential that is younger than this was not refused for its age: it is not fetched again.
_YOUNG_S: Final = 1.0


class SignInExpired(AdapterRefused):
    """The platform no longer accepts our token: a new one may help, and the call had no effect."""


class SignIn(Protocol):
    """Makes the headers that say who calls."""

    async def headers(self, call: Call, deadline: Deadline) -> Mapping[str, str]:
        """The headers of one call.

        Raises:
            DepartmentError: where a credential has to be fetched and cannot be.
        """

    def renew(self, began_s: float) -> bool:
        """Take note that a call was refused; True where the next headers will be others.

        Args:
            began_s: when that call began, on the monotonic clock.
        """


class FixedSignIn:
    """A dialect whose secret is given and does not end.

    Args:
        dialect: with its secret.
        insecure: the site accepts a dialect that is known to be weak.

    Raises:
        SetupError: a weak dialect that the site did not accept.
    """

    def __init__(self, dialect: Dialect, *, insecure: bool = False) -> None:
        refuse_weak(dialect, insecure=insecure)
        self._dialect: Final = dialect

    async def headers(self, call: Call, deadline: Deadline) -> Mapping[str, str]:
        """Sign with the time of now."""
        del deadline
        return signed_now(self._dialect, call)

    def renew(self, began_s: float) -> bool:
        """There is nothing else to try."""
        del began_s
        return False


class Credential(Discreet, msgspec.Struct, frozen=True):
    """What a platform gave its caller. In no repr.

    Attributes:
        secret: a token, or the secret of a session.
        life_s: seconds for which it is good.
    """

    secret: str
    life_s: float


class RenewedSignIn:
    """A dialect whose secret the platform gives for a while.

    Args:
        fetch: asks the platform for a credential; raises DepartmentError.
        dialect: makes the dialect from a credential's secret, e.g. `Bearer`.
    """

    def __init__(
        self,
        fetch: Callable[[Deadline], Awaitable[Credential]],
        dialect: Callable[[str], Dialect],
    ) -> None:
        self._fetch: Final = fetch
        self._make: Final = dialect
        self._lock: Final = asyncio.Lock()
        self._dialect: Dialect | None = None
        self._fetched_at_s = 0.0
        self._renew_at_s = 0.0

    async def headers(self, call: Call, deadline: Deadline) -> Mapping[str, str]:
        """Sign with the credential of now; the first caller fetches it, the others wait for it.

        Raises:
            AdapterTimeout: it was not there before the deadline, whoever's turn it was to fetch it.
        """
        if (dialect := self._current()) is None:
            try:
                async with asyncio.timeout(deadline.remaining_s), self._lock:
                    dialect = self._current() or await self._fetched(deadline)
            except TimeoutError:
                raise AdapterTimeout("no credential before the deadline") from None
        return signed_now(dialect, call)

    def renew(self, began_s: float) -> bool:
        """Give the credential up, unless another call has done so, or it was just fetched."""
        if self._fetched_at_s > began_s:
            return True
        if time.monotonic() - self._fetched_at_s < _YOUNG_S:
            return False
        self._renew_at_s = 0.0
        return True

    def _current(self) -> Dialect | None:
        return self._dialect if time.monotonic() < self._renew_at_s else None

    async def _fetched(self, deadline: Deadline) -> Dialect:
        credential = await self._fetch(deadline)
        self._fetched_at_s = time.monotonic()
        margin_s = min(_MARGIN_S, credential.life_s / 10)
        self._renew_at_s = self._fetched_at_s + credential.life_s - margin_s
        self._dialect = self._make(credential.secret)
        return self._dialect


def signed_now(dialect: Dialect, call: Call) -> Mapping[str, str]:
    """The headers of a dialect, with the clock's time and a fresh nonce."""
    return dialect.headers(call, time.time_ns() // 1_000_000, secrets.token_hex(16))
