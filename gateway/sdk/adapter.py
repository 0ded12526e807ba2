# SPDX-License-Identifier: Apache-2.0
"""The adapter 适配器: what a department writes.

Life cycle: `__init__(settings)` without side effects → `open(context)` → `lookup`, `verify` and
`ping`, many at once → `aclose()`. A worker process owns one instance (with `isolation = "process"`
a child of it does); all calls come on one event loop.
"""

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar, Final, Generic, Protocol, TypeVar

import msgspec

from gateway.errors import AdapterContractBroken, DepartmentError, Text
from gateway.model.answer import Found, NotFound, Verified
from gateway.model.certificate import CertificateType, Value
from gateway.model.discreet import Discreet
from gateway.model.holder import Holder
from gateway.sdk.budget import RetryBudget

#: Version of this contract. An adapter names the one it was written for.
API_VERSION: Final = 1
#: The oldest contract whose adapters this gateway still runs.
OLDEST_API_VERSION: Final = 1
#: Contracts whose adapters this gateway runs; docs/explanation/api-version.md has the policy.
API_VERSIONS: Final = range(OLDEST_API_VERSION, API_VERSION + 1)

SettingsT = TypeVar("SettingsT", bound=msgspec.Struct)


class Deadline:
    """An instant on the monotonic clock. Made once at the door; it only shrinks."""

    __slots__ = ("at_s",)

    def __init__(self, at_s: float) -> None:
        self.at_s: Final = at_s

    @classmethod
    def after(cls, seconds: float) -> "Deadline":
        """A deadline that many seconds from now."""
        return cls(time.monotonic() + seconds)

    @property
    def remaining_s(self) -> float:
        """Seconds left; never below zero."""
        return max(0.0, self.at_s - time.monotonic())

    def within(self, seconds: float) -> "Deadline":
        """The earlier of this deadline and that many seconds from now."""
        return Deadline(min(self.at_s, time.monotonic() + seconds))


class Query(Discreet, msgspec.Struct, frozen=True):
    """One question to a department. Personal data: its repr shows nothing.

    Attributes:
        holder: number verified, 18 upper-case characters.
        certificate: one of the adapter's certificate types.
        request_id: for the department's own log.
        agency: name of the asking agency.
        operator: id of the person who asks.
        item: code of the service item.
        case: number of the case.
        purpose: in words.
        claims: what the caller stated, by field name: for `lookup` the certificate's `key_fields`
            and nothing else, since answers are shared by them; for `verify` all that is claimed.
        division: GB/T 2260 code of the place that asks, 6 or 12 digits; None where the caller did
            not say. It decided which adapter is asked; an answer must not depend on it otherwise.
    """

    holder: Holder
    certificate: CertificateType
    request_id: str
    agency: str
    operator: str
    item: str
    case: str
    purpose: str
    claims: Mapping[str, Value] = {}
    division: str | None = None


class Changed(Protocol):
    """How an adapter tells what it has learned by itself: by polling, or from a queue."""

    async def __call__(self, scheme: str, number: str, certificates: Sequence[str] = ()) -> None:
        """A holder's records have changed: answers kept until now are void.

        Returns when no worker of the gateway serves them any more and that is on record; while the
        gateway's log is away it waits. To be cancelled by `aclose`. Each worker has an adapter of
        its own: one of them is enough to tell, and telling twice does no harm.

        Args:
            scheme: `cn-id` or `cn-uscc`.
            number: of the holder.
            certificates: of this adapter; none is all of them.

        Raises:
            ValueError: no number that a holder can have, or another adapter's certificate.
        """


async def nobody_listens(scheme: str, number: str, certificates: Sequence[str] = ()) -> None:
    """A `Changed` where nothing is cached: while a site is checked, and in tests."""


class AdapterContext(msgspec.Struct, frozen=True):
    """What the gateway gives an adapter when it opens it.

    Attributes:
        name: the adapter's name in the site.
        secret: resolves a secret reference of the settings (`file:…` or `env:…`) to its text;
            raises SetupError.
        changed: tells the gateway that a holder's records have changed.
        retries: what retries of idempotent calls are taken from, shared by all calls to this
            department; kits do it by themselves.
    """

    name: str
    secret: Callable[[str], str]
    changed: Changed = nobody_listens
    retries: RetryBudget = msgspec.field(default_factory=RetryBudget)


class Adapter(ABC, Generic[SettingsT]):
    """Base of all adapters.

    Class attributes to set:
        plugin: the name of the entry point that brings this class.
        api_version: the contract version that it was written for, one of `API_VERSIONS`.
        department: what the department is called, for docs and people. The class's docstring says
            in one line which of its systems is asked.
        certificates: what it can answer.
        settings_type: the frozen msgspec struct of its settings; unknown keys are refused.
    """

    plugin: ClassVar[str]
    api_version: ClassVar[int]
    department: ClassVar[Text]
    certificates: ClassVar[tuple[CertificateType, ...]]
    settings_type: ClassVar[type[msgspec.Struct]]

    def __init__(self, settings: SettingsT) -> None:
        self.settings = settings

    @abstractmethod
    async def open(self, context: AdapterContext) -> None:
        """Build clients and pools. A department that is away is no reason to fail.

        Raises:
            SetupError: settings or secrets that cannot work.
        """

    @abstractmethod
    async def lookup(self, query: Query, deadline: Deadline) -> Found | NotFound:
        """Ask the department for one certificate.

        Called on a cache miss, never for a refused caller. Safe to cancel at every await.

        Raises:
            AdapterUnavailable: not reachable, or it said that it is down.
            AdapterTimeout: no answer before the deadline.
            AdapterContractBroken: the answer is not what was promised.
            AdapterRefused: the department will not tell us.
        """

    async def verify(
        self, query: Query, claims: Mapping[str, Value], deadline: Deadline
    ) -> Verified | NotFound | None:
        """Let the department compare, where it can do so without giving the record away.

        Override it only then. An answer of this method is never cached.

        Args:
            query: as for `lookup`.
            claims: by field name; not empty, every name is a field of the certificate.
            deadline: as for `lookup`.

        Returns:
            One result for each claim, or None: the gateway compares with what `lookup` answers,
            which is what an adapter without this method gets.

        Raises:
            DepartmentError: as `lookup`.
        """
        del query, claims, deadline
        return None

    async def lookup_many(
        self, queries: Sequence[Query], deadline: Deadline
    ) -> list[Found | NotFound | DepartmentError]:
        """Ask for several certificates; one outcome for each query, in their order.

        Override it where the department answers several questions in one call. As it stands it
        asks one by one, all at once; an error in one is its outcome and does not lose the others.
        The conformance kit checks it; no endpoint of the gateway asks this way yet.
        """
        from asyncio import TaskGroup  # noqa: PLC0415 - a third of the time that the SDK takes to import

        async with TaskGroup() as group:
            tasks = [group.create_task(self._settle(query, deadline)) for query in queries]
        return [task.result() for task in tasks]

    async def _settle(self, query: Query, deadline: Deadline) -> Found | NotFound | DepartmentError:
        try:
            return await self.lookup(query, deadline)
        except DepartmentError as error:
            return error
        except Exception as error:  # noqa: BLE001 - a mistake in one must not lose the others
            return AdapterContractBroken(type(error).__name__)

    @abstractmethod
    async def ping(self) -> None:
        """Ask the department's system whether it works, about nobody; raises as `lookup` does."""

    @abstractmethod
    async def aclose(self) -> None:
        """Release everything that `open` took; also called after an `open` that failed."""
