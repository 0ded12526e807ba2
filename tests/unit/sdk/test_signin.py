# SPDX-License-Identifier: Apache-2.0
"""Sign-in dialects: the vectors that clients were seen to make, and who signs."""

import base64
import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import SetupError
from gateway.sdk.kits.signin import (
    MAX_SKEW_MS,
    Bearer,
    Call,
    Dialect,
    IrsSignIn,
    LegacyMd5SignIn,
    MunicipalSignIn,
    NationalSignIn,
    TifSignIn,
    is_signed,
    refuse_weak,
)

NOW_MS = 1754006400000
CALL = Call("POST", "/api/v1/query", "a=1&b=2")
NATIONAL = NationalSignIn("demo-rid-001", "s_1400000000000_0001", "demo-secret")
MUNICIPAL = MunicipalSignIn("demo-appid", "demo-secret")
IRS = IrsSignIn("demo-ak", "demo-secret")
TIF = TifSignIn("demo-paasid", "demo-token")
MD5 = LegacyMd5SignIn("demo-app", "demo-secret")
ALL: list[Dialect] = [NATIONAL, MUNICIPAL, IRS, TIF, MD5, Bearer("demo-secret")]


def test_the_national_vector() -> None:
    assert NATIONAL.headers(CALL, NOW_MS, "") == {
        "gjgxjhpt_rid": "demo-rid-001",
        "gjgxjhpt_sid": "s_1400000000000_0001",
        "gjgxjhpt_rtime": "1754006400000",
        "gjgxjhpt_sign": "+g34bnHYw1bDANaQl9VFpn9uIOdHQxrQFxLpac6zSCI=",
    }


def test_the_service_platform_has_the_same_signature_under_its_own_names() -> None:
    service = NationalSignIn("demo-rid-001", "s_1400000000000_0001", "demo-secret", "gjzwfwpt")
    headers = service.headers(CALL, NOW_MS, "")
    assert headers["gjzwfwpt_sign"] == "+g34bnHYw1bDANaQl9VFpn9uIOdHQxrQFxLpac6zSCI="
    assert all(name.startswith("gjzwfwpt_") for name in headers)


def test_the_municipal_vector() -> None:
    assert MUNICIPAL.headers(CALL, NOW_MS, "") == {
        "gateway_appid": "demo-appid",
        "gateway_rtime": "1754006400000",
        "gateway_sig": "VPAlGsdTu5QU2C+L1N7xqxljf2p2DyCsWUjWl7PmjG4=",
    }


@pytest.mark.parametrize("query", ["a=1&b=2", "b=2&a=1"])
def test_the_irs_vector_whatever_the_order_of_the_query(query: str) -> None:
    assert IRS.headers(Call("POST", "/api/v1/query", query), NOW_MS, "") == {
        "X-BG-HMAC-SIGNATURE": "8ypvPPKOu5GvtcgpL/l2pf3UFAXfOuDM6WYPNDy67tw=",
        "X-BG-HMAC-ALGORITHM": "hmac-sha256",
        "X-BG-HMAC-ACCESS-KEY": "demo-ak",
        "X-BG-DATE-TIME": "Fri, 01 Aug 2025 00:00:00 GMT",
    }


def test_the_tif_vector() -> None:
    assert TIF.headers(CALL, NOW_MS, "demo-nonce") == {
        "x-tif-paasid": "demo-paasid",
        "x-tif-timestamp": "1754006400",
        "x-tif-nonce": "demo-nonce",
        "x-tif-signature": "eaa677c1826b854bf133d4cf1236bcce81b7132c598e97509453be88dae8ca6b",
    }


def test_the_legacy_signature_is_md5_over_app_secret_and_time() -> None:
    expected = hashlib.md5(f"demo-appdemo-secret{NOW_MS}".encode()).hexdigest()
    assert MD5.headers(CALL, NOW_MS, "")["sign"] == expected


@given(st.text(), st.text(), st.text(), st.integers(min_value=0, max_value=10**15))
def test_national_is_hmac_over_service_requester_time(
    secret: str, service: str, requester: str, time_ms: int
) -> None:
    signed = f"{service}{requester}{time_ms}".encode()
    expected = base64.b64encode(hmac.new(secret.encode(), signed, "sha256").digest()).decode()
    made = NationalSignIn(requester, service, secret).headers(CALL, time_ms, "")
    assert made["gjgxjhpt_sign"] == expected


@pytest.mark.parametrize("dialect", ALL, ids=lambda dialect: type(dialect).__name__)
def test_who_has_the_secret_makes_the_headers_again(dialect: Dialect) -> None:
    headers = dialect.headers(CALL, NOW_MS, "n-1")
    assert is_signed(dialect, CALL, headers, NOW_MS)
    for name in headers:
        assert not is_signed(dialect, CALL, {**headers, name: "other"}, NOW_MS)
        assert not is_signed(dialect, CALL, {n: v for n, v in headers.items() if n != name}, NOW_MS)


@pytest.mark.parametrize("dialect", ALL[:-1], ids=lambda dialect: type(dialect).__name__)
def test_an_old_signature_is_none(dialect: Dialect) -> None:
    headers = dialect.headers(CALL, NOW_MS, "n-1")
    assert is_signed(dialect, CALL, headers, NOW_MS + MAX_SKEW_MS)
    assert not is_signed(dialect, CALL, headers, NOW_MS + MAX_SKEW_MS + 1000)
    assert not is_signed(dialect, CALL, headers, NOW_MS - MAX_SKEW_MS - 1000)


def test_irs_covers_method_path_and_query() -> None:
    headers = IRS.headers(CALL, NOW_MS, "")
    for other in (
        Call("GET", CALL.path, CALL.query),
        Call("POST", "/other", CALL.query),
        Call("POST", CALL.path, "a=1"),
    ):
        assert not is_signed(IRS, other, headers, NOW_MS)


@pytest.mark.parametrize("dialect", ALL, ids=lambda dialect: type(dialect).__name__)
def test_the_secret_is_in_no_repr(dialect: Dialect) -> None:
    assert "demo-secret" not in f"{dialect!r} {dialect}"
    assert "demo-token" not in f"{dialect!r} {dialect}"


def test_md5_is_refused_unless_the_site_says_that_it_is_insecure() -> None:
    with pytest.raises(SetupError) as caught:
        refuse_weak(MD5, insecure=False)
    assert "MD5 is broken" in caught.value.detail
    assert "insecure = true" in caught.value.detail
    refuse_weak(MD5, insecure=True)
    for dialect in (NATIONAL, MUNICIPAL, IRS, TIF):
        refuse_weak(dialect, insecure=False)
