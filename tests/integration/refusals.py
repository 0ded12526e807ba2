# SPDX-License-Identifier: Apache-2.0
"""The table of requests that are wrong in one way each, and what the gateway must say.

A case makes its bytes from a world and a citizen. `known` says that the caller was identified: the
refusal is then signed and recorded.
"""

import time
from collections.abc import Callable
from typing import Any

import msgspec

from fixtures.citizens import Citizen
from fixtures.world import World
from gateway.crypto.keys import generate_private_key, load_signer
from tests.integration.wire import COVERED, Draft, lookup_body, sign

Make = Callable[[World, Citizen], Draft]
encode = msgspec.json.encode
replace = msgspec.structs.replace


class Case(msgspec.Struct, frozen=True):
    """One way to be wrong.

    Attributes:
        words: what the `detail` has to say.
    """

    name: str
    make: Make
    status: int
    code: str
    words: str = ""
    known: bool = False


def body(world: World, citizen: Citizen, **changes: Any) -> bytes:
    """A permitted request that also gives the citizen's name."""
    document = lookup_body(world, citizen.id_number, **changes)
    document["holder"]["name"] = citizen.name
    return encode(document)


def asking(**changes: Any) -> Make:
    """A signed request with these changes."""
    return lambda world, citizen: sign(world, body(world, citizen, **changes))


def signing(**options: Any) -> Make:
    """A permitted request that is signed in another way."""
    return lambda world, citizen: sign(world, body(world, citizen), **options)


def framing(spoil: Callable[[Draft], Draft]) -> Make:
    """A signed request that is spoiled on its way."""
    return lambda world, citizen: spoil(sign(world, body(world, citizen)))


def merging(**members: Any) -> Make:
    """A signed request with members that no `LookupRequest` can hold."""
    return lambda world, citizen: sign(
        world, encode({**lookup_body(world, citizen.id_number), **members})
    )


def holding(member: str) -> Make:
    """The citizen's number or name where it would be recorded."""

    def make(world: World, citizen: Citizen) -> Draft:
        text = citizen.name if member == "purpose" else citizen.id_number
        return sign(world, body(world, citizen, **{f"attribution__{member}": f"核验 {text}"}))

    return make


def of_time(skew_s: int) -> Make:
    """A signature whose `created` lies that many seconds from now."""
    return lambda world, citizen: sign(
        world, body(world, citizen), created=int(time.time()) + skew_s
    )


def of_stranger(world: World, citizen: Citizen) -> Draft:
    key = load_signer(generate_private_key("ecdsa-p256-sha256"), "yq-gjj-p256")
    return sign(world, body(world, citizen), signer=key)


def with_wrong_check_digit(world: World, citizen: Citizen) -> Draft:
    last = "1" if citizen.id_number[17] != "1" else "2"
    document = lookup_body(world, citizen.id_number[:17] + last)
    return sign(world, encode(document))


def chunked(draft: Draft) -> Draft:
    """The same body in one chunk."""
    framed = f"{len(draft.body):x}\r\n".encode() + draft.body + b"\r\n0\r\n\r\n"
    return replace(draft.with_fields(Transfer_Encoding="chunked"), body=framed)


def enlarged(world: World, citizen: Citizen) -> Draft:
    return sign(world, body(world, citizen) + b" " * 65536)


def operator(**changes: str) -> dict[str, Any]:
    return {"attribution__operator": {"id": "yq-0417", "name": "测试经办"} | changes}


CASES = (
    # framing and target
    Case("HTTP/1.0", framing(lambda d: replace(d, version="HTTP/1.0")),
         400, "HTTP_UNACCEPTABLE", "version"),
    Case("absolute-form", framing(lambda d: replace(d, target=f"http://x.example{d.target}")),
         400, "HTTP_UNACCEPTABLE", "origin-form"),
    Case("dot segments", framing(lambda d: replace(d, target="/v1/%2e%2e/v1/lookups")),
         400, "HTTP_UNACCEPTABLE", "dot segments"),
    Case("both framings", framing(lambda d: d.with_fields(
        Content_Length=str(len(d.body)), Transfer_Encoding="chunked")),
         400, "HTTP_UNACCEPTABLE", "parse"),
    Case("path", framing(lambda d: replace(d, target="/v2/lookups")), 404, "PATH_UNKNOWN"),
    Case("method", framing(lambda d: replace(d, method="PUT")), 405, "METHOD_UNSUPPORTED", "POST"),
    Case("content type", signing(fields={"Content-Type": "text/plain"}),
         415, "CONTENT_TYPE_UNSUPPORTED"),
    Case("too large", enlarged, 413, "BODY_TOO_LARGE"),
    # who is asking
    Case("no signature", framing(lambda d: d.without_fields("Signature", "Signature-Input")),
         401, "SIGNATURE_MISSING", "Signature-Input"),
    Case("signature in hex", framing(lambda d: d.with_fields(Signature="sig1=0a0b")),
         400, "SIGNATURE_MALFORMED", "Signature"),
    *(Case(f"{name} not covered", signing(covered=[c for c in COVERED if c != name]),
           400, "COMPONENT_MISSING", name) for name in COVERED),
    Case("authority", signing(fields={"Host": "other.example"}), 421, "AUTHORITY_UNKNOWN"),
    Case("key", signing(keyid="nobody"), 401, "KEY_UNKNOWN"),
    Case("old", of_time(-90),
         401, "TIMESTAMP_EXPIRED", "past"),
    Case("from the future", of_time(+90),
         401, "TIMESTAMP_EXPIRED", "future"),
    Case("digest in hex", signing(fields={"Content-Digest": f"sha-256={'0a' * 32}"}),
         400, "DIGEST_MALFORMED", "hexadecimal"),
    Case("altered body", framing(
        lambda d: replace(d, body=d.body.replace(b"valid_to", b"sex_code"))),
         400, "DIGEST_MISMATCH"),
    Case("wrong signature", of_stranger, 401, "SIGNATURE_INVALID"),
    # what is asked
    Case("not JSON", lambda w, c: sign(w, f'{{"holder": "{c.id_number}{c.name}'.encode()),
         400, "BODY_MALFORMED", "JSON", known=True),
    Case("unknown member", merging(colour="red"), 400, "BODY_MALFORMED", "colour", known=True),
    Case("wrong type", merging(certificate=7), 400, "BODY_MALFORMED", "$.certificate", known=True),
    *(Case(f"personal data in {member}", holding(member),
           422, "ATTRIBUTION_PERSONAL", f"attribution.{member}", known=True)
      for member in ("purpose", "case", "item")),
    Case("check digit", with_wrong_check_digit,
         422, "HOLDER_INVALID", "check_digit", known=True),
    Case("certificate", asking(certificate="public_security.nothing"),
         422, "CERTIFICATE_UNKNOWN", known=True),
    Case("item", asking(attribution__item="yq-none-001"), 422, "ITEM_UNKNOWN", known=True),
    Case("item without need",
         asking(certificate="housing_fund.account", attribution__item="yq-hj-005"),
         403, "ITEM_LACKS_CERTIFICATE", known=True),
    Case("operator", asking(**operator(id="yq-9999")), 403, "OPERATOR_UNKNOWN", known=True),
    Case("placeholder operator", asking(**operator(name="管理员")),
         422, "OPERATOR_PLACEHOLDER", "name", known=True),
    Case("placeholder purpose", asking(attribution__purpose="测试"),
         422, "PURPOSE_PLACEHOLDER", known=True),
    Case("case", asking(attribution__case="案 1"), 422, "CASE_MALFORMED", known=True),
    # may they
    Case("item of no grant", asking(attribution__item="yq-hj-005"),
         403, "ITEM_NOT_GRANTED", known=True),
    Case("field", asking(fields=("name", "shoe_size")), 422, "FIELD_UNKNOWN", known=True),
    Case("field not granted", asking(fields=("household_address",)),
         403, "FIELD_NOT_GRANTED", "household_address", known=True),
    Case("too long to record", asking(fields=tuple(f"{n:02}" + "证" * 38 for n in range(32))),
         422, "ENTRY_TOO_LARGE", known=True),
)  # fmt: skip

#: Other ways to the same refusal as one of the table.
VARIANTS = (
    Case("too large, chunked", lambda w, c: chunked(enlarged(w, c)), 413, "BODY_TOO_LARGE"),
    Case("other coding", framing(lambda d: d.with_fields(Transfer_Encoding="gzip, chunked")),
         400, "HTTP_UNACCEPTABLE"),
    Case("two hosts", framing(lambda d: replace(d, version="HTTP/1.1\r\nHost: x.example")),
         400, "HTTP_UNACCEPTABLE"),
    Case("fragment", framing(lambda d: replace(d, target="/v1/lookups#x")),
         400, "HTTP_UNACCEPTABLE"),
    Case("number in the path", lambda w, c: replace(
        sign(w, body(w, c)), target=f"/v1/lookups/{c.id_number}"), 404, "PATH_UNKNOWN"),
    Case("number as method", lambda w, c: replace(sign(w, body(w, c)), method=c.id_number),
         400, "HTTP_UNACCEPTABLE"),
    Case("number as field", lambda w, c: sign(w, body(w, c, fields=(c.id_number,))),
         422, "ATTRIBUTION_PERSONAL", known=True),
    Case("number as member", lambda w, c: merging(**{c.id_number: 1})(w, c),
         400, "BODY_MALFORMED", known=True),
    Case("number as scheme", lambda w, c: sign(w, encode(lookup_body(
        w, c.id_number) | {"holder": {"scheme": c.id_number, "number": c.id_number}})),
         400, "BODY_MALFORMED", known=True),
    Case("number as keyid", lambda w, c: signing(keyid=c.id_number)(w, c), 401, "KEY_UNKNOWN"),
    Case("name as content type", lambda w, c: sign(w, body(w, c), fields={
        "Content-Type": f"text/{c.id_number}"}), 415, "CONTENT_TYPE_UNSUPPORTED"),
    Case("altered body with its digest", lambda w, c: sign(w, body(w, c)).with_fields(
        Content_Digest=sign(w, b"{}").fields["Content-Digest"]), 400, "DIGEST_MISMATCH"),
    Case("second signature of ours", framing(lambda d: d.with_fields(
        Signature_Input=f"{d.fields['Signature-Input']}, x={d.fields['Signature-Input'][5:]}")),
         400, "SIGNATURE_MALFORMED"),
    Case("empty purpose", asking(attribution__purpose=""), 422, "PURPOSE_PLACEHOLDER", known=True),
    Case("no fields", asking(fields=()), 422, "FIELD_UNKNOWN", known=True),
)  # fmt: skip
