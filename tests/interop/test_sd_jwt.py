# SPDX-License-Identifier: Apache-2.0
"""An independent SD-JWT library (PyPI `sd-jwt`, on `jwcrypto`) reads what this gateway seals."""

from datetime import UTC, datetime

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jwcrypto.jwk import JWKSet
from jwcrypto.jws import InvalidJWSSignature
from sd_jwt.verifier import SDJWTVerifier

from gateway.crypto.keys import generate_private_key, load_signer, public_pem
from gateway.crypto.sdjwt import present_sd_jwt
from gateway.errors import Text
from gateway.model.answer import Found
from gateway.model.certificate import CertificateType, Field, Value
from gateway.sealing.sealer import DepartmentSealer

TITLE = Text("Title", "标题")
VALUES: dict[str, Value] = {
    "name": "测试甲",
    "account_no": "140300000001",
    "base": "5000.00",
    "months_paid": 180,
    "has_loan": False,
    "closed_on": None,
}
ACCOUNT = CertificateType(
    name="housing_fund.account",
    title=TITLE,
    schemes=("cn-id",),
    fields=tuple(Field(name, TITLE) for name in VALUES),
)
PRIVATE = generate_private_key("ecdsa-p256-sha256")
SEALER = DepartmentSealer(
    {"housing-fund": load_signer(PRIVATE, "hf-2026")},
    {
        "hf-2025": public_pem(generate_private_key("ecdsa-p256-sha256")),
        "hf-2026": public_pem(PRIVATE),
    },
    issuer="https://gateway.example",
    clock=lambda: datetime(2026, 11, 22, 8, tzinfo=UTC),
)
KEYS = JWKSet.from_json(msgspec.json.encode(SEALER.jwks()).decode())
SEALED = SEALER.seal(ACCOUNT, "housing-fund", Found(VALUES))


def read(token: str) -> dict[str, Value]:
    """What a stranger sees: the payload with every disclosed claim in its place."""
    verifier = SDJWTVerifier(token, lambda _, header: KEYS.get_key(header["kid"]))
    payload: dict[str, Value] = verifier.get_verified_payload()
    return payload


@given(st.lists(st.sampled_from(tuple(VALUES)), unique=True))
def test_a_stranger_sees_exactly_the_disclosed_fields(shown: list[str]) -> None:
    payload = read(SEALER.disclose(SEALED, shown))
    assert len(str(payload.pop("jti"))) == 22
    assert payload == {
        "iss": "https://gateway.example",
        "iat": 1_795_334_400,
        "vct": "housing_fund.account",
        "as_of": "2026-11-22T08:00:00Z",
    } | {name: VALUES[name] for name in shown}


def test_a_stranger_refuses_a_token_that_was_changed() -> None:
    header, payload, signature = present_sd_jwt(SEALED, ()).rstrip("~").split(".")
    other = "A" if payload[20] != "A" else "B"
    changed = f"{header}.{payload[:20]}{other}{payload[21:]}.{signature}~"
    with pytest.raises((InvalidJWSSignature, ValueError)):
        read(changed)


def test_a_stranger_does_not_see_a_field_that_was_not_sealed_with_it() -> None:
    other = SEALER.seal(ACCOUNT, "housing-fund", Found({"base": "9999.00"}))
    _, foreign = present_sd_jwt(other, ["base"]).rstrip("~").split("~")
    mixed = f"{present_sd_jwt(SEALED, ())}{foreign}~"
    assert "base" not in read(mixed)
