# SPDX-License-Identifier: Apache-2.0
"""Over all requests: what is signed is accepted, what is changed is not, and nothing crashes."""

from contextlib import suppress

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gateway.crypto.digest import b64url_encode
from gateway.errors import GatewayError, RequestError
from gateway.httpsig import (
    SignedRequest,
    content_digest,
    parse_request_signature,
    request_signature_headers,
    signature_base,
    verify_content_digest,
)
from gateway.model.agency import Algorithm
from tests.unit.httpsig.messages import (
    ALGORITHMS,
    BODY,
    SIGNERS,
    VERIFIERS,
    Fields,
    body_fields,
    lines_of,
    request_with,
    signed_fields,
)

VISIBLE = st.characters(min_codepoint=0x21, max_codepoint=0x7E)
PARTS = st.fixed_dictionaries(
    {
        "method": st.sampled_from(["GET", "POST", "M-SEARCH"]),
        "authority": st.sampled_from(["gw.example", "gw.example:8443", "[::1]:8443"]),
        "path": st.text(VISIBLE, max_size=20).map("/".__add__),
        "query": st.text(VISIBLE, max_size=20).map("?".__add__),
    }
)


def verify(parts: dict[str, str], fields: Fields, body: bytes, algorithm: Algorithm) -> None:
    signature = parse_request_signature(
        SignedRequest(**parts, lines=lines_of(fields), has_body=True)
    )
    verify_content_digest(lines_of(fields)("content-digest"), body)
    VERIFIERS[algorithm].verify(signature.value, signature_base(signature))


@given(
    parts=PARTS,
    body=st.binary(max_size=40),
    content_type=st.text(VISIBLE, max_size=20),
    created=st.integers(0, 10**15 - 1),
    nonce=st.binary(min_size=16, max_size=48).map(b64url_encode),
    label=st.from_regex(r"[a-z*][a-z0-9_.*-]{0,63}", fullmatch=True),
    algorithm=st.sampled_from(ALGORITHMS),
)
def test_whatever_is_signed_is_accepted(
    *,
    parts: dict[str, str],
    body: bytes,
    content_type: str,
    created: int,
    nonce: str,
    label: str,
    algorithm: Algorithm,
) -> None:
    fields = {"content-type": content_type, "content-digest": content_digest(body)}
    headers = request_signature_headers(
        SignedRequest(**parts, lines=lines_of(fields), has_body=True),
        signer=SIGNERS[algorithm],
        created=created,
        nonce=nonce,
        label=label,
    )
    signed = {**fields, **{name.lower(): text for name, text in headers.items()}}
    verify(parts, signed, body, algorithm)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@given(choice=st.data())
def test_one_character_changed_anywhere_is_refused(
    algorithm: Algorithm, choice: st.DataObject
) -> None:
    parts = {
        "method": "POST",
        "authority": "gw.example",
        "path": "/v1/lookups",
        "query": "?a=b",
    }
    fields = {
        name: str(text) for name, text in signed_fields(body_fields(), algorithm, **parts).items()
    }
    message = {**parts, **fields, "body": BODY.decode()}
    name = choice.draw(st.sampled_from(sorted(message)))
    start = len("sig1=") if name.startswith("signature") else 0
    at = choice.draw(st.integers(start, len(message[name]) - 1))
    old = message[name][at]
    new = choice.draw(st.characters(max_codepoint=0xFF).filter(lambda other: other != old))
    message[name] = f"{message[name][:at]}{new}{message[name][at + 1 :]}"
    with pytest.raises(GatewayError):
        verify(
            {part: message[part] for part in parts},
            {field: message[field] for field in fields},
            message["body"].encode("latin-1"),
            algorithm,
        )


FRAGMENTS = st.sampled_from(
    [
        *'()=;:,"\\? 0a@\té',
        "sig1=",
        '"@method"',
        '"@authority"',
        '"@path"',
        '"@query"',
        '"content-type"',
        '"content-digest";key="sha-256"',
        '"signature";sf',
        '"signature-input";bs',
        ";req",
        ";created=1",
        ';nonce="AAECAwQFBgcICQoLDA0ODw"',
        ';keyid="k"',
        ';tag="yizheng-v1"',
        ";expires=-1",
        ":AAAA:",
        ";a=:AAAA:",
        "sha-256=",
    ]
)
TEXT = st.lists(FRAGMENTS, max_size=16).map("".join) | st.text(max_size=30)


@settings(max_examples=300)
@given(
    inputs=st.lists(TEXT, max_size=2),
    signatures=st.lists(TEXT, max_size=2) | st.just(["sig1=:AAAA:"]),
    digests=st.lists(TEXT, max_size=2),
    path=TEXT,
)
def test_no_request_raises_anything_but_a_refusal(
    inputs: list[str], signatures: list[str], digests: list[str], path: str
) -> None:
    fields = {"signature-input": inputs, "signature": signatures, "content-digest": digests}
    with suppress(RequestError):
        signature_base(parse_request_signature(request_with(fields, path=path)))
    with suppress(RequestError):
        verify_content_digest(digests, b"")


@settings(max_examples=300)
@given(at=st.integers(0, 200), cut=st.integers(0, 4), more=TEXT, path=TEXT)
def test_no_damaged_request_raises_anything_but_a_refusal(
    at: int, cut: int, more: str, path: str
) -> None:
    fields = signed_fields(body_fields())
    text = str(fields["signature-input"])
    fields["signature-input"] = text[:at] + more + text[at + cut :]
    with suppress(RequestError):
        signature_base(parse_request_signature(request_with(fields, path=path)))


NONCE = ';nonce="AAECAwQFBgcICQoLDA0ODw"'
PARAMETERS = (";created=1", NONCE, ';keyid="k"', ';tag="yizheng-v1"', ';alg="e"', ";expires=2")
ODD = (
    *(f";{name}={text}" for name in ("created", "expires") for text in ("2", "01", "-0", "?0")),
    *(f';nonce="{"A" * count}"' for count in (20, 25, 64, 66)),
    *(f';keyid="{text}"' for text in ("", "a;b", 'a\\"b', "k" * 64, "k" * 65)),
    *(';tag="other"', ";tag=yizheng-v1", ';alg=""', ';alg=";expires=2"', ";alg", ";other=1"),
)


@st.composite
def parameters(draw: st.DrawFn) -> str:
    """The parameters of a signature in any order; one may be odd, left out or there twice."""
    stated = list(draw(st.permutations(PARAMETERS)))
    odd = draw(st.none() | st.sampled_from(ODD))
    if odd is not None:
        at = draw(st.integers(0, len(stated)))
        if draw(st.booleans()):
            name = odd.partition("=")[0]
            stated = [text for text in stated if text.partition("=")[0] != name]
        stated.insert(at, odd)
    left_out = draw(st.none() | st.sampled_from(PARAMETERS))
    return "".join(text for text in stated if text != left_out)


COVERED = '("@method" "@authority" "@path" "@query" "content-type" "content-digest")'


def reading(signature_input: str, signature: str) -> object:
    """All that is read from a request, or the refusal."""
    fields = {"signature-input": signature_input, "signature": signature}
    try:
        read = parse_request_signature(request_with({**body_fields(), **fields}))
    except RequestError as error:
        return error.code, error.detail
    return (
        [getattr(read, name) for name in read.__struct_fields__ if name != "request"],
        signature_base(read),
    )


@settings(max_examples=500)
@given(
    label=st.sampled_from(["sig1", "*", "s" * 64, "s" * 65, "S"]),
    listed=st.permutations(COVERED[1:-1].split()).map(lambda names: f"({' '.join(names)})")
    | st.sampled_from([COVERED.replace(")", ' "x%s")'), "()", '("@path")', '("@path" "@path")']),
    stated=parameters(),
    signature=st.sampled_from(["=:AAAA:"] * 9 + ["=::", "=:", "=:AAB=:", "=:AAAA:;a=1", "=AAAA"]),
)
@example("sig1", COVERED, "".join(PARAMETERS), "=:AAAA:")
@example("sig1", COVERED, "".join([*PARAMETERS[:4], ";created=2"]), "=:AAAA:")
@example("sig1", COVERED, "".join([*PARAMETERS[1:], ";created=01"]), "=:AAAA:")
@example("sig1", COVERED, "".join([*PARAMETERS[:4], ';alg=";created=3"']), "=:AAAA:")
@example("sig1", f'("{"x" * 1000}" {COVERED[1:]}', "".join(PARAMETERS), "=:AAAA:")
def test_what_one_pattern_reads_is_what_the_parser_reads(
    label: str, listed: str, stated: str, signature: str
) -> None:
    signature_input = f"{label}={listed}{stated}"
    value = f"{label}{signature}"
    # A space before the field is nothing to the parser, and the pattern gives way to it.
    by_the_parser = reading(f" {signature_input}", value)
    assert reading(signature_input, value) == by_the_parser
    assert reading(signature_input, f" {value}") == by_the_parser
