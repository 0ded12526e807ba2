# SPDX-License-Identifier: Apache-2.0
"""RFC 9421 appendix B: the published signatures verify over the bases that we print.

B.2.4 and B.2.6 are in `test_component`. RSA-PSS and HMAC are no algorithms of the profile, so here
`cryptography` verifies them; `@query-param` (B.2.2) is not a component of it: its value is given.
"""

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, PSS
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA512
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from gateway.crypto.digest import b64_decode, b64_encode, hmac_sha256
from gateway.crypto.keys import load_verifier
from gateway.errors import RequestError, TrustError
from gateway.httpsig.base import format_base
from gateway.httpsig.component import parse_components, read_values
from gateway.httpsig.message import SignedRequest
from gateway.httpsig.sfv import parse_dictionary
from tests.unit.httpsig.messages import (
    RFC_ED25519_PUBLIC,
    RFC_P256_PUBLIC,
    RFC_REQUEST,
    RFC_REQUEST_DIGEST,
    Fields,
    lines_of,
)

RSA_PSS_PUBLIC = b"""-----BEGIN PUBLIC KEY-----
MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAr4tmm3r20Wd/PbqvP1s2
+QEtvpuRaV8Yq40gjUR8y2Rjxa6dpG2GXHbPfvMs8ct+Lh1GH45x28Rw3Ry53mm+
oAXjyQ86OnDkZ5N8lYbggD4O3w6M6pAvLkhk95AndTrifbIFPNU8PPMO7OyrFAHq
gDsznjPFmTOtCEcN2Z1FpWgchwuYLPL+Wokqltd11nqqzi+bJ9cvSKADYdUAAN5W
Utzdpiy6LbTgSxP7ociU4Tn0g5I6aDZJ7A8Lzo0KSyZYoA485mqcO0GVAdVw9lq4
aOT9v6d+nb4bnNkQVklLQ3fVAvJm+xdDOp9LCNCN48V2pnDOkFV6+U9nV5oyc6XI
2wIDAQAB
-----END PUBLIC KEY-----
"""
SHARED_SECRET = (
    "uzvJfB4u3N0Jy4T7NZ75MDVcr8zSTInedJtkgcu46YW4XByzNJjxBdtjUkdJPBtbmHhIDi6pcl8jsasjlTMtDQ=="
)
PSS_SIGNATURES = {
    "B.2.1": (
        "d2pmTvmbncD3xQm8E9ZV2828BjQWGgiwAaw5bAkgibUopemLJcWDy/lkbbHAve4cRAtx31Iq786U7it+"
        "+wgGxbtRxf8Udx7zFZsckzXaJMkA7ChG52eSkFxykJeNqsrWH5S+oxNFlD4dzVuwe8DhTSja8xxbR/Z2"
        "cOGdCbzR72rgFWhzx2VjBqJzsPLMIQKhO4DGezXehhWwE56YCE+O6c0mKZsfxVrogUvA4HELjVKWmAvt"
        "l6UnCh8jYzuVG5WSb/QEVPnP5TmcAnLH1g+s++v6d4s8m0gCw1fV5/SITLq9mhho8K3+7EPYTU8IU1bL"
        "hdxO5Nyt8C8ssinQ98Xw9Q=="
    ),
    "B.2.2": (
        "LjbtqUbfmvjj5C5kr1Ugj4PmLYvx9wVjZvD9GsTT4F7GrcQEdJzgI9qHxICagShLRiLMlAJjtq6N4CDf"
        "KtjvuJyE5qH7KT8UCMkSowOB4+ECxCmT8rtAmj/0PIXxi0A0nxKyB09RNrCQibbUjsLS/2YyFYXEu4TR"
        "JQzRw1rLEuEfY17SARYhpTlaqwZVtR8NV7+4UKkjqpcAoFqWFQh62s7Cl+H2fjBSpqfZUJcsIk4N6wiK"
        "Yd4je2U/lankenQ99PZfB4jY3I5rSV2DSBVkSFsURIjYErOs0tFTQosMTAoxk//0RoKUqiYY8Bh0aaUE"
        "b0rQl3/XaVe4bXTugEjHSw=="
    ),
    "B.2.3": (
        "bbN8oArOxYoyylQQUU6QYwrTuaxLwjAC9fbY2F6SVWvh0yBiMIRGOnMYwZ/5MR6fb0Kh1rIRASVxFkeG"
        "t683+qRpRRU5p2voTp768ZrCUb38K0fUxN0O0iC59DzYx8DFll5GmydPxSmme9v6ULbMFkl+V5B1TP/y"
        "PViV7KsLNmvKiLJH1pFkh/aYA2HXXZzNBXmIkoQoLd7YfW91kE9o/CCoC1xMy7JA1ipwvKvfrs65ldml"
        "u9bpG6A9BmzhuzF8Eim5f8ui9eH8LZH896+QIF61ka39VBrohr9iyMUJpvRX2Zbhl5ZJzSRxpJyoEZAF"
        "L2FUo5fTIztsDZKEgM4cUA=="
    ),
}
HMAC_SIGNATURE = "pxcQw6G3AjtMBQjwo8XzkZf/bws5LelbaMk5rGIGtE8="
PROXY_SIGNATURE = (
    "xVMHVpawaAC/0SbHrKRs9i8I3eOs5RtTMGCWXm/9nvZzoHsIg6Mce9315T6xoklyy0yzhD9ah4JHRwMLOgmizw=="
)
CLIENT_CERT = (
    ":MIIBqDCCAU6gAwIBAgIBBzAKBggqhkjOPQQDAjA6MRswGQYDVQQKDBJMZXQncyBBdXRoZW50aWNhdGUxGzAZBgN"
    "VBAMMEkxBIEludGVybWVkaWF0ZSBDQTAeFw0yMDAxMTQyMjU1MzNaFw0yMTAxMjMyMjU1MzNaMA0xCzAJBgNVBAM"
    "MAkJDMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE8YnXXfaUgmnMtOXU/IncWalRhebrXmckC8vdgJ1p5Be5F/3"
    "YC8OthxM4+k1M6aEAEFcGzkJiNy6J84y7uzo9M6NyMHAwCQYDVR0TBAIwADAfBgNVHSMEGDAWgBRm3WjLa38lbEY"
    "CuiCPct0ZaSED2DAOBgNVHQ8BAf8EBAMCBsAwEwYDVR0lBAwwCgYIKwYBBQUHAwIwHQYDVR0RAQH/BBMwEYEPYmR"
    "jQGV4YW1wbGUuY29tMAoGCCqGSM49BAMCA0gAMEUCIBHda/r1vaL6G3VliL4/Di6YK0Q6bMjeSkC3dFCOOB8TAiE"
    "Ax/kHSB4urmiZ0NX5r5XarmPk0wmuydBVoU4hBVZ1yhk=:"
)
TRANSFORM_SIGNATURE = (
    "ZT1kooQsEHpZ0I1IjCqtQppOmIqlJPeo7DHR3SoMn0s5JZ1eRGS0A+vyYP9t/LXlh5QMFFQ6cpLt2m0pmj3NDA=="
)


def base_of(signature_input: str, request: SignedRequest) -> bytes:
    (member,) = parse_dictionary([signature_input], field="Signature-Input").values()
    values = read_values(parse_components(member.value, in_response=False), request, request)
    return format_base(member.value, values, member.text)


def verify_pss(case: str, base: bytes) -> None:
    key = load_pem_public_key(RSA_PSS_PUBLIC)
    assert isinstance(key, RSAPublicKey)
    key.verify(b64_decode(PSS_SIGNATURES[case]), base, PSS(MGF1(SHA512()), 64), SHA512())


def test_b_2_1_nothing_covered() -> None:
    base = base_of(
        'sig-b21=();created=1618884473;keyid="test-key-rsa-pss";nonce="b3k2pp5k7z-50gnwp.yemd"',
        RFC_REQUEST,
    )
    assert base.decode() == (
        '"@signature-params": ();created=1618884473;keyid="test-key-rsa-pss"'
        ';nonce="b3k2pp5k7z-50gnwp.yemd"'
    )
    verify_pss("B.2.1", base)


def test_b_2_2_selected_components() -> None:
    listed = '("@authority" "content-digest" "@query-param";name="Pet")'
    with pytest.raises(RequestError, match="derived components are"):
        parse_components(listed, in_response=False)
    verify_pss(
        "B.2.2",
        format_base(
            listed,
            ["example.com", RFC_REQUEST_DIGEST, "dog"],
            f'{listed};created=1618884473;keyid="test-key-rsa-pss";tag="header-example"',
        ),
    )


def test_b_2_3_full_coverage() -> None:
    base = base_of(
        'sig-b23=("date" "@method" "@path" "@query" "@authority" "content-type" "content-digest" '
        '"content-length");created=1618884473;keyid="test-key-rsa-pss"',
        RFC_REQUEST,
    )
    assert base.decode().split("\n")[:-1] == [
        '"date": Tue, 20 Apr 2021 02:07:55 GMT',
        '"@method": POST',
        '"@path": /foo',
        '"@query": ?param=Value&Pet=dog',
        '"@authority": example.com',
        '"content-type": application/json',
        f'"content-digest": {RFC_REQUEST_DIGEST}',
        '"content-length": 18',
    ]
    verify_pss("B.2.3", base)
    with pytest.raises(InvalidSignature):
        verify_pss("B.2.3", base + b" ")


def test_b_2_5_hmac_is_reproduced() -> None:
    base = base_of(
        'sig-b25=("date" "@authority" "content-type");created=1618884473'
        ';keyid="test-shared-secret"',
        RFC_REQUEST,
    )
    assert b64_encode(hmac_sha256(b64_decode(SHARED_SECRET), base)) == HMAC_SIGNATURE


def test_b_3_the_signature_of_a_proxy_over_what_it_has_added() -> None:
    request = SignedRequest(
        method="POST",
        authority="service.internal.example",
        path="/foo",
        query="?param=Value&Pet=dog",
        lines=lines_of({"client-cert": CLIENT_CERT}),
        has_body=True,
    )
    base = base_of(
        'ttrp=("@path" "@query" "@method" "@authority" "client-cert");created=1618884473'
        ';keyid="test-key-ecc-p256"',
        request,
    )
    verifier = load_verifier(RFC_P256_PUBLIC, "ecdsa-p256-sha256")
    verifier.verify(b64_decode(PROXY_SIGNATURE), base)


ACCEPT = ("application/json", "*/*")
DATE = "Fri, 15 Jul 2022 14:24:55 GMT"
QUERY = "?name1=Value1&Name2=value2"


def verify_transformed(
    fields: Fields, *, method: str = "GET", authority: str = "example.org", query: str = QUERY
) -> None:
    request = SignedRequest(
        method=method,
        authority=authority,
        path="/demo",
        query=query,
        lines=lines_of(fields),
        has_body=False,
    )
    base = base_of(
        'transform=("@method" "@path" "@authority" "accept");created=1618884473'
        ';keyid="test-key-ed25519"',
        request,
    )
    verifier = load_verifier(RFC_ED25519_PUBLIC, "ed25519")
    verifier.verify(b64_decode(TRANSFORM_SIGNATURE), base)


def test_b_4_transformations_that_keep_the_signature_valid() -> None:
    verify_transformed({"date": DATE, "accept": ACCEPT})
    verify_transformed(
        {"date": DATE, "accept": ACCEPT, "accept-language": "en-US,en;q=0.5"},
        query=f"{QUERY}&param=added",
    )
    verify_transformed(
        {"referer": "https://developer.example.org/demo", "accept": "application/json, */*"}
    )
    verify_transformed({"accept": ACCEPT, "date": DATE})


def test_b_4_transformations_that_break_it() -> None:
    with pytest.raises(TrustError):
        verify_transformed({"accept": ACCEPT}, method="POST", authority="example.com")
    with pytest.raises(TrustError):
        verify_transformed({"accept": ACCEPT[::-1]})
