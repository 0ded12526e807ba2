# SPDX-License-Identifier: Apache-2.0
"""Marriages: the newest act counts, and the office's own verification says no more."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest
from gateway_adapter_civil_affairs.adapter import CivilAffairs
from gateway_adapter_civil_affairs.simulator import APP

from gateway.sdk import (
    AdapterContext,
    AdapterRefused,
    Deadline,
    Found,
    Holder,
    NotFound,
    Query,
    Verified,
)
from gateway.sdk.kits.simulator import running

[MARRIAGE] = CivilAffairs.certificates
MAN, FIRST_WIFE, SECOND_WIFE = "140302190001010017", "140303190001020027", "14032219040229006X"
NOBODY = "140105194912310017"


def act(kind: str, day: str, woman: str, serial: int) -> dict[str, Any]:
    return {
        "op_type": kind,
        "op_date": day,
        "cert_no": f"J140302-2099-{serial:06d}",
        "dept_code": "140302000000",
        "dept_name": "测试登记处",
        "name_man": "测试甲",
        "cert_num_man": MAN,
        "birth_man": "1900-01-01",
        "nation_man": "156",
        "name_woman": f"测试{serial}",
        "cert_num_woman": woman,
        "birth_woman": "1900-01-02",
        "nation_woman": "156",
    }


ACTS = [
    act("IA", "1934-05-06", SECOND_WIFE, 3),
    act("IA", "1928-01-02", FIRST_WIFE, 1),
    act("IB", "1932-03-04", FIRST_WIFE, 2),
]


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    folder = tmp_path_factory.mktemp("office")
    (folder / "acts.json").write_bytes(msgspec.json.encode(ACTS))
    (folder / "secret").write_text("demo-secret")
    with running(
        "gateway_adapter_civil_affairs.simulator",
        f"--records={folder / 'acts.json'}",
        f"--secret-file={folder / 'secret'}",
    ) as (ready, _):
        yield ready["port"]


@asynccontextmanager
async def adapter(port: int, secret: str = "demo-secret") -> AsyncIterator[CivilAffairs]:
    sign_in = {"dialect": "tif", "app": APP, "secret": "env:DEMO"}
    given = {"url": f"http://127.0.0.1:{port}", "sign_in": sign_in}
    opened = CivilAffairs(msgspec.convert(given, CivilAffairs.settings_type))
    await opened.open(AdapterContext("civil_affairs", {"env:DEMO": secret}.__getitem__))
    try:
        yield opened
    finally:
        await opened.aclose()


def query(number: str = MAN, **claims: str) -> Query:
    return Query(
        holder=Holder("cn-id", number),
        certificate=MARRIAGE,
        request_id="r-1",
        agency="yq-gjj",
        operator="yq-0417",
        item="yq-gjj-001",
        case="YQ-1",
        purpose="housing fund withdrawal",
        claims=claims,
    )


async def verify(port: int, number: str, **claims: str) -> Verified | NotFound | None:
    async with adapter(port) as asked:
        return await asked.verify(query(number, **claims), claims, Deadline.after(10))


async def test_who_was_divorced_and_married_again_is_married(port: int) -> None:
    async with adapter(port) as asked:
        answer = await asked.lookup(query(), Deadline.after(10))
    assert isinstance(answer, Found)
    assert answer.fields == ACTS[0] | {"id_number": MAN, "name": "测试甲"}
    assert answer.fields.keys() == MARRIAGE.field_names


async def test_the_other_party_is_the_one_who_was_asked_about(port: int) -> None:
    async with adapter(port) as asked:
        answer = await asked.lookup(query(FIRST_WIFE), Deadline.after(10))
    assert isinstance(answer, Found)
    assert (answer.fields["id_number"], answer.fields["name"]) == (FIRST_WIFE, "测试2")
    assert answer.fields["op_type"] == "IB"


async def test_no_record_is_not_found_and_nothing_says_unmarried(port: int) -> None:
    async with adapter(port) as asked:
        assert await asked.lookup(query(NOBODY), Deadline.after(10)) == NotFound()
    assert await verify(port, NOBODY, op_type="IA") == NotFound()
    assert await verify(port, MAN, cert_num_man=MAN, cert_num_woman=NOBODY) == NotFound()


@pytest.mark.parametrize(
    ("number", "kind", "result"),
    [
        (MAN, "IA", "match"),
        (MAN, "IB", "mismatch"),
        (FIRST_WIFE, "IA", "mismatch"),
        (FIRST_WIFE, "IB", "match"),
    ],
)
async def test_one_persons_state_is_compared_by_the_office(
    port: int, number: str, kind: str, result: str
) -> None:
    assert await verify(port, number, op_type=kind) == Verified({"op_type": result})  # type: ignore[dict-item]


@pytest.mark.parametrize(
    ("woman", "kind", "result"),
    [
        (SECOND_WIFE, None, "match"),
        (SECOND_WIFE, "IB", "mismatch"),
        (FIRST_WIFE, None, "mismatch"),
        (FIRST_WIFE, "IB", "mismatch"),  # true once, and not of the man's newest act
    ],
)
async def test_two_peoples_state_is_compared_by_the_office(
    port: int, woman: str, kind: str | None, result: str
) -> None:
    claims = {"cert_num_man": MAN, "cert_num_woman": woman} | ({"op_type": kind} if kind else {})
    answer = await verify(port, MAN, **claims)
    assert isinstance(answer, Verified)
    assert answer.results == dict.fromkeys(claims, result)


@pytest.mark.parametrize(
    "claims",
    [
        {"cert_no": "J140302-2099-000003"},
        {"cert_num_man": MAN},
        {"cert_num_man": FIRST_WIFE, "cert_num_woman": SECOND_WIFE},  # not about the holder
        {"op_type": "IA", "cert_no": "x"},
    ],
)
async def test_other_claims_are_left_to_the_gateway(port: int, claims: dict[str, str]) -> None:
    assert await verify(port, MAN, **claims) is None


async def test_a_wrong_secret_is_refused(port: int) -> None:
    async with adapter(port, secret="other") as asked:
        for call in (
            asked.lookup(query(), Deadline.after(10)),
            asked.verify(query(), {"op_type": "IA"}, Deadline.after(10)),
        ):
            with pytest.raises(AdapterRefused):
                await call
