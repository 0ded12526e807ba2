# SPDX-License-Identifier: Apache-2.0
"""A kept request is parsed and verified as it came, and has nothing that was not signed."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from gateway.crypto.digest import b64url_encode
from gateway.crypto.keys import generate_private_key, load_signer, load_verifier, public_pem
from gateway.httpsig import (
    SignedRequest,
    content_digest,
    keep_request,
    kept_request,
    parse_request_signature,
    request_signature_headers,
    signature_base,
)
from gateway.model.order import KeptRequest

KEY = generate_private_key("ed25519")
SIGNER = load_signer(KEY, "k1")
VERIFIER = load_verifier(public_pem(KEY), "ed25519")
PATHS = st.from_regex(r"(/[a-z0-9%.~-]{1,20}){1,3}", fullmatch=True)


@given(body=st.binary(max_size=64), path=PATHS)
def test_what_was_signed_verifies_again_after_it_was_stored(body: bytes, path: str) -> None:
    fields = {"cookie": ("secret",), "accept": ("*/*",)}
    if body:
        fields |= {
            "content-type": ("application/json",),
            "content-digest": (content_digest(body),),
        }
    request = SignedRequest(
        "PUT", "g.test", path, "?", lambda name: fields.get(name, ()), has_body=bool(body)
    )
    headers = request_signature_headers(
        request, signer=SIGNER, created=1, nonce=b64url_encode(bytes(16))
    )
    fields |= {name.lower(): (value,) for name, value in headers.items()}
    signature = parse_request_signature(request)
    stored = msgspec.json.encode(keep_request(signature, body))
    assert b"secret" not in stored
    kept = msgspec.json.decode(stored, type=KeptRequest)
    again = parse_request_signature(kept_request(kept))
    assert kept.body == body
    assert signature_base(again) == signature_base(signature)
    VERIFIER.verify(again.value, signature_base(again))


def test_it_does_not_show_what_it_holds() -> None:
    kept = KeptRequest("PUT", "g.test", "/", "?", {"signature": ("s=:aa:",)}, b"140302190001010017")
    assert repr(kept) == "KeptRequest(…)"
