# SPDX-License-Identifier: Apache-2.0
"""SD-JWT (RFC 9901) as sealed, shown and verified here."""

from collections.abc import Mapping

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.crypto import sdjwt
from gateway.crypto.digest import b64url_decode, b64url_encode, sha256
from gateway.crypto.keys import (
    Signer,
    generate_private_key,
    load_signer,
    load_verifier,
    public_pem,
)
from gateway.crypto.sdjwt import (
    RESERVED_NAMES,
    issue_sd_jwt,
    present_sd_jwt,
    restore_sealed,
    reveal_fields,
    verify_sd_jwt,
)
from gateway.errors import SetupError, TrustError
from gateway.model.answer import Sealed
from gateway.model.certificate import Value

PRIVATE = generate_private_key("ecdsa-p256-sha256")
SIGNER = load_signer(PRIVATE, "hf-2026")
VERIFIERS = {"hf-2026": load_verifier(public_pem(PRIVATE), "ecdsa-p256-sha256")}
FIELDS: dict[str, Value] = {
    "name": "测试甲",
    "base": "5000.00",
    "has_loan": False,
    "months_paid": 180,
    "closed_on": None,
}

names = st.from_regex(r"[a-z][a-z_]{0,39}", fullmatch=True).filter(
    lambda name: name not in RESERVED_NAMES
)
values = st.one_of(st.text(max_size=30), st.integers(-(2**63), 2**63 - 1), st.booleans(), st.none())


def seal(fields: Mapping[str, Value] = FIELDS, signer: Signer = SIGNER) -> Sealed:
    return issue_sd_jwt(
        signer,
        fields,
        issuer="https://gateway.example",
        certificate="housing_fund.account",
        issued_at_s=1_795_334_400,
        as_of="2026-11-22T08:00:00Z",
    )


def jwt_of(sealed: Sealed) -> str:
    """The issuer-signed part."""
    return present_sd_jwt(sealed, ()).rstrip("~")


def disclosures_of(sealed: Sealed) -> dict[str, str]:
    """The disclosures as they are shown, by field name."""
    shown = present_sd_jwt(sealed, sealed.names).split("~")[1:-1]
    return dict(zip(sealed.names, shown, strict=True))


def resign(sealed: Sealed, *, header: object = None, payload: object = None) -> str:
    """The issuer part with another header or payload under a true signature."""
    head, body, _ = jwt_of(sealed).split(".")
    if header is not None:
        head = b64url_encode(header if isinstance(header, bytes) else msgspec.json.encode(header))
    if payload is not None:
        body = b64url_encode(
            payload if isinstance(payload, bytes) else msgspec.json.encode(payload)
        )
    signed = f"{head}.{body}"
    return f"{signed}.{b64url_encode(SIGNER.sign(signed.encode()))}"


def parts(sealed: Sealed) -> tuple[dict[str, object], dict[str, object]]:
    head, body, _ = jwt_of(sealed).split(".")
    return msgspec.json.decode(b64url_decode(head)), msgspec.json.decode(b64url_decode(body))


def refuse(token: str) -> str:
    with pytest.raises(TrustError) as caught:
        verify_sd_jwt(token, VERIFIERS.get)
    assert caught.value.code == "RESPONSE_UNTRUSTED"
    assert "测试甲" not in str(caught.value)
    return caught.value.detail


def test_a_disclosure_hashes_to_the_digest_of_rfc_9901_section_4_2_3() -> None:
    disclosure = "WyJfMjZiYzRMVC1hYzZxMktJNmNCVzVlcyIsICJmYW1pbHlfbmFtZSIsICJNw7ZiaXVzIl0"
    assert sdjwt._digest(disclosure) == "X9yH0Ajrdm1Oij4tWso9UzzKJvPoDxwmuEcO3XAdRC0"


def test_the_issuer_part_holds_these_members_in_this_order() -> None:
    sealed = seal()
    header, payload = parts(sealed)
    assert header == {"alg": "ES256", "typ": "dc+sd-jwt", "kid": "hf-2026"}
    assert list(payload) == ["iss", "iat", "vct", "as_of", "jti", "_sd", "_sd_alg"]
    assert payload["iss"] == "https://gateway.example"
    assert payload["iat"] == 1_795_334_400
    assert payload["vct"] == "housing_fund.account"
    assert payload["as_of"] == sealed.as_of == "2026-11-22T08:00:00Z"
    assert payload["_sd_alg"] == "sha-256"
    assert payload["_sd"] == sorted(
        b64url_encode(sha256(d.encode())) for d in disclosures_of(sealed).values()
    )


def test_a_disclosure_is_a_fresh_128_bit_salt_a_name_and_a_value() -> None:
    salts = set()
    for sealed in (seal(), seal()):
        assert list(sealed.names) == list(FIELDS)
        for name, disclosure in disclosures_of(sealed).items():
            salt, *rest = msgspec.json.decode(b64url_decode(disclosure))
            assert rest == [name, FIELDS[name]]
            assert len(b64url_decode(salt)) == 16
            salts.add(salt)
    assert len(salts) == 2 * len(FIELDS)


def test_equal_certificates_are_sealed_under_different_ids() -> None:
    ids = {verify_sd_jwt(present_sd_jwt(seal(), ()), VERIFIERS.get).id for _ in range(10)}
    assert len(ids) == 10


@given(fields=st.dictionaries(names, values, max_size=8), choice=st.sets(st.integers(0, 7)))
def test_a_token_shows_exactly_the_fields_that_were_chosen(
    fields: dict[str, Value], choice: set[int]
) -> None:
    sealed = seal(fields)
    shown = [name for place, name in enumerate(fields) if place in choice]
    token = present_sd_jwt(sealed, shown)
    unsealed = verify_sd_jwt(token, VERIFIERS.get)
    assert unsealed.fields == {name: fields[name] for name in shown}
    assert unsealed.certificate == "housing_fund.account"
    assert unsealed.issuer == "https://gateway.example"
    assert unsealed.keyid == "hf-2026"
    assert unsealed.issued_at_s == 1_795_334_400
    hidden = [encoded for name, encoded in disclosures_of(sealed).items() if name not in shown]
    assert not any(encoded in token for encoded in hidden)


@given(fields=st.dictionaries(names, values, max_size=8))
def test_what_is_read_from_a_whole_token_is_what_was_sealed(fields: dict[str, Value]) -> None:
    sealed = seal(fields)
    token = present_sd_jwt(sealed, fields)
    restored = restore_sealed(token, verify_sd_jwt(token, VERIFIERS.get))
    assert restored == sealed
    assert present_sd_jwt(restored, fields) == token
    assert reveal_fields(restored, [*fields, "another"]) == fields


def test_what_all_certificates_of_a_key_have_alike_is_kept_once() -> None:
    one, other = seal(), seal()
    assert one.head is other.head
    assert one.names is other.names
    assert one.as_of is other.as_of


def test_a_certificate_is_kept_three_quarters_as_large_as_it_is_written() -> None:
    sealed = seal()
    written = present_sd_jwt(sealed, sealed.names).removeprefix(sealed.head)
    assert len(sealed.content) == pytest.approx(0.75 * len(written), rel=0.01)


def test_a_wide_and_a_narrow_token_carry_the_same_signature() -> None:
    sealed = seal()
    wide, narrow = present_sd_jwt(sealed, FIELDS), present_sd_jwt(sealed, ["base"])
    assert wide.split("~")[0] == narrow.split("~")[0] == jwt_of(sealed)


def test_a_field_that_was_not_sealed_cannot_be_shown() -> None:
    with pytest.raises(KeyError):
        present_sd_jwt(seal(), ["salary"])


@pytest.mark.parametrize("name", sorted(RESERVED_NAMES))
def test_a_field_cannot_have_the_name_of_a_claim(name: str) -> None:
    with pytest.raises(SetupError, match="has the name of a claim"):
        seal({name: "x"})


def test_every_changed_character_is_refused() -> None:
    token = present_sd_jwt(seal(), ["name", "base"])
    for at, character in enumerate(token):
        other = "A" if character != "A" else "B"
        refuse(token[:at] + other + token[at + 1 :])
        refuse(token[:at] + token[at + 1 :])


@given(st.text(alphabet="AZaz09-_.~=+ é\ud800", max_size=60))
def test_what_is_no_token_is_refused_and_nothing_else_is_raised(text: str) -> None:
    refuse(text)
    refuse(text + "~")


def test_a_token_ends_in_a_tilde() -> None:
    token = present_sd_jwt(seal(), ["name"])
    assert token.endswith("~")
    assert "end in" in refuse(token[:-1])
    assert "end in" in refuse(token + "eyJhbGciOiJFUzI1NiJ9.e30.AA")  # a key binding JWT
    assert "end in" in refuse(jwt_of(seal()))


def test_a_disclosure_is_shown_once() -> None:
    assert "twice" in refuse(present_sd_jwt(seal(), ["name", "name"]))


def test_a_disclosure_of_another_certificate_is_refused() -> None:
    one, other = seal(), seal()
    assert "not sealed" in refuse(f"{jwt_of(one)}~{disclosures_of(other)['name']}~")


@pytest.mark.parametrize("name", ["iss", "_sd", "..."])
def test_a_disclosure_with_a_reserved_name_is_refused(name: str) -> None:
    encoded = b64url_encode(msgspec.json.encode(["c2FsdHNhbHRzYWx0c2FsdA", name, "x"]))
    _, payload = parts(seal())
    jwt = resign(seal(), payload={**payload, "_sd": [b64url_encode(sha256(encoded.encode()))]})
    assert "reserved" in refuse(f"{jwt}~{encoded}~")


def test_two_disclosures_with_one_name_are_refused() -> None:
    encoded = [b64url_encode(msgspec.json.encode([salt, "name", "x"])) for salt in ("AAAA", "BBBB")]
    _, payload = parts(seal())
    digests = sorted(b64url_encode(sha256(one.encode())) for one in encoded)
    jwt = resign(seal(), payload={**payload, "_sd": digests})
    assert "twice" in refuse(f"{jwt}~{'~'.join(encoded)}~")


@pytest.mark.parametrize(
    "change",
    [
        {"alg": "none"},
        {"alg": "HS256"},
        {"typ": "JWT"},
        {"typ": "vc+sd-jwt"},
        {"kid": 7},
        {"crit": ["exp"]},
        {"jwk": {}},
    ],
)
def test_a_header_of_another_kind_is_refused(change: dict[str, object]) -> None:
    header, _ = parts(seal())
    refuse(resign(seal(), header={**header, **change}) + "~")


@pytest.mark.parametrize(
    "change",
    [{"_sd_alg": "sha-512"}, {"iat": "now"}, {"exp": 1}, {"_sd": "none"}, {"name": "测试甲"}],
)
def test_a_payload_of_another_kind_is_refused(change: dict[str, object]) -> None:
    _, payload = parts(seal())
    refuse(resign(seal(), payload={**payload, **change}) + "~")


def test_digests_out_of_order_or_repeated_are_refused() -> None:
    _, payload = parts(seal())
    digests = payload["_sd"]
    assert isinstance(digests, list)
    for wrong in (digests[::-1], [digests[0], *digests]):
        assert "sorted" in refuse(resign(seal(), payload={**payload, "_sd": wrong}) + "~")


def test_json_in_another_form_is_refused_though_it_means_the_same() -> None:
    sealed = seal()
    header, payload = parts(sealed)
    spaced = msgspec.json.format(msgspec.json.encode(payload), indent=1)
    twice = msgspec.json.encode(payload)[:-1] + b',"iss":"https://gateway.example"}'
    assert "one form" in refuse(resign(sealed, payload=spaced) + "~")
    assert "one form" in refuse(resign(sealed, payload=twice) + "~")
    assert "one form" in refuse(resign(sealed, header=dict(reversed(header.items()))) + "~")


def test_an_unknown_key_and_a_key_of_another_algorithm_are_refused() -> None:
    token = present_sd_jwt(seal(), ())
    edwards = public_pem(generate_private_key("ed25519"))
    for verifiers in ({}, {"hf-2026": load_verifier(edwards, "ed25519")}):
        with pytest.raises(TrustError, match="trusted P-256 key"):
            verify_sd_jwt(token, verifiers.get)


def test_what_was_unsealed_shows_no_value_in_its_repr() -> None:
    unsealed = verify_sd_jwt(present_sd_jwt(seal(), FIELDS), VERIFIERS.get)
    assert "测试甲" not in repr(unsealed)
