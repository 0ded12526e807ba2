# SPDX-License-Identifier: Apache-2.0
"""Departments by certificate: settings, life cycle, health."""

import asyncio
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import msgspec
import pytest

from gateway.errors import AdapterUnavailable, SetupError
from gateway.model.certificate import CertificateType
from gateway.model.site import AdapterSite
from gateway.registry import directory, heartbeat
from gateway.registry.directory import Departments
from gateway.registry.observer import Unobserved
from gateway.registry.quarantine import Offence
from gateway.registry.watchdog import LOOK_S, LOOKS
from gateway.sdk import Adapter, AdapterContext, Deadline, Found, NotFound, Query
from tests.unit.registry.desk import FOUND, NOTE, Desk, Settings, certificate, query

LIST = certificate("other.list")


class Recorded(Desk):
    """A desk that can be found again after a directory has made it."""

    made: ClassVar[list["Recorded"]]

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self.made.append(self)


class Other(Recorded):
    certificates: ClassVar[tuple[CertificateType, ...]] = (LIST,)


@pytest.fixture(autouse=True)
def made() -> list[Recorded]:
    Recorded.made = []
    return Recorded.made


def site(name: str = "desk", settings: Mapping[str, Any] | None = None) -> AdapterSite:
    return AdapterSite(plugin="desk", name=name, settings=dict(settings or {}))


def departments(
    *sites: tuple[AdapterSite, type[Adapter[Any]]], folder: Path = Path("/nowhere")
) -> Departments:
    return Departments(sites or [(site(), Recorded), (site("other"), Other)], folder=folder)


def refusal(settings: Mapping[str, Any]) -> SetupError:
    with pytest.raises(SetupError) as caught:
        departments((site("yq"), Desk), (site("bad", settings), Other))
    assert caught.value.remedy
    return caught.value


def test_certificates_are_found_by_name() -> None:
    found = departments()
    assert found.certificates == {"desk.note": NOTE, "other.list": LIST}
    assert found.adapter_of("other.list", None) == "other"


def test_settings_reach_the_adapter(made: list[Recorded]) -> None:
    departments((site(settings={"url": "http://a.example", "tries": 3}), Recorded))
    assert made[0].settings == Settings(url="http://a.example", tries=3)


def test_making_a_directory_opens_nothing(made: list[Recorded]) -> None:
    departments()
    assert [desk.calls for desk in made] == [[], []]


@pytest.mark.parametrize(
    ("settings", "where"),
    [
        ({"tries": "3"}, "adapters/bad.toml: $.settings.tries"),
        ({"ur": "http://a.example"}, "adapters/bad.toml: $.settings"),
    ],
)
def test_a_mistake_in_settings_names_file_and_path(settings: Mapping[str, Any], where: str) -> None:
    assert refusal(settings).where == where


def test_an_unknown_setting_is_named() -> None:
    assert "`ur`" in refusal({"ur": "http://a.example"}).detail


def test_two_adapters_for_one_certificate_are_refused() -> None:
    with pytest.raises(SetupError, match=r"adapters/b\.toml.*adapters/a\.toml"):
        departments((site("a"), Desk), (site("b"), Desk))


async def test_a_lookup_goes_to_the_department_that_answers(made: list[Recorded]) -> None:
    found = departments()
    await found.open()
    assert await found.lookup(query(), Deadline.after(5)) is FOUND
    await found.aclose()
    assert [desk.calls for desk in made] == [["open", "lookup", "aclose"], ["open", "aclose"]]


async def test_how_many_wait_for_a_place_is_told_of_each_department(made: list[Recorded]) -> None:
    full = msgspec.structs.replace(site(), concurrency=2)
    found = departments((full, Recorded), (site("other"), Other))
    assert found.waiting_counts() == {"desk": 0, "other": 0}
    await found.open()
    answered = asyncio.Event()

    async def late() -> object:
        await answered.wait()
        return FOUND

    made[0].answer = late
    asked = [asyncio.create_task(found.lookup(query(), Deadline.after(30))) for _ in range(3)]
    async with asyncio.timeout(30):
        while made[0].calls.count("lookup") < 2:  # noqa: ASYNC110 - the tasks bring it about
            await asyncio.sleep(0)
    assert found.waiting_counts() == {"desk": 1, "other": 0}
    answered.set()
    await asyncio.wait(asked)
    assert [task.result() for task in asked] == [FOUND] * 3
    assert found.waiting_counts() == {"desk": 0, "other": 0}
    await found.aclose()


async def test_an_open_that_fails_closes_everybody(made: list[Recorded]) -> None:
    found = departments((site(), Recorded), (site("b", {"secret": "env:DESK_NONE"}), Other))
    with pytest.raises(SetupError) as caught:
        await found.open()
    assert caught.value.where == "adapters/b.toml"
    assert "env:DESK_NONE" in caught.value.detail
    assert [desk.calls for desk in made] == [["open", "aclose"], ["open", "aclose"]]


async def test_a_foreign_exception_at_open_is_named_by_its_type_alone() -> None:
    class Leaking(Desk):
        async def open(self, context: AdapterContext) -> None:
            raise ValueError("postgresql://user:hush@db")

    with pytest.raises(SetupError, match="ValueError") as caught:
        await departments((site("leaky"), Leaking)).open()
    assert "hush" not in str(caught.value)
    assert caught.value.where == "adapters/leaky.toml"


async def test_a_setup_error_without_a_place_gets_one() -> None:
    class Picky(Desk):
        async def open(self, context: AdapterContext) -> None:
            raise SetupError("the URL is not usable")

    with pytest.raises(SetupError, match=r"adapters/picky\.toml: .*the URL is not usable"):
        await departments((site("picky"), Picky)).open()


async def test_one_that_fails_to_close_does_not_keep_the_others_open(
    made: list[Recorded],
) -> None:
    class Stuck(Other):
        async def aclose(self) -> None:
            raise RuntimeError("stuck")

    found = departments((site(), Recorded), (site("stuck"), Stuck))
    await found.open()
    with pytest.raises(RuntimeError, match="stuck"):
        await found.aclose()
    assert made[0].calls == ["open", "aclose"]


async def test_health_tells_each_department_apart(made: list[Recorded]) -> None:
    async def away() -> object:
        raise AdapterUnavailable("connection refused")

    found = departments()
    made[1].answer = away
    assert await found.health() == {"desk": "ok", "other": "PROVIDER_UNAVAILABLE"}


async def test_departments_are_asked_at_once(made: list[Recorded]) -> None:
    found = departments()
    together = asyncio.Barrier(2)  # each ping ends only when the other has begun
    for desk in made:
        desk.answer = together.wait
    assert set((await found.health()).values()) == {"ok"}


async def test_a_department_that_hangs_is_given_up(
    made: list[Recorded], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(heartbeat, "PING_DEADLINE_S", 0.05)
    found = departments()
    made[0].answer = asyncio.Event().wait
    assert await found.health() == {"desk": "PROVIDER_TIMEOUT", "other": "ok"}


async def test_one_round_of_pings_serves_many_askers(
    made: list[Recorded], monkeypatch: pytest.MonkeyPatch
) -> None:
    found = departments()
    async with asyncio.TaskGroup() as group:
        for _ in range(10):
            group.create_task(found.health())
    assert made[0].calls == ["ping"]


async def test_the_nearest_department_is_asked(made: list[Recorded]) -> None:
    found = departments(
        (AdapterSite(plugin="desk", name="county", divisions=("140302",)), Recorded),
        (AdapterSite(plugin="desk", name="city", divisions=("140300",)), Recorded),
    )
    assert found.adapter_of("desk.note", "140302001002") == "county"
    assert found.adapter_of("desk.note", None) is None
    for place in ("140302", "140311"):
        asked = msgspec.structs.replace(query(), division=place)
        await found.lookup(asked, Deadline.after(5))
    assert [desk.calls for desk in made] == [["lookup"], ["lookup"]]
    with pytest.raises(KeyError):
        await found.lookup(query(), Deadline.after(5))


async def test_a_department_that_nobody_asks_is_pinged(
    made: list[Recorded], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(directory, "PROBE_INTERVAL_S", 0.01)
    quiet = msgspec.structs.replace(site(), heartbeat_s=0.01)
    found = departments((quiet, Recorded))
    began_s = time.monotonic()
    await found.open()
    async with asyncio.timeout(60):
        while made[0].calls.count("ping") < 2:  # noqa: ASYNC110 - a ping tells nobody
            await asyncio.sleep(0.01)
    await found.aclose()
    count = made[0].calls.count("ping")
    assert count <= (time.monotonic() - began_s) / 0.01 + 1
    assert made[0].calls[-1] == "aclose"
    await asyncio.sleep(0.05)
    assert made[0].calls.count("ping") == count


async def test_code_that_holds_the_loop_is_named_and_quarantined(
    made: list[Recorded], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Blocking(Recorded):
        async def lookup(self, query: Query, deadline: Deadline) -> Found | NotFound:
            time.sleep(LOOK_S * (LOOKS + 3))  # noqa: ASYNC251 - the point
            return FOUND

    class Heard(Unobserved):
        def __init__(self) -> None:
            self.offences: list[tuple[str, str]] = []

        def note_offence(self, adapter: str, offence: Offence, count: int = 1) -> None:
            self.offences.append((adapter, offence))

    heard = Heard()
    found = Departments([(site(), Blocking), (site("other"), Other)], folder=Path(), observer=heard)
    await found.open()
    for _ in range(3):
        assert await found.lookup(query(), Deadline.after(5)) is FOUND
    assert (await found.health())["desk"] == "quarantined: blocked"
    with pytest.raises(AdapterUnavailable):
        await found.lookup(query(), Deadline.after(5))
    assert heard.offences == [("desk", "blocked")] * 3
    assert (await found.health())["other"] == "ok"
    found.release()
    assert (await found.health())["desk"] == "ok"
    await found.aclose()


@pytest.mark.parametrize(
    ("text", "path"),
    [
        (b'plugin = "desk"\ntimeout_s = 0.01', "timeout_s"),
        (b'plugin = "desk"\nconcurrency = 0', "concurrency"),
        (b'plugin = "Desk"', "plugin"),
        (b'plugin = "desk"\nretries = 3', "retries"),
        (b'plugin = "desk"\ndivisions = ["1403"]', "divisions"),
        (b'plugin = "desk"\nisolation = "thread"', "isolation"),
        (b'plugin = "desk"\nheartbeat_s = 0.5', "heartbeat_s"),
        (b'plugin = "desk"\n[breaker]\nhang_s = 0', "breaker.hang_s"),
    ],
)
def test_an_adapters_file_is_strict(text: bytes, path: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=path):
        msgspec.toml.decode(text, type=AdapterSite)


def test_an_adapters_file_needs_a_plugin_only() -> None:
    decoded = msgspec.toml.decode(b'plugin = "desk"', type=AdapterSite)
    assert decoded == AdapterSite(plugin="desk", timeout_s=5, concurrency=64, enabled=True)


async def test_a_change_that_an_adapter_tells_comes_with_its_name(made: list[Recorded]) -> None:
    told: list[tuple[object, ...]] = []

    async def on_change(*what: object) -> None:
        told.append(what)

    class Telling(Recorded):
        async def open(self, context: AdapterContext) -> None:
            await super().open(context)
            await context.changed("cn-id", "140302190001010017")
            await context.changed("cn-id", "140302190001010017", ("desk.note",))

    found = departments((site("yq"), Telling))
    await found.open(on_change)
    await found.aclose()
    assert told == [
        ("yq", "cn-id", "140302190001010017", ()),
        ("yq", "cn-id", "140302190001010017", ("desk.note",)),
    ]


async def test_where_nobody_listens_a_change_is_told_to_nobody() -> None:
    class Telling(Recorded):
        async def open(self, context: AdapterContext) -> None:
            await context.changed("cn-id", "140302190001010017")

    found = departments((site("yq"), Telling))
    await found.open()
    await found.aclose()
