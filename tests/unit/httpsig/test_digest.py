# SPDX-License-Identifier: Apache-2.0
"""Content-Digest ties a body to its signature (RFC 9530)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.crypto.digest import b64_encode, b64url_encode, sha256, sha512
from gateway.errors import RequestError
from gateway.httpsig import content_digest, verify_content_digest

BODY = b'{"hello": "world"}'
SHA256 = f"sha-256=:{b64_encode(sha256(BODY))}:"
SHA512 = f"sha-512=:{b64_encode(sha512(BODY))}:"


def test_the_field_is_that_of_rfc_9530() -> None:
    assert content_digest(b'{"hello": "world"}\n') == (
        "sha-256=:RK/0qy18MlBSVnWgjwz6lZEWjP/lF5HF9bvEF8FabDg=:"  # RFC 9530 appendix B.1
    )


@given(st.binary(max_size=200))
def test_the_digest_of_a_body_verifies(body: bytes) -> None:
    assert verify_content_digest([content_digest(body)], body) == sha256(body)


@pytest.mark.parametrize(
    "lines",
    [
        [SHA256, SHA512],
        [f"{SHA512} ,\t{SHA256}"],
        [f"{SHA256}, md5=:AAAA:, unixsum=30637"],
        [f"id-sha-256=token, {SHA256}"],
    ],
)
def test_other_spellings_and_algorithms_beside_sha_256_verify(lines: list[str]) -> None:
    assert verify_content_digest(lines, BODY) == sha256(BODY)


@pytest.mark.parametrize(
    ("line", "named"),
    [
        (content_digest(b"other"), "sha-256"),
        (f"{content_digest(b'other')}, {SHA512}", "sha-256"),
        (f"{SHA256}, sha-512=:{b64_encode(sha512(b'other'))}:", "sha-512"),
    ],
)
def test_a_digest_of_another_body_is_refused(line: str, named: str) -> None:
    with pytest.raises(RequestError, match=f"^DIGEST_MISMATCH: {named}"):
        verify_content_digest([line], BODY)


@pytest.mark.parametrize(
    ("lines", "why"),
    [
        ([], "has no sha-256"),
        ([""], "has no sha-256"),
        ([SHA512], "has no sha-256"),
        ([f"sha-256={sha256(BODY).hex()}"], "hexadecimal"),
        ([f"sha-256=:{sha256(BODY).hex()}:"], "hexadecimal"),
        ([f'sha-256="{sha256(BODY).hex().upper()}"'], "hexadecimal"),
        ([f"sha-256=:{b64_encode(sha256(BODY)).rstrip('=')}:"], "unpadded"),
        ([f"sha-256=:{b64url_encode(sha256(BODY))}:"], "base64url"),
        ([f"sha-256=:{b64url_encode(bytes([255]) * 32)}=:"], "base64url"),
        ([f'sha-256="{b64_encode(sha256(BODY))}"'], "between colons"),
        ([f"{SHA256};a=1"], "between colons"),
        ([f"{SHA256};a=:AAAA:"], "between colons"),
        (["sha-256=:AAAA:"], "32 bytes"),
        ([f"{SHA256}, sha-512=:AAAA:"], "64 bytes"),
        ([f"SHA-256=:{b64_encode(sha256(BODY))}:"], "no member can be read"),
        ([SHA256, SHA256], "twice"),
    ],
)
def test_a_field_that_cannot_be_read_is_refused_with_the_likely_reason(
    lines: list[str], why: str
) -> None:
    with pytest.raises(RequestError, match=why) as refused:
        verify_content_digest(lines, BODY)
    assert refused.value.code == "DIGEST_MALFORMED"
