# SPDX-License-Identifier: Apache-2.0
"""The door: each check has its own refusal, and they come in the published order."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from gateway.admission.admission import Admission
from gateway.crypto.keys import generate_private_key, load_signer, public_pem
from gateway.errors import CHECKS, REFUSALS, RequestError, SetupError
from gateway.httpsig import SignedRequest, content_digest, request_signature_headers
from gateway.model.agency import Agency, AgencyKey

NOW_S = 1_795_334_400
BODY = b'{"a":1}'
PRIVATE = generate_private_key("ecdsa-p256-sha256")
KEY = AgencyKey("key-1", "ecdsa-p256-sha256", public_pem(PRIVATE))


def door(key: AgencyKey = KEY, *, active: bool = True) -> Admission:
    return Admission(
        [Agency("yq-gjj", "公积金中心", active=active, keys=(key,))],
        authorities=["gateway.example"],
        clock_window_s=60,
        clock=lambda: NOW_S,
    )


def signed(
    *,
    body: bytes = BODY,
    keyid: str = "key-1",
    private: bytes = PRIVATE,
    created: int = NOW_S,
    authority: str = "gateway.example",
    nonce: str = "n" * 24,
    has_body: bool = True,
    change: Callable[[dict[str, tuple[str, ...]]], Any] = lambda _lines: None,
) -> SignedRequest:
    lines: dict[str, tuple[str, ...]] = {
        "content-type": ("application/json",),
        "content-digest": (content_digest(body),),
    }
    request = SignedRequest(
        method="POST" if has_body else "GET",
        authority=authority,
        path="/v1/lookups",
        query="?",
        lines=lambda name: lines.get(name, ()),
        has_body=has_body,
    )
    signer = load_signer(private, keyid)
    added = request_signature_headers(request, signer=signer, created=created, nonce=nonce)
    lines |= {name.lower(): (value,) for name, value in added.items()}
    change(lines)
    return request


def refusal(request: SignedRequest, at: Admission | None = None, body: bytes = BODY) -> str:
    with pytest.raises(RequestError) as caught:
        (at or door()).identify(request, body, "127.0.0.1")
    return caught.value.code


def test_a_well_signed_request_names_its_agency() -> None:
    caller = door().identify(signed(), BODY, "127.0.0.1")
    assert (caller.agency.id, caller.signature.keyid) == ("yq-gjj", "key-1")


def test_each_failed_check_has_its_own_refusal_in_the_published_order() -> None:
    other = generate_private_key("ecdsa-p256-sha256")
    revoked = msgspec.structs.replace(KEY, revoked=True)
    codes = [
        refusal(signed(change=lambda lines: lines.pop("signature"))),
        refusal(signed(change=lambda lines: lines.update({"signature": ("sig1=:!:",)}))),
        refusal(signed(authority="other.example")),
        refusal(signed(keyid="key-2")),
        refusal(signed(), door(revoked)),
        refusal(signed(), door(active=False)),
        refusal(signed(created=NOW_S - 61)),
        refusal(signed(), body=b'{"a":2}'),
        refusal(signed(private=other)),
    ]
    assert codes == [
        "SIGNATURE_MISSING",
        "SIGNATURE_MALFORMED",
        "AUTHORITY_UNKNOWN",
        "KEY_UNKNOWN",
        "KEY_INACTIVE",
        "AGENCY_INACTIVE",
        "TIMESTAMP_EXPIRED",
        "DIGEST_MISMATCH",
        "SIGNATURE_INVALID",
    ]
    order = [CHECKS.index(REFUSALS[code].check) for code in codes]
    assert order == sorted(order)


@pytest.mark.parametrize(
    "nonce", ["140302190001010017-00001", "140302-19900101-0017-aaa", "AA_140302190001010-AAAAA"]
)
def test_a_nonce_made_of_a_number_is_refused_before_it_could_be_recorded(nonce: str) -> None:
    with pytest.raises(RequestError, match="15 digits") as caught:
        door().identify(signed(nonce=nonce), BODY, "")
    assert caught.value.code == "SIGNATURE_MALFORMED"
    assert "140302" not in str(caught.value)


@pytest.mark.parametrize("has_body", [True, False])
@pytest.mark.parametrize(
    "component", ['"x-140302190001010017"', '"x-a";key="a14030219000101-0017"']
)
def test_a_component_that_is_named_by_a_number_is_refused_before_it_could_be_recorded(
    component: str, *, has_body: bool
) -> None:
    def cover(lines: dict[str, tuple[str, ...]]) -> None:
        lines["x-140302190001010017"] = ("1",)
        lines["x-a"] = ("a14030219000101-0017=1",)
        [line] = lines["signature-input"]
        lines["signature-input"] = (line.replace(")", f" {component})", 1),)

    with pytest.raises(RequestError, match=r"component.*15 digits") as caught:
        door().identify(signed(has_body=has_body, change=cover), BODY, "")
    assert caught.value.code == "SIGNATURE_MALFORMED"
    assert "140302" not in str(caught.value)


@pytest.mark.parametrize("skew_s", [-60, 0, 60])
def test_the_clock_window_is_inclusive(skew_s: int) -> None:
    caller = door().identify(signed(created=NOW_S + skew_s), BODY, "")
    assert caller.signature.created == NOW_S + skew_s


@pytest.mark.parametrize("skew_s", [-61, 61])
def test_outside_the_clock_window_is_refused_with_the_distance(skew_s: int) -> None:
    with pytest.raises(RequestError, match="61 s in the"):
        door().identify(signed(created=NOW_S + skew_s), BODY, "")


@pytest.mark.parametrize(
    ("member", "offset_s", "is_valid"),
    [
        ("not_before", 1, False),
        ("not_before", -1, True),
        ("not_after", -1, False),
        ("not_after", 1, True),
    ],
)
def test_a_key_is_valid_between_its_dates(member: str, offset_s: int, *, is_valid: bool) -> None:
    at = datetime.fromtimestamp(NOW_S, UTC) + timedelta(seconds=offset_s)
    dated = door(msgspec.structs.replace(KEY, **{member: at}))
    if is_valid:
        assert dated.identify(signed(), BODY, "").agency.id == "yq-gjj"
    else:
        assert refusal(signed(), dated) == "KEY_INACTIVE"


def test_a_key_that_is_no_key_stops_start_up_and_names_the_file() -> None:
    with pytest.raises(SetupError, match=r"agencies/yq-gjj.toml: key `key-1`.*Remedy"):
        door(msgspec.structs.replace(KEY, public="-----BEGIN NOTHING-----"))
