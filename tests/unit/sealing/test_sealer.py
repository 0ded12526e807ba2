# SPDX-License-Identifier: Apache-2.0
"""An answer becomes a sealed certificate under the key of its adapter."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from gateway.crypto.keys import generate_private_key, load_signer, load_verifier, public_pem
from gateway.crypto.sdjwt import issue_sd_jwt, verify_sd_jwt
from gateway.errors import SetupError, Text
from gateway.model.answer import Found, Sealed
from gateway.model.certificate import CertificateType, Field
from gateway.sealing.sealer import DepartmentSealer

TITLE = Text("Account", "账户")
ACCOUNT = CertificateType(
    name="housing_fund.account",
    title=TITLE,
    schemes=("cn-id",),
    fields=tuple(Field(name, TITLE) for name in ("name", "account_no", "balance")),
)
PRIVATE = generate_private_key("ecdsa-p256-sha256")
OLD = public_pem(generate_private_key("ecdsa-p256-sha256"))
NOW = datetime(2026, 11, 22, 16, 0, 0, 999_999, tzinfo=timezone(timedelta(hours=8)))


def sealer() -> DepartmentSealer:
    return DepartmentSealer(
        {"housing-fund": load_signer(PRIVATE, "hf-2026")},
        {"hf-2025": OLD, "hf-2026": public_pem(PRIVATE)},
        issuer="https://gateway.example",
        clock=lambda: NOW,
    )


def token_of(sealed: Sealed) -> str:
    return sealer().disclose(sealed, sealed.names)


def test_disclosures_stand_in_the_order_of_the_certificate_type() -> None:
    found = Found({"balance": "1.00", "account_no": "A1", "name": "测试甲"})
    sealed = sealer().seal(ACCOUNT, "housing-fund", found)
    assert list(sealed.names) == ["name", "account_no", "balance"]


def test_a_field_that_the_department_left_out_is_left_out() -> None:
    sealed = sealer().seal(ACCOUNT, "housing-fund", Found({"name": "测试甲"}))
    assert list(sealed.names) == ["name"]


def test_the_answer_is_as_of_now_unless_the_source_says_otherwise() -> None:
    assert sealer().seal(ACCOUNT, "housing-fund", Found({})).as_of == "2026-11-22T08:00:00Z"
    yesterday = Found({}, as_of=datetime(2026, 11, 21, 1, 2, 3, tzinfo=UTC))
    assert sealer().seal(ACCOUNT, "housing-fund", yesterday).as_of == "2026-11-21T01:02:03Z"


def test_a_disclosed_token_verifies_and_shows_only_what_was_asked() -> None:
    room = sealer()
    sealed = room.seal(ACCOUNT, "housing-fund", Found({"name": "测试甲", "balance": "1.00"}))
    verifier = load_verifier(public_pem(PRIVATE), "ecdsa-p256-sha256")
    unsealed = verify_sd_jwt(room.disclose(sealed, ["balance"]), {"hf-2026": verifier}.get)
    assert unsealed.fields == {"balance": "1.00"}
    assert unsealed.certificate == "housing_fund.account"
    assert unsealed.issued_at_s == int(NOW.timestamp())


def test_the_key_set_holds_current_and_replaced_keys() -> None:
    keys = sealer().jwks()["keys"]
    assert [key["kid"] for key in keys] == ["hf-2025", "hf-2026"]
    assert all(key["kty"] == "EC" and key["alg"] == "ES256" and "d" not in key for key in keys)


def test_an_unknown_field_or_adapter_is_a_programming_error() -> None:
    sealed = sealer().seal(ACCOUNT, "housing-fund", Found({"name": "测试甲"}))
    with pytest.raises(KeyError):
        sealer().disclose(sealed, ["balance"])
    with pytest.raises(KeyError):
        sealer().seal(ACCOUNT, "public-security", Found({}))


@pytest.mark.parametrize("published", [{}, {"hf-2025": OLD}, {"hf-2026": OLD}])
def test_a_signer_whose_key_is_not_published_is_refused(published: dict[str, str]) -> None:
    with pytest.raises(SetupError, match="adapter housing-fund"):
        DepartmentSealer(
            {"housing-fund": load_signer(PRIVATE, "hf-2026")},
            published,
            issuer="https://gateway.example",
            clock=lambda: NOW,
        )


@pytest.mark.parametrize("pem", [public_pem(generate_private_key("ed25519")), "not a key"])
def test_a_published_key_that_is_not_p256_is_refused(pem: str) -> None:
    with pytest.raises(SetupError, match="sealing key ps-1"):
        DepartmentSealer({}, {"ps-1": pem}, issuer="https://gateway.example", clock=lambda: NOW)


def test_what_another_node_sealed_is_recognised_as_it_was() -> None:
    sealed = sealer().seal(ACCOUNT, "housing-fund", Found({"name": "测试甲", "balance": "1.00"}))
    assert sealer().recognise(token_of(sealed), ACCOUNT.name) == sealed


def test_what_is_changed_of_another_type_or_under_another_key_is_not() -> None:
    sealed = sealer().seal(ACCOUNT, "housing-fund", Found({"name": "测试甲"}))
    signer = load_signer(generate_private_key("ecdsa-p256-sha256"), "hf-2026")
    foreign = issue_sd_jwt(
        signer,
        {"name": "测试甲"},
        issuer="https://gateway.example",
        certificate=ACCOUNT.name,
        issued_at_s=0,
        as_of=sealed.as_of,
    )
    assert sealer().recognise(token_of(sealed), "housing_fund.loan") is None
    assert sealer().recognise(token_of(sealed)[:-2] + "~", ACCOUNT.name) is None
    assert sealer().recognise(token_of(foreign), ACCOUNT.name) is None
    assert sealer().recognise("", ACCOUNT.name) is None
