# SPDX-License-Identifier: Apache-2.0
"""What a check works with: the adapter opened, its department with faults, and questions to ask.

All that the adapter raises is kept, so that checks of privacy see it.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import msgspec

from gateway.conformance.breach import Breach, NotApplicable
from gateway.conformance.faults import CLEAN, Fault, FaultProxy
from gateway.conformance.file_faults import copy_of
from gateway.conformance.subject import Sample, Subject
from gateway.conformance.watch import Watch
from gateway.errors import DepartmentError
from gateway.sdk import (
    Adapter,
    AdapterContext,
    Deadline,
    Found,
    NotFound,
    Query,
    Value,
)

#: Seconds that an answer from a sound department may take.
ANSWER_S: Final = 10.0
#: Seconds for one question to a department that will not answer it.
SHORT_S: Final = 0.3
#: Seconds after its deadline at which a call must have ended, on a busy machine too.
GRACE_S: Final = 2.0
_LIFE_CYCLE_S: Final = 10.0
#: Text that is shorter stands in any log by chance: codes, yes and no.
_TELLING_LENGTH: Final = 6


class Line:
    """The department behind a proxy: the fault can be changed, the adapter is made for it."""

    def __init__(self, subject: Subject, proxy: FaultProxy) -> None:
        self.subject: Final = subject
        self.proxy: Final = proxy


class Lab:
    """One check's tools.

    Args:
        subject: what is checked.
        watch: takes what is said.
    """

    def __init__(self, subject: Subject, watch: Watch) -> None:
        self.subject: Final = subject
        self.watch: Final = watch

    def make(self, subject: Subject | None = None) -> Adapter[Any]:
        """Make the adapter as the gateway does, not yet opened."""
        subject = subject or self.subject
        settings = msgspec.convert(subject.settings, subject.adapter.settings_type, strict=True)
        return subject.adapter(settings)

    def context(self, subject: Subject | None = None) -> AdapterContext:
        """The context that `open` is given."""
        subject = subject or self.subject
        return AdapterContext(subject.adapter.plugin, subject.secret_source())

    @asynccontextmanager
    async def adapter(self, subject: Subject | None = None) -> AsyncIterator[Adapter[Any]]:
        """The adapter, opened, and closed at the end."""
        adapter = self.make(subject)
        try:
            async with asyncio.timeout(_LIFE_CYCLE_S):
                await adapter.open(self.context(subject))
            yield adapter
        except BaseException as error:
            self.watch.errors.append(error)
            raise
        finally:
            async with asyncio.timeout(_LIFE_CYCLE_S):
                await adapter.aclose()

    @contextmanager
    def line(self, fault: Fault = CLEAN) -> Iterator[Line]:
        """The department behind a proxy that puts faults in."""
        with FaultProxy(self.subject.department.address, fault) as proxy:
            yield Line(self.subject.at(proxy.address), proxy)

    @contextmanager
    def copied(self) -> Iterator[tuple[Subject, Path]]:
        """A copy of the department's file or folder, to be spoilt, and nothing read of it yet."""
        with TemporaryDirectory(prefix="yz-") as folder, TemporaryDirectory(prefix="yz-") as state:
            path = copy_of(Path(self.subject.department.address), Path(folder))
            yield self.subject.at(str(path), state), path

    def query(self, sample: Sample, claims: Mapping[str, Value] | None = None) -> Query:
        """The question about one holder; `claims` in place of the sample's key fields."""
        return Query(
            holder=sample.holder,
            certificate=self.subject.certificate_of(sample),
            request_id="conformance-0001",
            agency="conformance",
            operator="op-0001",
            item="conformance-001",
            case="CONFORMANCE-0001",
            purpose="conformance check of the adapter",
            claims=sample.claims if claims is None else claims,
            division=sample.division,
        )

    async def ask(
        self, adapter: Adapter[Any], sample: Sample, within_s: float = ANSWER_S
    ) -> Found | NotFound:
        """Ask, and demand an answer.

        Raises:
            Breach: an exception came instead; the text has its type and not its words.
        """
        outcome = await self.outcome(adapter, sample, within_s)
        if isinstance(outcome, BaseException):
            raise Breach(f"{described(outcome)} came instead of an answer")
        if not isinstance(outcome, Found | NotFound):
            raise Breach(f"{type(outcome).__name__} came, which is neither Found nor NotFound")
        return outcome

    async def outcome(
        self, adapter: Adapter[Any], sample: Sample, within_s: float = ANSWER_S
    ) -> object:
        """Ask, and return the answer or whatever was raised.

        Raises:
            Breach: nothing came until long after the deadline.
        """
        deadline = Deadline.after(within_s)
        scope = asyncio.timeout(within_s + 2 * GRACE_S)
        try:
            async with scope:
                return await adapter.lookup(self.query(sample), deadline)
        except Exception as error:  # noqa: BLE001 - adapters are foreign code
            self.watch.errors.append(error)
            if scope.expired():
                raise Breach(f"nothing came {2 * GRACE_S:.0f} s after the deadline") from None
            return error

    async def ping(self, adapter: Adapter[Any], within_s: float = ANSWER_S) -> object:
        """Ping, and return None or whatever was raised; as the guard does, give up after a time."""
        try:
            async with asyncio.timeout(within_s):
                await adapter.ping()
        except Exception as error:  # noqa: BLE001 - adapters are foreign code
            self.watch.errors.append(error)
            return error
        return None

    def telling_words(self) -> frozenset[str]:
        """Numbers, names and values that may appear nowhere."""
        words: set[str] = set()
        for sample in self.subject.samples:
            certificate = self.subject.certificate_of(sample)
            sensitivity = {field.name: field.sensitivity for field in certificate.fields}
            words |= {sample.number, *([sample.name] if sample.name else [])}
            for name, value in (sample.fields | sample.claims).items():
                is_name = name == certificate.name_field
                if isinstance(value, str) and (
                    is_name or (len(value) >= _TELLING_LENGTH and sensitivity.get(name) != "normal")
                ):
                    words.add(value)
        return frozenset(words)

    def require_swap(self, line: Line) -> None:
        """Say that the check cannot be made where the answer does not spell the number out."""
        if not line.proxy.swap_count:
            raise NotApplicable("the department's answer does not repeat the number in clear")


def described(error: object) -> str:
    """A raised error in words for a report: its type; its own words only where they are ours."""
    if isinstance(error, DepartmentError):
        return type(error).__name__
    return f"{type(error).__name__} (no department error)"
