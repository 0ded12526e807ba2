# SPDX-License-Identifier: Apache-2.0
"""Signatures of delivered events: tag `yizheng-v1-event` (docs/reference/events.md).

Rules:

1. The signature covers method, authority, path, query, type, digest and `idempotency-key`. So it is
   for one receiver and one event; a tag of its own keeps it from being taken for another's request.
2. It states `created`, `keyid`, `alg`, `tag`. There is no nonce: the event's id is what a receiver
   remembers, since the same event may come again, signed anew.
"""

from typing import Final

from gateway.crypto.keys import Signer
from gateway.httpsig import sfv
from gateway.httpsig.base import format_base
from gateway.httpsig.component import parse_components, read_values
from gateway.httpsig.digest import content_digest
from gateway.httpsig.message import SignedRequest

EVENT_TAG: Final = "yizheng-v1-event"

_LABEL: Final = "gateway"
_LISTED: Final = (
    '("@method" "@authority" "@path" "@query" "content-type" "content-digest" "idempotency-key")'
)
_COMPONENTS: Final = parse_components(_LISTED, in_response=False)


def event_fields(
    body: bytes, *, authority: str, path: str, query: str, key: str, signer: Signer, created: int
) -> dict[str, str]:
    """The fields of a POST that delivers an event.

    Args:
        body: the event, JSON.
        authority: lower-case host, with the port unless it is the scheme's own.
        path: raw, never empty.
        query: raw with its `?`; `?` alone when there is none.
        key: the event's id.
        signer: the gateway's key.
        created: UNIX seconds.
    """
    fields = {
        "Content-Type": "application/json",
        "Content-Digest": content_digest(body),
        "Idempotency-Key": sfv.format_string(key),
    }
    lines = {name.lower(): (value,) for name, value in fields.items()}
    request = SignedRequest(
        method="POST",
        authority=authority,
        path=path,
        query=query,
        lines=lambda name: lines.get(name, ()),
        has_body=True,
    )
    member = (
        f"{_LISTED};created={created};keyid={sfv.format_string(signer.keyid)}"
        f';alg="{signer.algorithm}";tag="{EVENT_TAG}"'
    )
    base = format_base(_LISTED, read_values(_COMPONENTS, request, request), member)
    return fields | {
        "Signature-Input": f"{_LABEL}={member}",
        "Signature": f"{_LABEL}={sfv.format_bytes(signer.sign(base))}",
    }
