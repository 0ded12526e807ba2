# SPDX-License-Identifier: Apache-2.0
"""Two adapters asked the same questions, and where their answers differ.

What is said of a difference is its kind and the field's name. Values are shown only to whoever asks
for them.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final, Literal

import msgspec

from gateway.conformance.lab import described
from gateway.conformance.subject import Sample
from gateway.errors import SetupError
from gateway.model.certificate import CertificateType
from gateway.model.discreet import Discreet
from gateway.sdk import Adapter, AdapterContext, Deadline, Found, NotFound, Query, Value
from gateway.sdk.contract import check_answer

#: outcome: found, not found or which error; missing, added: a field that one side lacks; type: text
#: for a number and the like; value: another value of the same type.
Kind = Literal["outcome", "missing", "added", "type", "value"]
_LIFE_CYCLE_S: Final = 10.0


class Side(msgspec.Struct, frozen=True):
    """One of the two adapters, not opened.

    Attributes:
        name: under which it is opened.
        adapter: the class.
        settings: as its site has them.
        secret: resolves references of the settings.
    """

    name: str
    adapter: type[Adapter[Any]]
    settings: Mapping[str, Any]
    secret: Callable[[str], str]


class Difference(Discreet, msgspec.Struct, frozen=True):
    """One difference in the answers to one question; `old` and `new` are personal data.

    Attributes:
        line: of the question, counted from 1.
        certificate: asked for.
        kind: of the difference.
        field: None for an outcome.
        old: outcome, or value.
        new: the same of the other side.
    """

    line: int
    certificate: str
    kind: Kind
    field: str | None = None
    old: Value = None
    new: Value = None


async def shadow(
    old: Side, new: Side, samples: Iterable[Sample], *, timeout_s: float
) -> tuple[int, list[Difference]]:
    """Ask both sides each question at the same time.

    Args:
        old: the adapter that is in use.
        new: the one that is to take its place.
        samples: who is asked about; `fields` is not looked at.
        timeout_s: seconds for one question.

    Returns:
        How many questions were asked, and all differences in their order.

    Raises:
        SetupError: an adapter cannot be opened, or a question names no certificate of both.
    """
    differences: list[Difference] = []
    count = 0
    async with _opened(old) as old_adapter, _opened(new) as new_adapter:
        for count, sample in enumerate(samples, start=1):
            types = [_type_of(side, sample, count) for side in (old, new)]
            async with asyncio.TaskGroup() as group:
                tasks = [
                    group.create_task(_outcome(adapter, sample, certificate, timeout_s))
                    for adapter, certificate in zip((old_adapter, new_adapter), types, strict=True)
                ]
            answers = [task.result() for task in tasks]
            differences += _compare(count, types[0].name, *answers)
    return count, differences


def _compare(
    line: int, certificate: str, old: Found | NotFound | str, new: Found | NotFound | str
) -> list[Difference]:
    if not isinstance(old, Found) or not isinstance(new, Found):
        told = _told(old), _told(new)
        return [] if told[0] == told[1] else [Difference(line, certificate, "outcome", None, *told)]
    found = []
    for field in dict.fromkeys([*old.fields, *new.fields]):
        before, now = old.fields.get(field), new.fields.get(field)
        if before != now or type(before) is not type(now):
            kind = _kind(before, now)
            found.append(Difference(line, certificate, kind, field, before, now))
    return found


def _told(answer: Found | NotFound | str) -> str:
    match answer:
        case Found():
            return "found"
        case NotFound():
            return "not_found"
        case _:
            return answer


def _kind(before: Value, now: Value) -> Kind:
    if now is None:
        return "missing"
    if before is None:
        return "added"
    return "value" if type(before) is type(now) else "type"


async def _outcome(
    adapter: Adapter[Any], sample: Sample, certificate: CertificateType, timeout_s: float
) -> Found | NotFound | str:
    """The answer, checked as the guard does, or the name of what was raised."""
    query = Query(
        holder=sample.holder,
        certificate=certificate,
        request_id="shadow",
        agency="shadow",
        operator="shadow",
        item="shadow",
        case="shadow",
        purpose="shadow comparison of two adapters",
        claims=sample.claims,
        division=sample.division,
    )
    try:
        async with asyncio.timeout(timeout_s + 1):
            answer = await adapter.lookup(query, Deadline.after(timeout_s))
        return check_answer(answer, certificate, sample.holder)
    except Exception as error:  # noqa: BLE001 - adapters are foreign code
        return described(error)


def _type_of(side: Side, sample: Sample, line: int) -> CertificateType:
    named = [c for c in side.adapter.certificates if sample.certificate in {"", c.name}]
    if len(named) != 1:
        raise SetupError(
            f"names no certificate of {side.name}, or does not name one of several",
            where=f"line {line}",
            remedy='write {"number": …, "certificate": …} with a certificate of both adapters.',
        )
    return named[0]


@asynccontextmanager
async def _opened(side: Side) -> AsyncIterator[Adapter[Any]]:
    try:
        settings = msgspec.convert(side.settings, side.adapter.settings_type, strict=True)
    except msgspec.ValidationError as error:
        raise SetupError(str(error), where=side.name, remedy="see the adapter's README.") from None
    adapter = side.adapter(settings)
    try:
        async with asyncio.timeout(_LIFE_CYCLE_S):
            await adapter.open(AdapterContext(side.name, side.secret))
        yield adapter
    finally:
        async with asyncio.timeout(_LIFE_CYCLE_S):
            await adapter.aclose()
