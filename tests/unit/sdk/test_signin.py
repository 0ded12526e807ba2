# SPDX-License-Identifier: Apache-2.0
"""The national platform's header sign-in."""

import base64
import hmac

from hypothesis import given
from hypothesis import strategies as st

from gateway.sdk.kits.signin import NationalSignIn, sign_national

SIGN_IN = NationalSignIn("demo-rid-001", "s_1400000000000_0001", "demo-secret")


def test_the_published_vector() -> None:
    assert SIGN_IN.headers(1754006400000) == {
        "gjgxjhpt_rid": "demo-rid-001",
        "gjgxjhpt_sid": "s_1400000000000_0001",
        "gjgxjhpt_rtime": "1754006400000",
        "gjgxjhpt_sign": "+g34bnHYw1bDANaQl9VFpn9uIOdHQxrQFxLpac6zSCI=",
    }


def test_the_secret_is_in_no_repr() -> None:
    assert "demo-secret" not in f"{SIGN_IN!r} {SIGN_IN}"


@given(st.text(), st.text(), st.text(), st.integers(min_value=0))
def test_it_is_hmac_over_service_requester_time(
    secret: str, service: str, requester: str, time_ms: int
) -> None:
    signed = f"{service}{requester}{time_ms}".encode()
    expected = base64.b64encode(hmac.new(secret.encode(), signed, "sha256").digest()).decode()
    assert sign_national(secret, service, requester, str(time_ms)) == expected
