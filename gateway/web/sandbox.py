# SPDX-License-Identifier: Apache-2.0
"""What a sandbox tells besides: the signature base as the gateway built it (RFC 9421 §2.5).

Integrators compare it with their own. It covers header fields and a digest, so it holds nobody's
data; a gateway in production still keeps it to itself.
"""

from collections.abc import Callable
from typing import Final

from gateway.errors import RequestError
from gateway.httpsig import SignedRequest, parse_request_signature, signature_base

#: The checks of `gateway.errors.CHECKS` of who is asking, after the signature could be read.
_SHOWN_AT: Final = frozenset({"authority", "key", "agency", "created", "digest", "signature"})


def base_to_show(view: Callable[[], SignedRequest], error: RequestError) -> str | None:
    """The base of a request that was refused; None where it has none, or where it does not help.

    Args:
        view: the request; asked for only where it could be read.
    """
    if error.refusal.check not in _SHOWN_AT:
        return None
    try:
        return signature_base(parse_request_signature(view())).decode("ascii")
    except RequestError:
        return None
