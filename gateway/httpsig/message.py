# SPDX-License-Identifier: Apache-2.0
"""Messages as a signature sees them (RFC 9421 §2), and the signature that a request bears.

Neither prints what it holds: a path, a query or a field may carry what nobody should log.
"""

import msgspec

from gateway.httpsig.component import Component, FieldLines


class SignedRequest(msgspec.Struct, frozen=True):
    """A request as it came in, before any decoding.

    Attributes:
        method: as sent; case matters.
        authority: lower-case host, with the port unless it is the scheme's default.
        path: raw, percent-escapes untouched; never empty.
        query: raw with its `?`; `?` alone when there is none.
        lines: the fields.
        has_body: whether content follows.
    """

    method: str
    authority: str
    path: str
    query: str
    lines: FieldLines
    has_body: bool

    def __repr__(self) -> str:
        return f"SignedRequest({self.method})"


class SignedResponse(msgspec.Struct, frozen=True):
    """A response as it came in.

    Attributes:
        status: three digits.
        lines: the fields.
    """

    status: str
    lines: FieldLines

    def __repr__(self) -> str:
        return f"SignedResponse({self.status})"


class RequestSignature(msgspec.Struct, frozen=True):
    """The one signature of a request under this profile; parsed, not yet verified.

    Attributes:
        label: its key in Signature-Input; not signed itself.
        listed: the inner list of the components, as `member` begins.
        components: what is covered, in the signer's order.
        values: the value of each component in this request.
        member: the inner list with its parameters in the order received: `@signature-params`.
        created: UNIX seconds.
        expires: UNIX seconds, or None; the caller enforces it.
        nonce: base64url text.
        keyid: names the key.
        alg: the algorithm that the signer states, or None.
        value: the signature's bytes, of any length.
        request: what it is on.
    """

    label: str
    listed: str
    components: tuple[Component, ...]
    values: tuple[str, ...]
    member: str
    created: int
    expires: int | None
    nonce: str
    keyid: str
    alg: str | None
    value: bytes
    request: SignedRequest

    def __repr__(self) -> str:
        return f"RequestSignature({self.label}, keyid={self.keyid})"
