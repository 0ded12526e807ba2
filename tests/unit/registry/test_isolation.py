# SPDX-License-Identifier: Apache-2.0
"""An adapter in a process of its own keeps the contract, and can be lost without harm."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from gateway.errors import (
    AdapterContractBroken,
    AdapterRefused,
    AdapterTimeout,
    AdapterUnavailable,
    DepartmentError,
    SetupError,
)
from gateway.model.site import AdapterSite
from gateway.registry.directory import Departments, OnChange
from gateway.registry.isolation import adapter as isolated
from gateway.registry.isolation import life
from gateway.registry.isolation.adapter import IsolatedAdapter
from gateway.registry.observer import Unobserved
from gateway.registry.quarantine import BREACHES, Offence
from gateway.sdk import AdapterContext, Deadline, Found, NotFound, Query, Verified
from tests.unit.registry.desk import FOUND, NUMBER, query
from tests.unit.registry.isolated_desk import Isolated

LONG_S = 30.0


class Heard(Unobserved):
    def __init__(self) -> None:
        self.offences: list[str] = []

    def note_offence(self, adapter: str, offence: Offence, count: int = 1) -> None:
        self.offences.append(offence)


class Deaf:
    """Whom offences are told that nobody asks for."""

    def note_stall(self) -> None: ...

    def note_leak(self, names: list[str]) -> None: ...

    def note_exit(self) -> None: ...


async def untold(scheme: str, number: str, certificates: Sequence[str] = ()) -> None:
    raise AssertionError("nothing changes")


@asynccontextmanager
async def running(
    folder: Path = Path(),
    *,
    heard: Heard | None = None,
    on_change: OnChange | None = None,
    **settings: Any,
) -> AsyncIterator[Departments]:
    site = AdapterSite(
        plugin="desk", name="desk", isolation="process", timeout_s=10, settings=settings
    )
    found = Departments([(site, Isolated)], folder=folder, observer=heard)
    await found.open(on_change)
    try:
        yield found
    finally:
        await found.aclose()


@asynccontextmanager
async def opened() -> AsyncIterator[IsolatedAdapter]:
    """The adapter by itself."""
    site = AdapterSite(plugin="desk", name="desk", isolation="process")
    adapter = IsolatedAdapter(Isolated, site, Path())
    adapter.report_to(Deaf())
    await adapter.open(AdapterContext("desk", str, untold))
    try:
        yield adapter
    finally:
        await adapter.aclose()


def is_alive(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


def asking(purpose: str, **changes: Any) -> Query:
    return msgspec.structs.replace(query(), purpose=purpose, **changes)


async def ask(found: Departments, purpose: str, seconds: float = LONG_S) -> Found | NotFound:
    return await found.lookup(asking(purpose), Deadline.after(seconds))


async def failure(
    found: Departments, purpose: str, kind: type[DepartmentError], seconds: float = LONG_S
) -> DepartmentError:
    with pytest.raises(kind) as caught:
        await ask(found, purpose, seconds)
    assert caught.value.adapter == "desk"
    return caught.value


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(LONG_S):
        while not condition():  # noqa: ASYNC110 - what is waited for has no event
            await asyncio.sleep(0.02)


async def answers_again(found: Departments) -> None:
    async with asyncio.timeout(LONG_S):
        while True:
            try:
                assert await ask(found, "") == FOUND
            except AdapterUnavailable:
                await asyncio.sleep(0.05)
            else:
                return


async def test_the_contract_is_the_same() -> None:
    async with running() as found:
        assert await ask(found, "") == FOUND
        assert await ask(found, "nobody") == NotFound()
        refused = await failure(found, "refuse", AdapterRefused)
        assert (refused.cause, refused.retry_after_s) == ("HTTP 403", 7)
        assert "holder" in (await failure(found, "somebody else", AdapterContractBroken)).cause
        assert (await failure(found, "raise", AdapterContractBroken)).cause == "ValueError"
        assert isinstance(await failure(found, "wait", AdapterTimeout, 0.1), AdapterTimeout)
        assert await found.health() == {"desk": "ok"}


@pytest.mark.parametrize("purpose", ["raise", "somebody else", "too large"])
async def test_code_that_never_keeps_the_contract_is_quarantined_there_too(purpose: str) -> None:
    async with running() as found:
        for _ in range(BREACHES):
            await failure(found, purpose, AdapterContractBroken)
        assert await found.health() == {"desk": "quarantined: broken"}


async def test_a_question_that_cannot_be_passed_on_is_not_waited_for() -> None:
    async with opened() as adapter:
        assert adapter._life is not None
        for _ in range(2):
            with pytest.raises(OverflowError):
                await adapter.lookup(asking("", claims={"n": 2**64}), Deadline.after(LONG_S))
        assert not adapter._life._waiting


async def test_what_it_states_of_its_department_is_no_offence_there_either() -> None:
    async with running() as found:
        for _ in range(BREACHES + 1):
            await failure(found, "refuse", AdapterRefused)
            await failure(found, "misread", AdapterContractBroken)
        assert await found.health() == {"desk": "ok"}


async def test_it_runs_elsewhere_and_gets_the_whole_question() -> None:
    async with running() as found:
        asked = asking("where", division="140302", claims={"name": "x"})
        answer = await found.lookup(asked, Deadline.after(LONG_S))
        assert isinstance(answer, Found)
        pid, rest = str(answer.fields["name"]).split(" ", 1)
        assert int(pid) != os.getpid()
        assert rest == "140302 {'name': 'x'}"


async def test_it_verifies_by_itself() -> None:
    async with running() as found:
        assert found.verifies("desk")
        asked = asking("", claims={"name": "x", "open": False})
        answer = await found.verify(asked, Deadline.after(LONG_S))
        assert answer == Verified({"name": "match", "open": "mismatch"})
        assert await found.verify(asking("leave it"), Deadline.after(LONG_S)) is None


async def test_what_it_learns_of_a_holder_is_told_and_then_it_goes_on() -> None:
    told: list[tuple[str, str, str, Sequence[str]]] = []
    known_everywhere = asyncio.Event()

    async def on_change(name: str, scheme: str, number: str, certificates: Sequence[str]) -> None:
        told.append((name, scheme, number, certificates))
        await known_everywhere.wait()

    async with running(on_change=on_change) as found:
        telling = asyncio.create_task(ask(found, "tell"))
        await until(lambda: told == [("desk", "cn-id", NUMBER, ["desk.note"])])
        assert await ask(found, "") == FOUND
        assert not telling.done()
        known_everywhere.set()
        assert await telling == FOUND


async def test_what_it_tells_wrongly_is_its_own_value_error() -> None:
    async def on_change(name: str, scheme: str, number: str, certificates: Sequence[str]) -> None:
        raise ValueError("no such number")

    async with running(on_change=on_change) as found:
        answer = await ask(found, "tell wrongly")
        assert isinstance(answer, Found)
        assert answer.fields["name"] == "no such number"


async def test_who_ends_while_it_tells_waits_for_nothing() -> None:
    began = asyncio.Event()

    async def on_change(name: str, scheme: str, number: str, certificates: Sequence[str]) -> None:
        began.set()
        await asyncio.Event().wait()

    heard = Heard()
    async with running(on_change=on_change, heard=heard) as found:
        telling = asyncio.create_task(failure(found, "tell", AdapterUnavailable))
        await began.wait()
    await telling
    assert heard.offences == []


async def test_many_at_once_do_not_wait_for_each_other() -> None:
    async with running() as found:
        waiting = asyncio.create_task(ask(found, "wait", 5))
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(ask(found, "")) for _ in range(50)]
        assert all(task.result() == FOUND for task in tasks)
        waiting.cancel()
        await asyncio.wait((waiting,))


async def test_secrets_stand_neither_in_arguments_nor_in_the_environment(tmp_path: Path) -> None:
    (tmp_path / "desk.secret").write_text("hush-hush-hush")
    async with running(tmp_path, secret="file:desk.secret") as found:
        answer = await ask(found, "secret")
        assert isinstance(answer, Found)
        assert answer.fields["name"] == "14 characters"
        where = await ask(found, "where")
        assert isinstance(where, Found)
        proc = Path("/proc", str(where.fields["name"]).split()[0])
        assert b"hush" not in (proc / "cmdline").read_bytes() + (proc / "environ").read_bytes()


@pytest.mark.parametrize(
    ("settings", "word"),
    [({"tries": 0}, "tries nothing"), ({"secret": "env:DESK_NONE"}, "env:DESK_NONE")],
)
async def test_what_cannot_be_opened_is_named(settings: dict[str, Any], word: str) -> None:
    with pytest.raises(SetupError, match=word) as caught:
        async with running(**settings):
            pass
    assert caught.value.where == "adapters/desk.toml"


async def test_a_crash_at_open_is_a_refused_start() -> None:
    with pytest.raises(SetupError, match="SIGABRT"):
        async with running(tries=13):
            pass


async def test_a_crash_takes_nobody_along_and_it_comes_back() -> None:
    heard = Heard()
    async with running(heard=heard) as found:
        together = asyncio.create_task(ask(found, "wait"))
        await asyncio.sleep(0.1)
        error = await failure(found, "abort", AdapterUnavailable)
        assert error.cause == "its process was ended by SIGABRT"
        with pytest.raises(AdapterUnavailable):
            await together
        await answers_again(found)
        assert heard.offences == ["exited"]


async def test_an_answer_that_cannot_be_passed_on_is_a_breach_at_once() -> None:
    async with running() as found:
        error = await failure(found, "too large", AdapterContractBroken)
        assert error.cause == "OverflowError"
        assert await ask(found, "") == FOUND


async def test_a_life_that_never_opens_is_ended_and_followed_by_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(isolated, "_OPEN_S", 5.0)
    monkeypatch.setattr(life, "_END_S", 0.1)
    lives = tmp_path / "lives"
    lives.touch()
    secret = tmp_path / "where"
    secret.write_text(str(lives))
    secret.chmod(0o600)
    async with running(tmp_path, tries=7, secret="file:where") as found:
        await failure(found, "abort", AdapterUnavailable)
        await answers_again(found)
    pids = list(map(int, lives.read_text().split()))
    assert len(pids) >= 3  # on a busy machine one more may be too slow
    assert not any(map(is_alive, pids))


async def test_one_that_is_closed_as_soon_as_it_is_open_leaves_no_process() -> None:
    async with opened() as adapter:
        begun = adapter._life
    assert begun is not None
    assert begun._process.returncode == 0


async def test_who_is_cancelled_while_a_life_ends_leaves_no_process() -> None:
    async with opened() as adapter:
        begun = adapter._life
        assert begun is not None
        hanging = asyncio.create_task(adapter.lookup(asking("hang"), Deadline.after(LONG_S)))
        await asyncio.sleep(0)
        ending = asyncio.create_task(begun.end())
        await asyncio.sleep(0)
        ending.cancel()
        await asyncio.wait((ending, hanging))
        assert ending.cancelled()
        assert begun._process.returncode == -signal.SIGKILL
        assert isinstance(hanging.exception(), AdapterUnavailable)


async def test_what_its_code_says_when_it_fails_stands_in_no_log(
    capfd: pytest.CaptureFixture[str],
) -> None:
    async with running(tries=9) as found:
        await ask(found, "forget")
    said = capfd.readouterr().err
    faults = [msgspec.json.decode(line) for line in said.splitlines()]
    assert [fault["process"] for fault in faults] == ["adapter-desk"] * 2
    assert [fault["kind"] for fault in faults] == ["KeyError"] * 2
    assert all("_fail" in fault["frames"] for fault in faults)
    assert "13800138000" not in said


async def test_an_exit_is_a_crash() -> None:
    async with running() as found:
        await failure(found, "exit", AdapterUnavailable)
        await answers_again(found)


async def test_who_crashes_again_and_again_is_quarantined() -> None:
    async with running() as found:
        for _ in range(3):
            await answers_again(found)
            await failure(found, "abort", AdapterUnavailable)
        await until(lambda: found._guards["desk"].state == "quarantined")
        assert (await found.health())["desk"] == "quarantined: exited"


async def test_an_endless_loop_is_named_and_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(life, "HANG_BEATS", 6)
    heard = Heard()
    async with running(heard=heard) as found:
        hanging = asyncio.create_task(failure(found, "hang", AdapterUnavailable))
        began_s = time.monotonic()
        await until(lambda: heard.offences == ["blocked"])
        assert time.monotonic() - began_s < LONG_S
        assert (await hanging).cause == "its process was ended by SIGKILL"
        await answers_again(found)
        assert heard.offences == ["blocked", "exited"]


async def test_the_child_ends_with_its_worker() -> None:
    async with running() as found:
        answer = await ask(found, "where")
        assert isinstance(answer, Found)
        pid = int(str(answer.fields["name"]).split()[0])
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
