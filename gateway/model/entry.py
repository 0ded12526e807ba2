# SPDX-License-Identifier: Apache-2.0
"""One audit entry (format v1, docs/reference/audit-entry.md): digests and decisions, no values.

Bytes are deterministic: members in the order below, no white space, UTF-8. At most
`MAX_ENTRY_BYTES` long. Truth is these bytes in the log; everything else is derived.
"""

from typing import Final, Literal

import msgspec

from gateway.model.lookup import Operation, ServedFrom

MAX_ENTRY_BYTES: Final = 4096
ENTRY_VERSION: Final = 1


class HolderMark(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A holder as the log may know it.

    Attributes:
        epoch: name of the key epoch, e.g. `2026-11`.
        scheme: `cn-id` or `cn-uscc`.
        ix: base64url HMAC-SHA-256 of scheme and number under the epoch's index key: equal holders
            of one epoch can be found, nobody without the key can guess.
        ct: base64url nonce ‖ AES-256-GCM of the number under the epoch's cipher key.
        masked: first three and last two characters.
    """

    epoch: str
    scheme: str
    ix: str
    ct: str
    masked: str


class DecisionMark(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What was decided, and by which rule."""

    result: Literal["permit", "deny"]
    rule: str


class RequestMark(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the caller signed.

    The body holds the holder's number and little else that the entry does not repeat. Its digest in
    clear, or the signature over it, would let whoever reads the log try numbers until one fits; so
    both stand under a key of this entry alone (ADR 0005).

    Attributes:
        epoch: name of the key epoch.
        signature_input: the signature's own member of Signature-Input, without its label.
        ct: base64url nonce ‖ AES-256-GCM of the body's SHA-256 (32 bytes) ‖ the signature's bytes.
    """

    epoch: str
    signature_input: str
    ct: str


class ResponseMark(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the gateway answered: lower-case hex SHA-256 of the body bytes."""

    digest: str


class Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One access, permitted or refused.

    Attributes:
        v: format version.
        kind: `lookup`; other records are in `gateway.model.act`.
        id: the request id that the caller was given.
        salt: 16 random bytes in base64url, so that a leaf hash cannot be guessed.
        mandate: by which somebody acted for the holder; left out where nobody said so.
        plan: id of the act that records the request on which this access was made: for all
            materials of a case, or the standing order by which a deferral is asked for again. Left
            out of a lookup by itself.
        time: RFC 3339 UTC with milliseconds, the worker's clock; order is by index, never by time.
        code: the refusal's code; None for an answer.
        adapter_ms: whole milliseconds that the department took; None where it was not asked.
    """

    v: int = ENTRY_VERSION
    kind: Literal["lookup"] = "lookup"
    id: str
    salt: str
    time: str
    agency: str
    keyid: str
    operator: str | None = None
    terminal: str | None = None
    division: str | None = None
    item: str | None = None
    case: str | None = None
    purpose: str | None = None
    mandate: str | msgspec.UnsetType = msgspec.UNSET
    plan: str | msgspec.UnsetType = msgspec.UNSET
    holder: HolderMark | None = None
    certificate: str | None = None
    operation: Operation | None = None
    fields_requested: tuple[str, ...] = ()
    fields_released: tuple[str, ...] = ()
    grant: str | None = None
    decision: DecisionMark
    outcome: str
    code: str | None = None
    served_from: ServedFrom | None = None
    as_of: str | None = None
    adapter: str | None = None
    adapter_ms: int | None = None
    request: RequestMark
    response: ResponseMark


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Entry).decode


def format_entry(entry: Entry) -> bytes:
    """Write the deterministic bytes of an entry."""
    return _encode(entry)


def parse_entry(line: bytes) -> Entry:
    """Read an entry and refuse bytes that `format_entry` would not have written.

    Raises:
        ValueError: not an entry, or not in the deterministic form. The text names no value.
    """
    try:
        entry = _decode(line)
    except msgspec.DecodeError as error:
        raise ValueError(f"not an audit entry: {type(error).__name__}") from None
    if _encode(entry) != line:
        raise ValueError("not in deterministic form")
    return entry
