# SPDX-License-Identifier: Apache-2.0
"""The corridor's promises: one record for each request, and no answer without it."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.crypto.digest import sha256
from gateway.crypto.identity import EpochCipher
from gateway.errors import AdapterTimeout, AdapterUnavailable, AuditError
from gateway.exchange.source import RECORD_RESERVE_S
from gateway.model.answer import Absent, NotFound
from gateway.ports import Claim, Held, Obtained, Verdict
from gateway.sdk import Deadline
from tests.unit.exchange.rooms import CIPHER, GRANT, NAME, NUMBER, Corridor, request_body


@pytest.fixture
def corridor() -> Corridor:
    return Corridor()


async def test_a_found_record_discloses_the_asked_fields_and_is_recorded(
    corridor: Corridor,
) -> None:
    reply, answer = await corridor.ask()
    assert reply.status == 200
    assert answer["fields"] == {"name": NAME}
    [entry] = corridor.log.entries
    assert entry.outcome == "found"
    assert entry.fields_released == ("name",)
    assert entry.decision.result == "permit"
    assert entry.grant == "yq-gjj@3"
    assert entry.served_from == "source"


async def test_the_entry_holds_the_digest_of_the_very_bytes_that_leave(corridor: Corridor) -> None:
    reply, _ = await corridor.ask()
    assert reply.index == 0
    assert corridor.log.entries[0].response.digest == sha256(reply.body).hex() == reply.digest.hex()


async def test_the_entry_opens_to_what_the_caller_signed_for_who_holds_the_epochs_key(
    corridor: Corridor,
) -> None:
    body = request_body()
    await corridor.ask(body)
    [entry] = corridor.log.entries
    digest, signature = CIPHER.reveal_request(entry.request, entry.id)
    assert digest == sha256(body)
    assert len(signature) == 64  # r‖s of P-256
    assert sha256(body).hex().encode() not in corridor.log.lines[0]


async def test_the_second_question_is_served_from_the_cache_and_recorded_again(
    corridor: Corridor,
) -> None:
    await corridor.ask()
    _, answer = await corridor.ask()
    assert answer["served_from"] == "cache"
    assert [entry.served_from for entry in corridor.log.entries] == ["source", "cache"]
    assert len(corridor.department.queries) == 1


async def test_another_case_is_not_served_from_this_cases_cache(corridor: Corridor) -> None:
    await corridor.ask()
    _, answer = await corridor.ask(attribution__case="YQ20261122-0002")
    assert answer["served_from"] == "source"


async def test_nothing_is_returned_when_the_log_cannot_record(corridor: Corridor) -> None:
    await corridor.ask()  # so that the answer lies ready in the cache
    corridor.log.fails = True
    with pytest.raises(AuditError):
        await corridor.ask()


async def test_no_department_is_asked_when_the_log_is_away(corridor: Corridor) -> None:
    corridor.log.fails = True
    with pytest.raises(AuditError):
        await corridor.ask()
    assert corridor.department.queries == []


@pytest.mark.parametrize(
    ("verdict", "code", "status"),
    [("replayed", "NONCE_REPLAYED", 401), ("over_quota", "QUOTA_EXCEEDED", 429)],
)
@pytest.mark.parametrize("is_cached", [True, False])
async def test_the_sequencers_no_discloses_nothing_and_is_recorded_once(
    corridor: Corridor, verdict: str, code: str, status: int, *, is_cached: bool
) -> None:
    if is_cached:
        await corridor.ask()
    asked, recorded = len(corridor.department.queries), len(corridor.log.entries)
    corridor.log.verdict = verdict  # type: ignore[assignment] # parametrised text
    reply, problem = await corridor.ask()
    assert (reply.status, problem["code"]) == (status, code)
    assert NAME.encode() not in reply.body
    assert len(corridor.department.queries) == asked
    [entry] = corridor.log.entries[recorded:]
    assert (entry.code, entry.decision.result, entry.grant) == (code, "deny", None)
    assert entry.decision.rule == f"sequencer.{verdict}"


async def test_the_quota_is_claimed_for_a_permitted_request_only(corridor: Corridor) -> None:
    await corridor.ask()
    await corridor.ask(fields=["id_number"])
    permitted, denied = corridor.log.claims
    assert permitted.quota is not None
    assert (permitted.quota.grant, permitted.quota.day) == ("yq-gjj", "2026-11-22")
    assert denied.quota is None


async def test_not_found_is_an_answer(corridor: Corridor) -> None:
    corridor.department.answer = NotFound()
    reply, answer = await corridor.ask()
    assert (reply.status, answer["outcome"]) == (200, "not_found")
    assert "sealed" not in answer


@pytest.mark.parametrize(
    ("error", "code"),
    [(AdapterUnavailable("down"), "PROVIDER_UNAVAILABLE"), (AdapterTimeout(), "PROVIDER_TIMEOUT")],
)
async def test_unavailable_is_never_not_found_and_never_cached(
    corridor: Corridor, error: Exception, code: str
) -> None:
    corridor.department.answer = error
    _, problem = await corridor.ask()
    assert problem["code"] == code
    assert "down" not in problem["detail"]
    [entry] = corridor.log.entries
    assert (entry.outcome, entry.decision.result, entry.adapter) == (
        "unavailable", "permit", "public_security",
    )  # fmt: skip
    corridor.department.answer = NotFound()
    _, answer = await corridor.ask()
    assert answer["outcome"] == "not_found"


async def test_a_department_that_uses_up_the_deadline_leaves_time_to_record_it(
    corridor: Corridor,
) -> None:
    corridor.department.delay_s = 60
    _, problem = await corridor.ask(deadline_s=RECORD_RESERVE_S + 0.05)
    assert problem["code"] == "PROVIDER_TIMEOUT"
    assert [entry.code for entry in corridor.log.entries] == ["PROVIDER_TIMEOUT"]
    assert corridor.log.remaining_s > 0


async def test_a_used_up_quota_says_when_the_next_day_begins(corridor: Corridor) -> None:
    corridor.log.verdict = "over_quota"
    reply, _ = await corridor.ask()
    assert reply.retry_after_s == 8 * 3600  # it is 16:00 in the site's zone


async def test_a_fault_of_ours_is_recorded_told_and_says_nothing(corridor: Corridor) -> None:
    corridor.department.answer = ZeroDivisionError(NUMBER)
    reply, problem = await corridor.ask()
    assert problem["code"] == "INTERNAL"
    assert NUMBER.encode() not in reply.body
    assert [entry.code for entry in corridor.log.entries] == ["INTERNAL"]
    assert isinstance(corridor.faults[0], ZeroDivisionError)


async def test_a_query_about_another_name_is_a_mismatch_and_discloses_nothing(
    corridor: Corridor,
) -> None:
    holder = {"scheme": "cn-id", "number": NUMBER, "name": "测试乙"}
    reply, answer = await corridor.ask(holder=holder)
    assert (answer["outcome"], answer["results"]) == ("mismatch", {"name": "mismatch"})
    assert "fields" not in answer
    assert NAME.encode() not in reply.body


async def test_a_name_is_a_question_so_it_has_to_be_granted_and_is_recorded(
    corridor: Corridor,
) -> None:
    holder = {"scheme": "cn-id", "number": NUMBER, "name": NAME}
    await corridor.ask(holder=holder, fields=["valid_to"])
    assert corridor.log.entries[0].fields_requested == ("valid_to", "name")
    narrow = Corridor(msgspec.structs.replace(GRANT, fields=("valid_to",)))
    _, problem = await narrow.ask(holder=holder, fields=["valid_to"])
    assert problem["code"] == "FIELD_NOT_GRANTED"


@pytest.mark.parametrize(("name", "outcome"), [(NAME, "match"), ("测试乙", "mismatch")])
async def test_a_verification_compares_the_holders_name_as_well(
    corridor: Corridor, name: str, outcome: str
) -> None:
    holder = {"scheme": "cn-id", "number": NUMBER, "name": name}
    claims = {"valid_to": "2099-01-01"}
    _, answer = await corridor.ask(holder=holder, operation="verify", fields=[], claims=claims)
    assert (answer["outcome"], answer["results"]["name"]) == (outcome, outcome)


async def test_verify_returns_results_and_no_value(corridor: Corridor) -> None:
    claims = {"name": NAME, "valid_to": "2098-01-01"}
    reply, answer = await corridor.ask(operation="verify", fields=[], claims=claims)
    assert answer["outcome"] == "mismatch"
    assert answer["results"] == {"name": "match", "valid_to": "mismatch"}
    assert not {"fields", "sealed"} & set(answer)
    assert b"2099" not in reply.body


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"{", "not one JSON object"),
        (b"\xff\xfe", "not one JSON object"),
        (b"[]", "Expected `object`"),
        (request_body(extra=1), "unknown field `extra`"),
        (request_body(**{NUMBER: 1}), "a value is not allowed"),
        (request_body(operation=NUMBER), "a value is not allowed at $.operation"),
        (request_body(max_age_s=-1), "at $.max_age_s"),
        (request_body(attribution__division=NUMBER), "at $.attribution.division"),
        (request_body(fields=["x" * 41]), "at $.fields[0]"),
    ],
)
async def test_a_body_that_does_not_fit_says_where_and_echoes_nothing(
    corridor: Corridor, body: bytes, words: str
) -> None:
    reply, problem = await corridor.ask(body)
    assert (reply.status, problem["code"]) == (400, "BODY_MALFORMED")
    assert words in problem["detail"]
    assert NUMBER.encode() not in reply.body
    assert corridor.log.entries[0].purpose is None


@pytest.mark.parametrize("member", ["item", "case", "purpose", "terminal"])
@pytest.mark.parametrize(
    "text",
    [
        NUMBER,
        f"办 {NUMBER[:6]} {NUMBER[6:14]} {NUMBER[14:]}",
        f"{NUMBER[:6]}_{NUMBER[6:14]}/{NUMBER[14:]}",
        f"为{NAME}",
    ],
)
async def test_personal_text_is_refused_before_it_could_be_recorded(
    corridor: Corridor, member: str, text: str
) -> None:
    holder = {"scheme": "cn-id", "number": NUMBER, "name": NAME}
    reply, problem = await corridor.ask(
        request_body(holder=holder, **{f"attribution__{member}": text})
    )
    assert problem["code"] == "ATTRIBUTION_PERSONAL"
    assert text.encode() not in reply.body
    [entry] = corridor.log.entries
    assert (entry.purpose, entry.case, entry.holder) == (None, None, None)


@pytest.mark.parametrize("case", ["140300202611220001", "YQ20261122-0001"])
async def test_a_case_number_is_no_citizen_number(corridor: Corridor, case: str) -> None:
    _, answer = await corridor.ask(attribution__case=case)
    assert answer["outcome"] == "found"


async def test_a_short_wrong_number_is_called_wrong_and_not_personal(corridor: Corridor) -> None:
    _, problem = await corridor.ask(holder={"scheme": "cn-id", "number": "0001"})
    assert problem["code"] == "HOLDER_INVALID"


async def test_an_organisations_name_may_stand_in_the_purpose(corridor: Corridor) -> None:
    holder = {"scheme": "cn-uscc", "number": "91140300MA0TE0T12P", "name": "测试企业"}
    _, problem = await corridor.ask(holder=holder, attribution__purpose="测试企业缴存登记")
    assert problem["code"] == "CERTIFICATE_UNKNOWN"  # this one is about persons


async def test_a_record_that_would_be_too_long_is_refused_and_recorded_short(
    corridor: Corridor,
) -> None:
    long = {
        "fields": [f"{'名' * 38}{number:02}" for number in range(32)],
        "attribution__purpose": "用" * 200,
    }
    _, problem = await corridor.ask(request_body(**long))
    assert problem["code"] == "ENTRY_TOO_LARGE"
    [entry] = corridor.log.entries
    assert (entry.code, entry.fields_requested) == ("ENTRY_TOO_LARGE", ())


async def test_checks_say_how_far_the_request_came(corridor: Corridor) -> None:
    _, problem = await corridor.ask(fields=["id_number"])
    results = [(check["name"], check["result"]) for check in problem["checks"]]
    at = results.index(("fields", "failed"))
    assert {result for _, result in results[:at]} == {"passed"}
    assert {result for _, result in results[at + 1 :]} == {"not_reached"}


@given(body=st.binary(max_size=200) | st.text().map(str.encode))
async def test_whatever_is_sent_leaves_exactly_one_entry(body: bytes) -> None:
    corridor = Corridor()
    reply, _ = await corridor.ask(body)
    assert reply.index == 0
    assert len(corridor.log.entries) == 1
    assert corridor.faults == []


async def test_each_entry_is_under_the_keys_of_the_moment() -> None:
    corridor = Corridor()
    await corridor.ask()
    corridor.epochs.current = EpochCipher("2026-12", bytes(32))
    await corridor.ask()
    marks = [(entry.holder, entry.request) for entry in corridor.log.entries]
    assert [(holder and holder.epoch, request.epoch) for holder, request in marks] == [
        ("2026-11", "2026-11"),
        ("2026-12", "2026-12"),
    ]


async def test_a_claim_that_comes_late_leaves_the_department_in_peace(corridor: Corridor) -> None:
    """Asked with hardly any time it could only be too slow, and its breaker would open for it."""
    await corridor.ask(deadline_s=4.0)
    assert corridor.log.claimed_within_s <= 2.0


async def test_who_asked_first_may_have_been_answered_while_the_claim_was_on_its_way(
    corridor: Corridor, monkeypatch: pytest.MonkeyPatch
) -> None:
    decide = corridor.log.claim

    async def late(claim: Claim, deadline: Deadline) -> Held | Verdict:
        monkeypatch.undo()
        await corridor.ask()
        return await decide(claim, deadline)

    monkeypatch.setattr(corridor.log, "claim", late)
    _, answer = await corridor.ask()
    assert answer["served_from"] == "cache"
    assert corridor.log.entries[-1].adapter is None
    assert len(corridor.department.queries) == 1


async def test_what_another_node_kept_is_served_under_a_claim_and_says_so(
    corridor: Corridor, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def obtain(*_: object) -> Obtained:
        return Obtained(Absent("2026-11-22T07:59:00Z"), is_kept=True)

    monkeypatch.setattr(corridor.lookup._cache, "obtain", obtain)
    _, answer = await corridor.ask()
    assert (answer["outcome"], answer["served_from"]) == ("not_found", "cache")
    assert answer["as_of"] == "2026-11-22T07:59:00Z"
    entry = corridor.log.entries[-1]
    assert (entry.served_from, entry.adapter, entry.adapter_ms) == ("cache", None, None)
    assert len(corridor.log.claims) == 1
    assert not corridor.department.queries
