# SPDX-License-Identifier: Apache-2.0
"""A signed request that is kept whole, so that its signature can be verified again later.

What an agency signed once may have to be done for it later, by another process. Whoever does it has
nothing to trust but the signature: all that it covers is kept, and nothing else of the request.
"""

from typing import Final

from gateway.httpsig.message import RequestSignature, SignedRequest
from gateway.model.order import KeptRequest

_SIGNATURE_FIELDS: Final = ("signature-input", "signature")


def keep_request(signature: RequestSignature, body: bytes) -> KeptRequest:
    """Keep the request of a signature that was verified.

    Args:
        body: that the signed digest is of.
    """
    request = signature.request
    covered = [each.name for each in signature.components if not each.name.startswith("@")]
    return KeptRequest(
        method=request.method,
        authority=request.authority,
        path=request.path,
        query=request.query,
        fields={name: tuple(request.lines(name)) for name in (*_SIGNATURE_FIELDS, *covered)},
        body=body,
    )


def kept_request(kept: KeptRequest) -> SignedRequest:
    """The request, to be parsed and verified as when it came."""
    return SignedRequest(
        method=kept.method,
        authority=kept.authority,
        path=kept.path,
        query=kept.query,
        lines=lambda name: kept.fields.get(name, ()),
        has_body=bool(kept.body),
    )
