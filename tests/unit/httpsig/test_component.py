# SPDX-License-Identifier: Apache-2.0
"""Covered components and the base, by the examples of RFC 9421 §2 and appendix B."""

import pytest

from gateway.crypto.digest import b64_decode
from gateway.crypto.keys import load_signer, load_verifier
from gateway.errors import RequestError
from gateway.httpsig.base import format_base
from gateway.httpsig.component import parse_components, read_values
from gateway.httpsig.message import SignedRequest, SignedResponse
from tests.unit.httpsig.messages import (
    RFC_BUSY_DIGEST,
    RFC_ED25519_PRIVATE,
    RFC_ED25519_PUBLIC,
    RFC_GOOD_DOG_DIGEST,
    RFC_P256_PUBLIC,
    RFC_REQUEST,
    RFC_REQUEST_DIGEST,
    Fields,
    lines_of,
    request_with,
)


def base_of(
    listed: str, parameters: str, message: SignedRequest | SignedResponse, request: SignedRequest
) -> bytes:
    components = parse_components(listed, in_response=isinstance(message, SignedResponse))
    values = read_values(components, message, request)
    return format_base(listed, values, listed + parameters)


def value_of(component: str, fields: Fields) -> str:
    request = request_with(fields)
    (value,) = read_values(parse_components(f"({component})", in_response=False), request, request)
    return value


def refused(component: str, fields: Fields) -> RequestError:
    with pytest.raises(RequestError) as refusal:
        value_of(component, fields)
    return refusal.value


# ---- whole bases --------------------------------------------------------------------------------


def test_b_2_6_the_base_and_the_ed25519_signature_of_the_test_request() -> None:
    base = base_of(
        '("date" "@method" "@path" "@authority" "content-type" "content-length")',
        ';created=1618884473;keyid="test-key-ed25519"',
        RFC_REQUEST,
        RFC_REQUEST,
    )
    assert base.decode().split("\n") == [
        '"date": Tue, 20 Apr 2021 02:07:55 GMT',
        '"@method": POST',
        '"@path": /foo',
        '"@authority": example.com',
        '"content-type": application/json',
        '"content-length": 18',
        (
            '"@signature-params": ("date" "@method" "@path" "@authority" "content-type" '
            '"content-length");created=1618884473;keyid="test-key-ed25519"'
        ),
    ]
    signature = b64_decode(
        "wqcAqbmYJ2ji2glfAMaRy4gruYYnx2nEFN2HN6jrnDnQCK1u02Gb04v9EDgwUPiu4A0w6vuQv5lIp5WPpBKRCw=="
    )
    assert load_signer(RFC_ED25519_PRIVATE, "test-key-ed25519").sign(base) == signature
    load_verifier(RFC_ED25519_PUBLIC, "ed25519").verify(signature, base)


def test_b_2_4_the_p256_signature_of_the_test_response() -> None:
    response = SignedResponse(
        "200",
        lines_of(
            {
                "content-type": "application/json",
                "content-digest": RFC_GOOD_DOG_DIGEST,
                "content-length": "23",
            }
        ),
    )
    base = base_of(
        '("@status" "content-type" "content-digest" "content-length")',
        ';created=1618884473;keyid="test-key-ecc-p256"',
        response,
        RFC_REQUEST,
    )
    load_verifier(RFC_P256_PUBLIC, "ecdsa-p256-sha256").verify(
        b64_decode(
            "wNmSUAhwb5LxtOtOpNa6W5xj067m5hFrj0XQ4fvpaCLx0NKocgPquLgyahnzDnDAUy5eCdlYUEkLIj+32oiasw=="
        ),
        base,
    )


@pytest.mark.parametrize(
    ("more", "signature"),
    [
        (
            '"@authority";req "@method";req "@path";req "content-digest";req',
            "dMT/A/76ehrdBTD/2Xx8QuKV6FoyzEP/I9hdzKN8LQJLNgzU4W767HK05rx1i8meNQQgQPgQp8wq2ive3tV5Ag==",
        ),
        (
            (
                '"@authority";req "@method";req "@path";req "@query";req "content-digest";req '
                '"content-type";req "content-length";req'
            ),
            "C73J41GVKc+TYXbSobvZf0CmNcptRiWN+NY1Or0A36ISg6ymdRN6ZgR2QfrtopFNzqAyv+CeWrMsNbcV2Ojsgg==",
        ),
    ],
    ids=["unsigned request", "signed request"],
)
def test_2_4_the_signatures_of_responses_that_cover_their_request(
    more: str, signature: str
) -> None:
    response = SignedResponse(
        "503", lines_of({"content-type": "application/json", "content-digest": RFC_BUSY_DIGEST})
    )
    base = base_of(
        f'("@status" "content-digest" "content-type" {more})',
        ';created=1618884479;keyid="test-key-ecc-p256"',
        response,
        RFC_REQUEST,
    )
    assert f'"content-digest";req: {RFC_REQUEST_DIGEST}\n' in base.decode()
    load_verifier(RFC_P256_PUBLIC, "ecdsa-p256-sha256").verify(b64_decode(signature), base)


# ---- values -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("component", "value"),
    [
        ('"host"', "www.example.com"),
        ('"x-ows-header"', "Leading and trailing whitespace."),
        ('"cache-control"', "max-age=60, must-revalidate"),
        ('"x-empty-header"', ""),
        ('"x-tab"', "a\tb"),
    ],
)
def test_2_1_a_field_is_its_lines_trimmed_and_joined(component: str, value: str) -> None:
    fields = {
        "host": "www.example.com",
        "x-ows-header": "   Leading and trailing whitespace.   ",
        "cache-control": ("max-age=60", "    must-revalidate"),
        "x-empty-header": " ",
        "x-tab": "\ta\tb",
    }
    assert value_of(component, fields) == value


def test_2_1_1_sf_prints_a_known_dictionary_anew() -> None:
    lines = ("sha-256=:YQ==:   ,  x", "b=2;x=1;y=2,\tc=(a b)")
    assert value_of('"content-digest";sf', {"content-digest": lines}) == (
        "sha-256=:YQ==:, x, b=2;x=1;y=2, c=(a b)"
    )
    assert refused('"example-dict";sf', {"example-dict": "a=1"}).code == "SIGNATURE_MALFORMED"


@pytest.mark.parametrize(
    ("key", "value"), [("a", "1"), ("b", "2;x=1;y=2"), ("c", "(a b c)"), ("d", "?1")]
)
def test_2_1_2_key_takes_one_member(key: str, value: str) -> None:
    fields = {"example-dict": ("  a=1, b=2;x=1;y=2", "c=(a b c)   ,  d")}
    assert value_of(f'"example-dict";key="{key}"', fields) == value
    assert value_of(f'"example-dict";key="{key}";sf', fields) == value


def test_2_1_3_bs_keeps_lines_apart() -> None:
    apart = {"example-header": ("value, with, lots", "of, commas")}
    joined = {"example-header": "value, with, lots, of, commas"}
    assert value_of('"example-header";bs', apart) == (
        ":dmFsdWUsIHdpdGgsIGxvdHM=:, :b2YsIGNvbW1hcw==:"
    )
    assert value_of('"example-header";bs', joined) == ":dmFsdWUsIHdpdGgsIGxvdHMsIG9mLCBjb21tYXM=:"
    assert value_of('"example-header"', apart) == value_of('"example-header"', joined)


# ---- refusals -----------------------------------------------------------------------------------


@pytest.mark.parametrize("component", ['"x"', '"x";bs', '"x";key="a"', '"content-digest";sf'])
def test_a_field_that_is_absent_is_refused(component: str) -> None:
    assert refused(component, {}).code == "COMPONENT_MISSING"


def test_a_member_that_is_absent_or_cannot_be_read_is_refused() -> None:
    assert refused('"x";key="b"', {"x": "a=1"}).code == "COMPONENT_MISSING"
    assert refused('"x";key="a"', {"x": "a=1, Tue"}).code == "SIGNATURE_MALFORMED"


@pytest.mark.parametrize("value", ["a\nb", "a\rb", "\x00", "\x7f", "é", "测试甲", "\udce9"])
@pytest.mark.parametrize("component", ['"x"', '"x";bs'])
def test_a_value_outside_printable_ascii_is_refused_and_not_told(
    component: str, value: str
) -> None:
    if component.endswith("bs") and value.isascii():
        assert value_of(component, {"x": value}).isprintable()
        return
    error = refused(component, {"x": value})
    assert error.code == "SIGNATURE_MALFORMED"
    assert '"x"' in error.detail
    assert value not in error.detail


@pytest.mark.parametrize(
    "component",
    [
        pytest.param('"@status"', id="of a response"),
        pytest.param('"@target-uri"', id="needs the scheme"),
        pytest.param('"@scheme"', id="needs the scheme, too"),
        pytest.param('"@request-target"', id="a lone ? is not known"),
        pytest.param('"@query-param";name="a"', id="query parameter"),
        pytest.param('"@signature-params"', id="parameters of the signature"),
        pytest.param('"@method";req', id="req in a request"),
        pytest.param('"@method";sf', id="parameter of a derived component"),
        pytest.param('"x";req', id="req of a field in a request"),
        pytest.param('"x";tr', id="trailer"),
        pytest.param('"x";unknown', id="unknown parameter"),
        pytest.param('"x";key', id="key without a value"),
        pytest.param('"x";key=a', id="key as a token"),
        pytest.param('"x";bs;sf', id="bs and sf"),
        pytest.param('"x";bs;key="a"', id="bs and key"),
        pytest.param('"x";bs=1', id="bs with a value"),
        pytest.param('"x";sf=?0', id="sf is false"),
        pytest.param('"X"', id="upper case"),
        pytest.param('"x y"', id="not a field name"),
        pytest.param('""', id="empty"),
        pytest.param("x", id="token"),
        pytest.param('"x" "x"', id="repeated"),
        pytest.param('"x";key="a";sf "x";sf;key="a"', id="repeated in another order"),
    ],
)
def test_a_component_that_is_not_supported_is_refused(component: str) -> None:
    assert refused(component, {"x": "a=1"}).code == "SIGNATURE_MALFORMED"


@pytest.mark.parametrize("component", ['"@method"', '"@status";req', '"@status";req=?0'])
def test_a_response_has_a_status_and_its_request_has_the_rest(component: str) -> None:
    with pytest.raises(RequestError):
        parse_components(f"({component})", in_response=True)
