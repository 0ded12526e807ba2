# SPDX-License-Identifier: Apache-2.0
"""What is fuzzed: every parser that reads what somebody else wrote, as functions of bytes.

1. A target raises nothing for any bytes: it lets pass what its parser documents, and asserts that
   what was read is written, and read again, as the same.
2. Nothing here needs a fuzzer: `tests.fuzz.run` feeds the targets with coverage-guided input, and
   `test_targets` with their seeds.
"""

import asyncio
import contextlib
import json
from collections.abc import Callable
from typing import Any, Final

import msgspec

from gateway.errors import GatewayError, RequestError, SetupError, TrustError
from gateway.exchange.body import parse_lookup
from gateway.explain.capture import parse_capture
from gateway.httpsig import SignedRequest, parse_request_signature, sfv, signature_base
from gateway.model.agency_file import format_agency, parse_agency
from gateway.tlog.bundle import format_bundle, parse_bundle
from gateway.tlog.checkpoint import format_checkpoint, parse_checkpoint
from gateway.tlog.note import format_note, format_vkey, parse_note, parse_vkey
from gateway.tlog.policy import parse_policy
from gateway.tlog.proof import format_proof, parse_proof
from gateway.tlog.tile import format_tile_path, parse_tile_path
from tests.unit.sdk.wire import heard

Target = Callable[[bytes], None]


def fuzz_fields(content: bytes) -> None:
    """A dictionary of structured fields; what was read is printed in its one spelling."""
    lines = content.decode("latin-1").split("\n")
    try:
        members = sfv.parse_dictionary(lines, field="f")
    except RequestError:
        return
    written = sfv.format_dictionary(members)
    assert sfv.parse_dictionary([written], field="f") == members
    for member in members.values():
        if member.value.startswith("("):
            sfv.parse_items(member.value)
        for parse in (sfv.parse_string, sfv.parse_bytes, sfv.parse_integer):
            with contextlib.suppress(RequestError):
                parse(member.value, "value")


def fuzz_request(content: bytes) -> None:
    """Method, authority, path, query, then fields, one to a line: a signed request."""
    lines = content.decode("latin-1").split("\n")
    method, authority, path, query, *rest = [*lines, "", "", "", ""]
    fields = [line.partition(": ") for line in rest]
    request = SignedRequest(
        method=method,
        authority=authority,
        path=path,
        query=query,
        lines=lambda name: tuple(value for key, _, value in fields if key.lower() == name),
        has_body=True,
    )
    try:
        signature = parse_request_signature(request)
    except RequestError:
        return
    base = signature_base(signature).decode("ascii")
    assert base.endswith(f'"@signature-params": {signature.member}')
    assert base.count("\n") == len(signature.components)
    text = f"{signature.label}={signature.member}"
    assert sfv.parse_dictionary([text], field="f")[signature.label].text == signature.member


def fuzz_body(content: bytes) -> None:
    """A lookup; what is accepted, Python's own parser reads likewise and finds no repetition."""
    try:
        request = parse_lookup(content)
    except RequestError:
        return
    whole = json.loads(content, object_pairs_hook=_unique)
    assert msgspec.convert(whole, type(request)) == request
    assert parse_lookup(msgspec.json.encode(request)) == request


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    assert len(members) == len(pairs)
    return members


def fuzz_answer(content: bytes) -> None:
    """A department's HTTP answer; it means the same whether it comes at once or byte by byte."""

    async def compare() -> None:
        assert await heard([bytes([byte]) for byte in content]) == await heard([content])

    asyncio.run(compare())


def fuzz_note(content: bytes) -> None:
    """A signed note, and the checkpoint in it."""
    try:
        note = parse_note(content)
        assert format_note(note) == content
        assert format_checkpoint(parse_checkpoint(note.text)) == note.text
    except TrustError:
        return


def fuzz_proof(content: bytes) -> None:
    """A proof, a bundle of entries, or a policy."""
    with contextlib.suppress(TrustError):
        assert format_proof(parse_proof(content)) == content
    with contextlib.suppress(TrustError):
        assert format_bundle(parse_bundle(content)) == content
    with contextlib.suppress(SetupError):
        policy = parse_policy(content)
        assert policy.satisfied([witness.name for witness in policy.witnesses])


def fuzz_names(content: bytes) -> None:
    """The path of a tile, or the text of a verifier key."""
    text = content.decode("utf-8", "replace")
    with contextlib.suppress(TrustError):
        assert format_tile_path(parse_tile_path(text)) == text
    with contextlib.suppress(TrustError):
        key = parse_vkey(text)
        raw_key = sfv.parse_bytes(f":{text.split('+', 2)[2]}:", "key")[1:]
        assert format_vkey(key.name, raw_key) == text


def fuzz_agency(content: bytes) -> None:
    """The file of an agency; what the formatter writes is read as the same."""
    try:
        agency = parse_agency(content.decode("utf-8", "replace"))
    except msgspec.DecodeError:
        return
    assert parse_agency(format_agency(agency)) == agency


def fuzz_capture(content: bytes) -> None:
    """A request that somebody caught, or a curl line."""
    try:
        capture = parse_capture(content, name="capture", read_file=lambda _: b"{}")
    except SetupError:
        return
    with contextlib.suppress(GatewayError):
        parse_request_signature(capture.view())


TARGETS: Final[dict[str, Target]] = {
    "fields": fuzz_fields,
    "request": fuzz_request,
    "answer": fuzz_answer,
    "body": fuzz_body,
    "note": fuzz_note,
    "proof": fuzz_proof,
    "names": fuzz_names,
    "agency": fuzz_agency,
    "capture": fuzz_capture,
}
