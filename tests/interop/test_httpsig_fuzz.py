# SPDX-License-Identifier: Apache-2.0
"""Our verdict on requests against that of the library on PyPI: the same, or for a listed reason.

Every request is made by hand and truly signed: components and parameters in some order, some left
out, repeated or foreign; spelled canonically or not; other signatures beside it; then perhaps one
edit. `STRICTER` lists why we refuse what the peer takes, `LOOSER` why it refuses what we take.
"""

import re
from collections.abc import Mapping

import pytest
from http_message_signatures import HTTPMessageVerifier, InvalidSignature
from http_message_signatures.exceptions import HTTPMessageSignaturesException
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from gateway.crypto.digest import b64_encode
from gateway.crypto.keys import load_signer, load_verifier
from gateway.errors import GatewayError
from gateway.httpsig import (
    TAG,
    content_digest,
    parse_request_signature,
    signature_base,
    verify_content_digest,
)
from tests.interop.test_http_message_signatures import (
    BODY,
    COVERED,
    NONCE,
    PRIVATE,
    PUBLIC,
    PeerRequest,
    as_ours,
    keys,
    lines_of,
    now_s,
)

SIGNER = load_signer(PRIVATE["ed25519"], "k-1")
VERIFIER = load_verifier(PUBLIC["ed25519"], "ed25519")
CREATED = now_s() - 5
LATER = CREATED + 86_400  # whatever else a slow machine runs before this file
URL = "https://GW.example:443/v1/lookups?a=b"
DIGEST = content_digest(BODY)
FIELDS = {
    "Content-Type": "application/json",
    "Content-Digest": DIGEST,
    "X-Plain": "  some text\t",
    "X-Empty": "",
    "X-Dict": "a=01; p,b=(1  2) ,c, a=1.50",
}

#: What each component is worth: by hand, from RFC 9421 §2.
REQUIRED = {
    '"@method"': "POST",
    '"@authority"': "gw.example",
    '"@path"': "/v1/lookups",
    '"@query"': "?a=b",
    '"content-type"': "application/json",
    '"content-digest"': DIGEST,
}
EXTRA = {
    '"x-plain"': "some text",
    '"x-empty"': "",
    '"x-dict"': FIELDS["X-Dict"],
    '"x-dict";key="a"': "1.5",
    '"x-dict";key="b";sf': "(1 2)",
    '"x-dict";sf;key="b"': "(1 2)",
    '"x-dict";key="c"': "?1",
    '"x-plain";bs': f":{b64_encode(b'some text')}:",
    '"content-digest";sf': DIGEST,
    '"content-digest";key="sha-256"': DIGEST.removeprefix("sha-256="),
}
FOREIGN = {
    '"@status"': "200",
    '"@target-uri"': "https://gw.example/v1/lookups?a=b",
    '"@method";req': "POST",
    '"@signature-params"': "",
    '"@unknown"': "x",
    '"x-absent"': "",
    '"x-dict";key="z"': "1",
    '"x-dict";bs;sf': "1",
    '"x-dict";sf': "a=1.5, b=(1 2), c",
    '"x-plain";tr': "some text",
    '"x-plain";unknown': "some text",
    '"X-Plain"': "some text",
    "x-plain": "some text",
}
WORTH = {**REQUIRED, **EXTRA, **FOREIGN}

PARAMETERS = {
    "created": str(CREATED),
    "nonce": f'"{NONCE}"',
    "keyid": '"k-1"',
    "tag": f'"{TAG}"',
    "alg": '"ed25519"',
}
CHANGED = {
    "created": [f"{CREATED}.0", f'"{CREATED}"', "?0"],
    "nonce": ['"short"', "token", '"has space and more of it"'],
    "keyid": ['"k-2"', "k-1", '""'],
    "tag": ['"yizheng-v2"', TAG],
    "alg": ['"ecdsa-p256-sha256"', "ed25519"],
    "expires": [str(LATER), f"{LATER}.5"],
    "unknown": ["1"],
}
BESIDE = ['("@method");created=1;tag="other"', '("@path" "x-absent");alg="none"', "();n=1.5"]

STRICTER = {
    "the profile wants a nonce and a key id": r"the parameter (nonce|created|keyid) is absent",
    "the profile fixes the form of a nonce": r"nonce is not base64url",
    "the profile has no other derived components": r"derived components are",
    "a repeated parameter is refused, not overwritten": r"a parameter is there twice",
    "the type of a foreign field is not known to us": r'"x-dict": parameters are not supported',
    "a signature has no parameters": r"the signature is not base64 between colons",
    "base64 is canonical": r"Signature: no value can be read",
    "the peer ignores tr": r'"x-plain": parameters are not supported',
}
LOOSER = {
    "the peer wants both fields to have the same labels": r"have different labels",
    "the peer examines signatures that are not ours": r"must be a (Byte Sequence|Structured Field)",
}


@st.composite
def members(draw: st.DrawFn) -> tuple[list[str], list[tuple[str, str]]]:
    """Components and parameters; most often those of the profile, in some order."""
    listed = list(REQUIRED)
    parameters = dict(PARAMETERS)
    listed += draw(st.lists(st.sampled_from(list(EXTRA)), max_size=3, unique=True))
    match draw(st.integers(0, 7)):
        case 0:
            listed.remove(draw(st.sampled_from(listed)))
        case 1:
            listed.append(draw(st.sampled_from(listed)))
        case 2:
            listed.append(draw(st.sampled_from(list(FOREIGN))))
        case 3:
            del parameters[draw(st.sampled_from(list(parameters)))]
        case 4 | 5:
            name = draw(st.sampled_from(list(CHANGED)))
            parameters[name] = draw(st.sampled_from(CHANGED[name]))
        case _:
            pass
    ordered = draw(st.permutations(list(parameters.items())))
    if draw(st.integers(0, 15)) == 0:
        ordered.append(ordered[0])
    return draw(st.permutations(listed)), ordered


def signed(listed: list[str], parameters: list[tuple[str, str]]) -> tuple[str, str]:
    """The member as canonical text, and the signature over its base."""
    member = f"({' '.join(listed)})" + "".join(f";{name}={text}" for name, text in parameters)
    last_value = f"({' '.join(listed)})" + "".join(f";{n}={t}" for n, t in dict(parameters).items())
    base = "".join(f"{text}: {WORTH[text]}\n" for text in listed)
    base += f'"@signature-params": {last_value}'
    return member, f":{b64_encode(SIGNER.sign(base.encode()))}:"


def respelled(draw: st.DrawFn, member: str) -> str:
    """Another valid spelling of the same member."""
    for canonical, other in [
        (" ", "   "),
        (";", ";  "),
        ("(", "(  "),
        (")", " )"),
        (";sf", ";sf=?1"),
        (f"={CREATED}", f"=00{CREATED}"),
    ]:
        if draw(st.integers(0, 3)) == 0:
            member = member.replace(canonical, other)
    return member


@st.composite
def requests(draw: st.DrawFn) -> PeerRequest:
    """A request with our signature, others perhaps, and perhaps one edit."""
    member, value = signed(*draw(members()))
    inputs, values = [f"s={respelled(draw, member)}"], [f"s={value}"]
    for at, other in enumerate(draw(st.lists(st.sampled_from(BESIDE), max_size=2))):
        inputs.append(f"p{at}={other}")
        values.append(f"p{at}=:AAAA:")
    if draw(st.integers(0, 15)) == 0:
        values.pop()
    comma = draw(st.sampled_from([", ", ",", " ,\t"]))
    fields = {
        **FIELDS,
        "Signature-Input": comma.join(draw(st.permutations(inputs))),
        "Signature": comma.join(draw(st.permutations(values))),
    }
    if draw(st.integers(0, 2)) == 0:
        name = draw(st.sampled_from(["Signature-Input", "Signature", "Content-Digest", "X-Dict"]))
        text = fields[name]
        at = draw(st.integers(0, len(text)))
        cut = draw(st.integers(0, 2))
        fields[name] = text[:at] + draw(st.sampled_from(list(' ,;="():?1az\t'))) + text[at + cut :]
    return PeerRequest(URL, fields)


def our_refusal(request: PeerRequest) -> str | None:
    trimmed = {name: text.strip(" \t") for name, text in request.headers.items()}
    try:
        signature = parse_request_signature(as_ours(PeerRequest(request.url, trimmed)))
        if signature.keyid != "k-1":
            return "unknown key"
        if signature.alg not in {None, "ed25519"}:
            return "another algorithm"
        verify_content_digest(lines_of(trimmed)("content-digest"), BODY)
        VERIFIER.verify(signature.value, signature_base(signature))
    except GatewayError as error:
        return error.detail
    return None


def peer_refusal(request: PeerRequest) -> str | None:
    try:
        HTTPMessageVerifier(**keys("ed25519")).verify(
            request, expect_tag=TAG, require_components=COVERED, body=BODY
        )
    except (InvalidSignature, HTTPMessageSignaturesException, ValueError) as error:
        return str(error) or type(error).__name__
    return None


def explained(why: str, reasons: Mapping[str, str]) -> bool:
    return any(re.search(pattern, why) for pattern in reasons.values())


@settings(max_examples=400, suppress_health_check=[HealthCheck.too_slow])
@given(requests())
def test_both_give_the_same_verdict_or_the_difference_is_explained(request: PeerRequest) -> None:
    ours, peers = our_refusal(request), peer_refusal(request)
    event("both accept" if ours is peers is None else "one refuses, or both")
    if ours is not None and peers is None:
        assert explained(ours, STRICTER), ours
    if ours is None and peers is not None:
        assert explained(peers, LOOSER), peers


@pytest.mark.parametrize("spelled", ["s={}", "p=(), s={} ,\tq=();n=01"])
def test_the_request_that_is_mutated_is_accepted_by_both(spelled: str) -> None:
    covered = list(REQUIRED | EXTRA)
    covered.remove('"x-dict";sf;key="b"')  # the same component as `"x-dict";key="b";sf`
    member, value = signed(covered, list(PARAMETERS.items()))
    values = f"p=:AAAA:,s={value},q=::" if "p=" in spelled else f"s={value}"
    request = PeerRequest(
        URL,
        {
            **FIELDS,
            "Signature-Input": spelled.format(member.replace(" ", "  ").replace(";", "; ")),
            "Signature": values,
        },
    )
    assert (our_refusal(request), peer_refusal(request)) == (None, None)
