# SPDX-License-Identifier: Apache-2.0
"""The profile of requests: what is accepted, and what each refusal says."""

import pytest

from gateway.crypto.digest import b64_encode
from gateway.errors import RequestError
from gateway.httpsig import (
    TAG,
    RequestSignature,
    parse_request_signature,
    request_signature_headers,
    signature_base,
)
from gateway.model.agency import Algorithm
from tests.unit.httpsig.messages import (
    ALGORITHMS,
    CREATED,
    NONCE,
    SIGNERS,
    VERIFIERS,
    body_fields,
    request_with,
    signed_fields,
    signed_request,
)

LISTED = '("@method" "@authority" "@path" "@query" "content-type" "content-digest")'
PARAMETERS = {
    "created": str(CREATED),
    "nonce": f'"{NONCE}"',
    "keyid": '"yq-gjj-1"',
    "tag": f'"{TAG}"',
}
SIGNATURE = f":{b64_encode(bytes(64))}:"


def member(listed: str = LISTED, /, **changed: str | None) -> str:
    """A Signature-Input member; a parameter changed to None is left out."""
    return listed + "".join(
        f";{name}={text}" for name, text in (PARAMETERS | changed).items() if text is not None
    )


def parse(
    signature_input: str, *, signature: str = f"sig1={SIGNATURE}", **fields: str
) -> RequestSignature:
    named = {name.replace("_", "-"): text for name, text in fields.items()}
    signed = {"signature-input": signature_input, "signature": signature}
    return parse_request_signature(request_with({**body_fields(), **named, **signed}))


def refusal(signature_input: str, *, signature: str = f"sig1={SIGNATURE}") -> RequestError:
    with pytest.raises(RequestError) as refused:
        parse(signature_input, signature=signature)
    return refused.value


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_what_we_sign_we_accept(algorithm: Algorithm) -> None:
    signature = parse_request_signature(request_with(signed_fields(body_fields(), algorithm)))
    VERIFIERS[algorithm].verify(signature.value, signature_base(signature))
    assert (signature.label, signature.keyid, signature.alg) == ("sig1", "yq-gjj-1", algorithm)
    assert (signature.created, signature.expires, signature.nonce) == (CREATED, None, NONCE)


def test_the_base_is_printed_as_the_profile_says() -> None:
    assert signature_base(signed_request()).decode().split("\n") == [
        '"@method": POST',
        '"@authority": gw.example',
        '"@path": /v1/lookups',
        '"@query": ?',
        '"content-type": application/json',
        f'"content-digest": {body_fields()["content-digest"]}',
        (
            f'"@signature-params": {LISTED};created={CREATED};nonce="{NONCE}";keyid="yq-gjj-1"'
            f';alg="ed25519";tag="{TAG}"'
        ),
    ]


def test_a_request_without_a_body_covers_its_target_alone() -> None:
    request = request_with(signed_fields({}, method="GET"), method="GET")
    signature = parse_request_signature(request)
    VERIFIERS["ed25519"].verify(signature.value, signature_base(signature))
    assert [component.name for component in signature.components] == [
        "@method",
        "@authority",
        "@path",
        "@query",
    ]


def test_components_and_parameters_come_in_any_order() -> None:
    listed = '("content-digest" "@query" "content-type" "@path" "@method" "@authority")'
    text = f'{listed};tag="{TAG}";keyid="k";expires=5;nonce="{NONCE}";created=1;alg="ed25519"'
    signature = parse(f"sig1={text}")
    assert signature.member == text
    assert (signature.created, signature.expires, signature.alg) == (1, 5, "ed25519")
    assert signature_base(signature).startswith(b'"content-digest": ')


def test_the_signed_parameters_are_those_received() -> None:
    text = member(keyid='"a\\"b\\\\c"')
    signature = parse(f"  other=1 \t, sig1={text}  ")
    assert signature.keyid == 'a"b\\c'
    assert signature_base(signature).endswith(f'"@signature-params": {text}'.encode())


def test_the_signed_parameters_are_printed_canonically_whatever_was_received() -> None:
    loose = member().replace(";", "; ").replace("(", "(  ").replace('" "', '"  "')
    signature = parse(f"sig1={loose.replace(str(CREATED), f'0{CREATED}')}")
    assert signature.member == member()
    assert signature_base(signature) == signature_base(parse(f"sig1={member()}"))


def test_more_may_be_covered() -> None:
    listed = LISTED.replace(")", ' "x-trace" "x-list";key="a" "x-lines";bs)')
    signature = parse(f"sig1={member(listed)}", x_trace="", x_list="a=1, b", x_lines="v")
    assert signature_base(signature).decode().split("\n")[6:9] == [
        '"x-trace": ',
        '"x-list";key="a": 1',
        '"x-lines";bs: :dg==:',
    ]


def test_other_signatures_may_stand_beside_ours() -> None:
    signature = parse(
        f'proxy=("@method");created=1;tag="other", sig1={member()}, bare=("@path")',
        signature=f"proxy=:AAAA:, sig1={SIGNATURE}",
    )
    assert (signature.label, signature.value) == ("sig1", bytes(64))


@pytest.mark.parametrize("absent", ["signature-input", "signature"])
def test_a_request_without_a_signature_is_refused(absent: str) -> None:
    fields = signed_fields(body_fields())
    del fields[absent]
    with pytest.raises(RequestError, match=f"^SIGNATURE_MISSING: (?i:.*field {absent} )"):
        parse_request_signature(request_with(fields))


@pytest.mark.parametrize(
    ("signature_input", "signature"),
    [
        (f"sig1={member(tag=None)}", f"sig1={SIGNATURE}"),
        ("sig1=" + member(tag='"yizheng-v2"'), f"sig1={SIGNATURE}"),
        ("sig1=" + member(tag="yizheng-v1"), f"sig1={SIGNATURE}"),
        (f"sig1={member()}", f"sig2={SIGNATURE}"),
        ("", f"sig1={SIGNATURE}"),
        (f"sig1={member()}", ""),
    ],
    ids=["no tag", "another tag", "the tag as a token", "another label", "empty", "no value"],
)
def test_a_request_without_our_signature_is_refused(signature_input: str, signature: str) -> None:
    assert refusal(signature_input, signature=signature).code == "SIGNATURE_MISSING"


@pytest.mark.parametrize("text", ['"@method"', '"@authority"', '"@path"', '"@query"'])
def test_a_component_of_the_target_must_be_covered(text: str) -> None:
    error = refusal(f"sig1={member(LISTED.replace(text + ' ', ''))}")
    assert (error.code, error.detail) == (
        "COMPONENT_MISSING",
        f"the signature does not cover {text}",
    )


@pytest.mark.parametrize(
    ("covered", "instead"),
    [
        (' "content-type"', ""),
        (' "content-digest"', ""),
        ('"content-digest"', '"content-digest";key="sha-256"'),
        ('"content-digest"', '"content-digest";bs'),
        ('"content-type"', '"content-type";bs'),
    ],
)
def test_type_and_digest_of_a_body_must_be_covered_as_they_are(covered: str, instead: str) -> None:
    error = refusal(f"sig1={member(LISTED.replace(covered, instead))}")
    assert error.code == "COMPONENT_MISSING"
    assert covered.strip() in error.detail


def test_a_body_without_a_type_is_refused() -> None:
    fields = signed_fields(body_fields())
    del fields["content-type"]
    with pytest.raises(RequestError, match=r'^COMPONENT_MISSING: "content-type"'):
        parse_request_signature(request_with(fields))


@pytest.mark.parametrize("name", ["created", "nonce", "keyid"])
def test_a_parameter_must_be_there(name: str) -> None:
    absent: dict[str, str | None] = {name: None}
    error = refusal(f"sig1={member(**absent)}")
    assert (error.code, error.detail) == ("COMPONENT_MISSING", f"the parameter {name} is absent")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("created", '"1795348800"'),
        ("created", "1795348800.5"),
        ("created", "?0"),
        ("expires", '"5"'),
        ("expires", "5.5"),
        ("alg", "ed25519"),
        ("keyid", "k"),
        ("keyid", '""'),
        ("keyid", f'"{"k" * 65}"'),
        ("nonce", "AAECAwQFBgcICQoLDA0ODw"),
        ("nonce", '""'),
        ("nonce", f'"{"A" * 21}"'),
        ("nonce", f'"{"A" * 25}"'),
        ("nonce", f'"{"A" * 65}"'),
        ("nonce", f'"{"A" * 22}=="'),
        ("nonce", f'"{"A" * 21}+"'),
        ("nonce", f'"{"A" * 22}\\""'),
        ("unknown", "1"),
    ],
)
def test_a_parameter_of_another_form_is_refused(name: str, text: str) -> None:
    error = refusal(f"sig1={member(**{name: text})}")
    assert error.code == "SIGNATURE_MALFORMED"
    assert name in error.detail
    assert text.strip('"') not in error.detail or len(text) < 4


@pytest.mark.parametrize("nonce", ["_" * 22, "-" * 23, "a" * 24, "Z" * 26, "9" * 64])
def test_a_nonce_is_16_to_48_bytes_of_base64url(nonce: str) -> None:
    assert parse("sig1=" + member(nonce=f'"{nonce}"')).nonce == nonce


@pytest.mark.parametrize(
    ("signature_input", "signature"),
    [
        pytest.param(
            f"a={member()}, b={member()}", f"a={SIGNATURE}, b={SIGNATURE}", id="two of ours"
        ),
        pytest.param(f"sig1={member()}, sig1={member()}", f"sig1={SIGNATURE}", id="label twice"),
        pytest.param(f"sig1={member()};created=1", f"sig1={SIGNATURE}", id="parameter twice"),
        pytest.param(f'sig1=1;tag="{TAG}"', f"sig1={SIGNATURE}", id="no list"),
        pytest.param(
            "sig1=" + member(f"{LISTED[:-1]} {LISTED[1:]}"),
            f"sig1={SIGNATURE}",
            id="repeated",
        ),
        pytest.param(f"sig1={member()}", "sig1=AAAA", id="signature is a token"),
        pytest.param(f"sig1={member()}", "sig1=:AAAA", id="signature without an end"),
        pytest.param(f"sig1={member()}", "sig1=:AAA:", id="signature without padding"),
        pytest.param(f"sig1={member()}", f"sig1={SIGNATURE};x=1", id="signature with a parameter"),
        pytest.param(f"sig1={member()}", f"sig1={SIGNATURE};x={SIGNATURE}", id="one in another"),
        pytest.param(f"sig1={member()}", f"sig1={'0' * 128}", id="signature in hexadecimal"),
        pytest.param(
            "sig1=" + member(LISTED.replace(")", ' "signature-input";key="sig1")')),
            f"sig1={SIGNATURE}",
            id="covers itself",
        ),
        pytest.param(
            "sig1=" + member(LISTED.replace(")", ' "' + "x" * 900 + '")')),
            f"sig1={SIGNATURE}",
            id="longer than 1024 characters",
        ),
        pytest.param(
            f"{'s' * 65}={member()}", f"{'s' * 65}={SIGNATURE}", id="label over 64 characters"
        ),
    ],
)
def test_fields_that_cannot_be_read_are_refused(signature_input: str, signature: str) -> None:
    assert refusal(signature_input, signature=signature).code == "SIGNATURE_MALFORMED"


def test_a_target_with_a_line_break_is_refused() -> None:
    with pytest.raises(RequestError, match=r'^SIGNATURE_MALFORMED: "@path"'):
        signed_fields(body_fields(), path='/v1\n"@query": ?')


def test_a_key_id_outside_ascii_cannot_be_signed() -> None:
    with pytest.raises(RequestError, match="printable ASCII"):
        request_signature_headers(
            request_with(body_fields()), signer=SIGNERS["ed25519"], created=1, nonce="测试甲"
        )


def test_nothing_of_a_request_is_printed() -> None:
    request = request_with(body_fields(), path="/secret", query="?secret", method="POST")
    signature = parse_request_signature(
        request_with(
            {**signed_fields({**body_fields(), "x": "secret"}, path="/secret"), "x": "secret"},
            path="/secret",
        )
    )
    assert "secret" not in repr(request) + repr(signature) + str(signature)
