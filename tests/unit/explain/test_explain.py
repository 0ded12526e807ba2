# SPDX-License-Identifier: Apache-2.0
"""Each mistake, really made, is named."""

import re
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from gateway.explain.causes import CAUSES
from gateway.explain.explain import compare_bases, explain
from gateway.explain.inspect import Key
from tests.unit.explain.mistakes import (
    BODY,
    COVERED,
    EDWARDS,
    NOW_S,
    OTHER,
    RULES,
    Client,
    b64,
    digest_of,
)

PAGE = Path(__file__).parents[3] / "docs/how-to/mend-a-signature.md"
RIGHT = Client()
SORTED = msgspec.json.encode(msgspec.json.decode(BODY), order="sorted")
HEX = sha256(BODY).hexdigest()
UNCOVERED_QUERY = tuple(name for name in COVERED if name != "@query")


def der(value: bytes) -> str:
    r, s = int.from_bytes(value[:32], "big"), int.from_bytes(value[32:], "big")
    return f":{b64(encode_dss_signature(r, s))}:"


def base64url(content: bytes) -> str:
    return b64(content).replace("+", "-").replace("/", "_").rstrip("=")


def parameters(old: str, new: str) -> str:
    assert re.search(old, RIGHT.parameters)
    return re.sub(old, new, RIGHT.parameters)


def created(at_s: float) -> str:
    return parameters(r"created=\d+", f"created={at_s}")


def reformatted(indent: int) -> bytes:
    return msgspec.json.format(BODY, indent=indent)


MISTAKES: list[tuple[str, dict[str, Any]]] = [
    ("signature-missing", {"fields": {"signature": None}}),
    ("signature-missing", {"fields": {"signature-input": None}}),
    ("label-mismatch", {"label": "sig"}),
    ("tag-unknown", {"parameters": parameters(';tag="yizheng-v1"', "")}),
    ("tag-unknown", {"parameters": parameters("yizheng-v1", "yizheng")}),
    ("quotes-missing", {"parameters": parameters('"k-1"', "k-1")}),
    ("quotes-missing", {"listed": lambda names: names.replace('"', "")}),
    ("list-commas", {"listed": lambda names: names.replace(" ", ", ")}),
    ("component-case", {"listed": lambda names: names.replace("content-type", "Content-Type")}),
    ("component-unsupported", {"listed": lambda names: names.replace(")", ' "@target-uri")')}),
    ("component-missing", {"covered": UNCOVERED_QUERY}),
    ("field-missing", {"fields": {"content-digest": None}}),
    ("parameter-missing", {"parameters": parameters(r';nonce="\w+"', "")}),
    ("parameter-unknown", {"parameters": f'{RIGHT.parameters};context="a"'}),
    ("nonce-short", {"parameters": parameters('nonce="[^"]*"', 'nonce="12345678"')}),
    ("nonce-alphabet", {"parameters": parameters('nonce="[^"]*"', f'nonce="{"+/A=" * 6}"')}),
    ("created-form", {"parameters": created(NOW_S + 0.5)}),
    ("created-form", {"parameters": parameters(r"created=(\d+)", r'created="\1"')}),
    ("signature-colons", {"signature": b64}),
    ("signature-colons", {"signature": lambda value: f'"{b64(value)}"'}),
    ("signature-base64url", {"signature": lambda value: f":{base64url(value)}:"}),
    ("authority-port", {"host": "gateway.example:8080"}),
    ("authority-port", {"values": {"@authority": "gateway.example:80"}}),
    ("authority-other", {"host": "10.0.0.7"}),
    ("authority-other", {"values": {"@authority": "127.0.0.1"}}),
    ("authority-case", {"host": "Gateway.Example"}),
    ("alg-wrong", {"parameters": parameters("ecdsa-p256-sha256", "ES256")}),
    ("key-unknown", {"parameters": parameters("k-1", "K-1")}),
    ("key-inactive", {"parameters": parameters("k-1", "k-revoked")}),
    ("key-inactive", {"parameters": parameters("k-1", "k-past")}),
    ("agency-disabled", {"parameters": parameters("k-1", "k-disabled")}),
    ("created-milliseconds", {"parameters": created(NOW_S * 1000)}),
    ("clock-time-zone", {"parameters": created(NOW_S + 8 * 3600 + 3)}),
    ("clock-off", {"parameters": created(NOW_S - 400)}),
    ("expires-passed", {"parameters": f"{RIGHT.parameters};expires={NOW_S - 1}"}),
    ("digest-hex", {"content_digest": f"sha-256=:{HEX}:"}),
    ("digest-hex", {"content_digest": f"sha-256={HEX}"}),
    ("digest-hex-in-base64", {"content_digest": f"sha-256=:{b64(HEX.encode())}:"}),
    ("digest-base64url", {"content_digest": f"sha-256=:{base64url(sha256(BODY).digest())}:"}),
    ("digest-colons", {"content_digest": f"sha-256={b64(sha256(BODY).digest())}"}),
    ("digest-algorithm", {"content_digest": f"SHA-256={b64(sha256(BODY).digest())}"}),
    ("digest-empty", {"content_digest": digest_of(b"")}),
    ("body-newline", {"content_digest": digest_of(BODY + b"\n")}),
    ("body-newline", {"sent_body": BODY + b"\n"}),
    ("body-reserialised", {"sent_body": reformatted(0)}),
    ("body-reserialised", {"content_digest": digest_of(reformatted(2))}),
    ("body-reserialised", {"content_digest": digest_of(SORTED)}),
    ("body-reserialised", {"content_digest": digest_of(
        BODY.decode().encode("ascii", "backslashreplace"))}),
    ("body-charset", {"content_digest": digest_of(BODY.decode().encode("gb18030"))}),
    ("body-other", {"content_digest": digest_of(b"{}")}),
    ("signature-hex", {"signature": lambda value: f":{value.hex()}:"}),
    ("signature-der", {"signature": der}),
    ("key-other", {"private": OTHER}),
    ("key-other", {"private": EDWARDS, "parameters": parameters(';alg="[^"]*"', "")}),
    ("method-case", {"values": {"@method": "post"}}),
    ("path-rewritten", {"sent_target": "/lookups"  # a proxy took the prefix away
                        , "target": "/v1/lookups"}),
    ("path-rewritten", {"target": "/v1/lookups", "sent_target": "/gateway/v1/lookups"}),
    ("path-form", {"values": {"@path": "http://gateway.example/v1/lookups"}}),
    ("path-form", {"target": "/v1/lookups?a=1", "values": {"@path": "/v1/lookups?a=1"}}),
    ("query-mark", {"values": {"@query": ""}}),
    ("target-reencoded", {"target": "/v1/lookups?a=b%20c", "sent_target": "/v1/lookups?a=b+c"}),
    ("field-rewritten", {"fields": {"content-type": "application/json; charset=utf-8"}}),
    ("components-order", {"base": lambda base: "\n".join(
        [*sorted(base.split("\n")[:-1]), base.split("\n")[-1]])}),
    ("parameters-rewritten", {"base": lambda base: base.replace('params": ', 'params": sig1=')}),
    ("parameters-rewritten", {"base": lambda base: base.replace(';alg="ecdsa-p256-sha256"', "")}),
    ("parameters-unsigned", {"base": lambda base: base.rpartition("\n")[0]}),
    ("base-newline", {"base": lambda base: base + "\n"}),
    ("base-crlf", {"base": lambda base: base.replace("\n", "\r\n")}),
    ("base-form", {"base": lambda base: re.sub(r'(?m)^"([^"]+)"', r"\1", base)}),
    ("base-form", {"base": lambda base: base.replace('": ', '":')}),
    ("hashed-twice", {"message": lambda base: sha256(base).digest()}),
    ("body-signed", {"message": lambda _base: BODY}),
]  # fmt: skip


def test_a_request_that_is_right_verifies() -> None:
    report = explain(RIGHT.capture(), RULES)
    assert (report.check, report.cause) == ("", None)
    assert {result for _, result in report.checks} == {"passed"}


@pytest.mark.parametrize(
    ("cause", "changes"), MISTAKES, ids=[f"{n}-{c}" for n, (c, _) in enumerate(MISTAKES)]
)
def test_a_mistake_is_named(cause: str, changes: dict[str, Any]) -> None:
    report = explain(msgspec.structs.replace(RIGHT, **changes).capture(), RULES)
    assert report.check
    assert report.cause is not None, report.detail
    assert report.cause.id == cause


def test_all_causes_are_made_by_the_table() -> None:
    assert {cause for cause, _ in MISTAKES} == CAUSES.keys()


def test_every_cause_has_its_paragraph() -> None:
    headings = re.findall(r"^### `([a-z0-9-]+)`", PAGE.read_text(), re.MULTILINE)
    assert headings == [*CAUSES]


@pytest.mark.parametrize("cause", CAUSES.values(), ids=lambda cause: cause.id)
def test_every_cause_speaks_both_languages(cause: Any) -> None:
    for text in (cause.title, cause.mend):
        assert text.en.isascii()
        assert re.search(r"[\u4e00-\u9fff]", text.zh)


def test_the_first_byte_that_differs_is_shown() -> None:
    client = msgspec.structs.replace(RIGHT, values={"@method": "post"})
    difference = explain(client.capture(), RULES).difference
    assert difference is not None
    assert (difference.line, difference.column) == (1, 12)
    assert difference.at_byte == len('"@method": ')
    assert (difference.gateway, difference.signed) == ('"@method": POST\\n', '"@method": post\\n')


def test_bases_of_which_one_is_longer_differ_at_its_end() -> None:
    difference = compare_bases(b"a\nb", b"a\nb\n")
    assert difference is not None
    assert (difference.at_byte, difference.line, difference.column) == (3, 2, 2)
    assert compare_bases(b"a", b"a") is None


@pytest.mark.parametrize(
    ("line", "cause"),
    [
        ("@path", "path-rewritten"),
        ("content-type", "field-rewritten"),
        ("@query", "target-reencoded"),
    ],
)
def test_the_callers_own_base_names_what_no_suspicion_finds(line: str, cause: str) -> None:
    client = msgspec.structs.replace(RIGHT, values={line: "/what/nobody/guesses"})
    assert explain(client.capture(), RULES).cause is None
    report = explain(client.capture(), RULES, their_base=client.signed_base() + b"\n")
    assert report.cause is not None
    assert report.cause.id == cause
    assert report.difference is not None
    assert "/what/nobody/guesses" in report.difference.signed


@pytest.mark.parametrize(("keyid", "check"), [("k-past", ""), ("k-revoked", "key")])
def test_without_a_time_only_revoked_keys_are_not_valid(keyid: str, check: str) -> None:
    client = msgspec.structs.replace(RIGHT, parameters=parameters("k-1", keyid))
    timeless = msgspec.structs.replace(RULES, at_s=None)
    assert explain(client.capture(), timeless).check == check


def test_an_agency_that_is_not_known_is_not_called_active() -> None:
    def checks(**changes: Any) -> set[str]:
        report = explain(RIGHT.capture(), msgspec.structs.replace(RULES, **changes))
        return {name for name, _ in report.checks}

    assert checks() - checks(knows_agencies=False) == {"agency"}


def test_what_no_suspicion_finds_has_no_cause() -> None:
    rules = msgspec.structs.replace(RULES, key_of=lambda _: Key(RULES.others[0]), others=())
    report = explain(RIGHT.capture(), rules)
    assert (report.check, report.cause) == ("signature", None)
    assert report.signature_base is not None
