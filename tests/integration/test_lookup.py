# SPDX-License-Identifier: Apache-2.0
"""What an agency gets for a lookup, from the running gateway, and what the log says of it."""

from typing import Any

import aiohttp
import msgspec
import pytest

from fixtures.citizens import Citizen
from fixtures.demo import NOBODY
from fixtures.world import KEYIDS, World
from gateway.client import Refused, SignedAnswer
from gateway.crypto.digest import sha256
from gateway.crypto.keys import generate_private_key, load_signer, verifier_from_jwk
from gateway.crypto.sdjwt import verify_sd_jwt
from gateway.model.agency import Algorithm
from gateway.model.holder import Holder
from gateway.model.lookup import HolderReference
from tests.integration.wire import log_entries, lookup_body, send, sign

ACCOUNT = {"certificate": "housing_fund.account", "fields": ("account_status", "balance")}


async def ask(world: World, number: str, **changes: Any) -> SignedAnswer:
    async with world.client() as client:
        return await client.lookup(world.request(number, **changes))


async def published_keys(world: World) -> dict[str, Any]:
    url = f"{world.url}/.well-known/jwks.json"
    async with aiohttp.ClientSession() as session, session.get(url) as response:
        keys = msgspec.json.decode(await response.read())["keys"]
    return {key["kid"]: verifier_from_jwk(key) for key in keys}


def verify(**claims: Any) -> dict[str, Any]:
    return {"operation": "verify", "fields": (), "claims": claims}


async def test_a_query_is_answered_by_the_source_and_then_by_the_cache(
    world: World, citizen: Citizen
) -> None:
    first = (await ask(world, citizen.id_number)).answer
    second = (await ask(world, citizen.id_number)).answer
    assert (first.outcome, first.served_from) == ("found", "source")
    assert (second.outcome, second.served_from) == ("found", "cache")
    assert first.fields == {"name": citizen.name, "valid_to": citizen.valid_to}
    assert (second.fields, second.as_of) == (first.fields, first.as_of)
    assert second.request_id != first.request_id


async def test_another_case_does_not_share_the_cache_of_this_one(
    world: World, citizen: Citizen
) -> None:
    await ask(world, citizen.id_number)
    other = await ask(world, citizen.id_number, attribution__case="YQ20261122-0002")
    assert other.answer.served_from == "source"


async def test_max_age_zero_always_asks_the_source(world: World, citizen: Citizen) -> None:
    for _ in range(2):
        assert (await ask(world, citizen.id_number, max_age_s=0)).answer.served_from == "source"


async def test_verify_says_whether_claims_match_and_returns_no_value(
    world: World, citizen: Citizen
) -> None:
    same = await ask(world, citizen.id_number, **verify(name=citizen.name, valid_to="1999-01-01"))
    assert same.answer.outcome == "mismatch"
    assert same.answer.results == {"name": "match", "valid_to": "mismatch"}
    right = await ask(world, citizen.id_number, **verify(name=citizen.name))
    assert (right.answer.outcome, right.answer.results) == ("match", {"name": "match"})
    for signed in (same, right):
        assert (signed.answer.fields, signed.answer.sealed) == ({}, None)
        assert citizen.name.encode() not in signed.body


async def test_who_is_not_in_the_register_is_not_found_and_that_is_kept_for_a_while(
    world: World,
) -> None:
    first = (await ask(world, NOBODY, attribution__case="YQ-NOBODY")).answer
    second = (await ask(world, NOBODY, attribution__case="YQ-NOBODY")).answer
    again = (await ask(world, NOBODY, attribution__case="YQ-NOBODY", max_age_s=0)).answer
    assert [a.outcome for a in (first, second, again)] == ["not_found"] * 3
    assert [a.served_from for a in (first, second, again)] == ["source", "cache", "source"]
    assert (first.fields, first.sealed) == ({}, None)


@pytest.mark.parametrize("fields", [("name",), ("valid_to", "sex_code"), ("birth_date", "name")])
async def test_the_seal_shows_exactly_the_fields_that_were_asked(
    world: World, citizen: Citizen, fields: tuple[str, ...]
) -> None:
    answer = (await ask(world, citizen.id_number, fields=fields)).answer
    assert answer.sealed is not None
    assert answer.sealed.count("~") == len(fields) + 1
    unsealed = verify_sd_jwt(answer.sealed, (await published_keys(world)).get)
    assert dict(unsealed.fields) == answer.fields == {n: getattr(citizen, n) for n in fields}


async def test_a_narrow_answer_from_the_cache_bears_the_same_seal_as_a_wide_one(
    world: World, citizen: Citizen
) -> None:
    wide = (await ask(world, citizen.id_number, fields=("name", "sex_code", "valid_to"))).answer
    narrow = (await ask(world, citizen.id_number, fields=("sex_code",))).answer
    assert wide.sealed is not None
    assert narrow.sealed is not None
    assert narrow.served_from == "cache"
    assert narrow.sealed.partition("~")[0] == wide.sealed.partition("~")[0]


async def test_a_query_with_another_name_is_a_mismatch_and_discloses_nothing(
    world: World, citizen: Citizen
) -> None:
    holder = HolderReference("cn-id", citizen.id_number, "测试无此人")
    signed = await ask(world, citizen.id_number, holder=holder)
    assert (signed.answer.outcome, signed.answer.results) == ("mismatch", {"name": "mismatch"})
    assert (signed.answer.fields, signed.answer.sealed) == ({}, None)
    assert citizen.name.encode() not in signed.body
    right = msgspec.structs.replace(holder, name=citizen.name)
    assert (await ask(world, citizen.id_number, holder=right)).answer.outcome == "found"


@pytest.mark.parametrize("algorithm", KEYIDS)
async def test_both_algorithms_are_accepted(
    world: World, citizen: Citizen, algorithm: Algorithm
) -> None:
    async with world.client(algorithm) as client:
        signed = await client.lookup(world.request(citizen.id_number))
    assert signed.answer.outcome == "found"
    assert log_entries(world, signed.receipt.index)[0].keyid == KEYIDS[algorithm]


async def test_the_housing_fund_answers_from_its_database(world: World, citizen: Citizen) -> None:
    answer = (await ask(world, citizen.id_number, **ACCOUNT)).answer
    assert citizen.housing_fund is not None
    assert answer.fields == {
        "account_status": citizen.housing_fund.account_status,
        "balance": citizen.housing_fund.balance,
    }
    assert answer.grant == "yq-gjj-account@1"


async def test_who_has_no_account_is_not_found_at_the_housing_fund(world: World) -> None:
    without = next(c for c in world.citizens if c.housing_fund is None)
    assert (await ask(world, without.id_number, **ACCOUNT)).answer.outcome == "not_found"


async def test_an_answer_names_grant_and_age_and_its_entry(world: World, citizen: Citizen) -> None:
    signed = await ask(world, citizen.id_number)
    assert signed.answer.grant == "yq-gjj@3"
    assert signed.answer.as_of.endswith("Z")
    assert signed.receipt.log == "gateway.yq.example/log"
    (entry,) = log_entries(world, signed.receipt.index)
    assert (entry.id, entry.grant, entry.as_of) == (
        signed.answer.request_id,
        signed.answer.grant,
        signed.answer.as_of,
    )
    assert (entry.fields_requested, entry.fields_released) == (("name", "valid_to"),) * 2
    assert entry.holder is not None
    assert entry.holder.masked == Holder("cn-id", citizen.id_number).masked
    assert (entry.adapter, entry.decision.result) == ("public_security", "permit")


async def test_each_answer_has_one_entry_with_the_digest_of_its_body(
    world: World, citizen: Citizen
) -> None:
    me, start = citizen.id_number, len(log_entries(world))
    answers = [
        await ask(world, me),
        await ask(world, me),
        await ask(world, me, **verify(name=citizen.name)),
        await ask(world, me, **verify(name="测试无此人")),
        await ask(world, NOBODY),
        await ask(world, me, **ACCOUNT),
    ]
    entries = log_entries(world, start)
    assert [a.receipt.index for a in answers] == list(range(start, start + len(answers)))
    assert [e.response.digest for e in entries] == [sha256(a.body).hex() for a in answers]
    assert [e.outcome for e in entries] == [a.answer.outcome for a in answers]
    assert [e.code for e in entries] == [None] * len(answers)


async def test_a_refusal_of_a_known_caller_has_one_entry_with_its_digest(
    world: World, citizen: Citizen
) -> None:
    start = len(log_entries(world))
    with pytest.raises(Refused) as caught:
        await ask(world, citizen.id_number, fields=("household_address",))
    assert caught.value.is_signed
    assert caught.value.receipt is not None
    assert caught.value.receipt.index == start
    (entry,) = log_entries(world, start)
    assert (entry.outcome, entry.code) == ("refused", "FIELD_NOT_GRANTED")
    assert (entry.decision.result, entry.decision.rule) == ("deny", "grant.fields")
    assert entry.response.digest == sha256(msgspec.json.encode(caught.value.problem)).hex()


def test_a_refusal_of_an_unknown_caller_has_no_entry(world: World, citizen: Citizen) -> None:
    start = len(log_entries(world))
    stranger = load_signer(generate_private_key("ecdsa-p256-sha256"), "yq-gjj-p256")
    body = msgspec.json.encode(lookup_body(world, citizen.id_number))
    answer = send(world, sign(world, body, signer=stranger))
    assert answer.document["code"] == "SIGNATURE_INVALID"
    assert "signature" not in answer.fields
    assert "audit-receipt" not in answer.fields
    assert log_entries(world, start) == []
