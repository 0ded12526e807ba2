# SPDX-License-Identifier: Apache-2.0
"""The checks that a gateway makes of who is asking, in its order, over a capture.

What only a running gateway knows is left out: whether the agency is active, the nonce new.
"""

from typing import Final

import msgspec

from gateway.crypto.keys import Verifier
from gateway.errors import CHECKS, GatewayError, RequestError
from gateway.explain.capture import Capture
from gateway.httpsig import (
    RequestSignature,
    parse_request_signature,
    signature_base,
    verify_content_digest,
)

#: Those of `gateway.errors.CHECKS` that can be made of a capture.
INSPECTED: Final = (
    "signature_input",
    "coverage",
    "authority",
    "key",
    "created",
    "digest",
    "signature",
)


class Rules(msgspec.Struct, frozen=True):
    """What the request is held against.

    Attributes:
        verifier: the key that is registered under its keyid.
        others: keys that it might have been signed with by mistake, by name.
        authority: the published host name; None takes any.
        at_s: UNIX seconds at which it arrived; None leaves time out.
        window_s: largest |at - created|.
    """

    verifier: Verifier
    others: tuple[tuple[str, Verifier], ...] = ()
    authority: str | None = None
    at_s: float | None = None
    window_s: int = 60


class Failure(msgspec.Struct, frozen=True):
    """The first check that does not pass.

    Attributes:
        signature: as far as it could be parsed.
    """

    error: GatewayError
    signature: RequestSignature | None

    @property
    def rank(self) -> int:
        """How far the request came."""
        return CHECKS.index(self.error.refusal.check)


def inspect(capture: Capture, rules: Rules) -> Failure | None:
    """Run the checks; None when all pass."""
    signature = None
    try:
        signature = parse_request_signature(capture.view())
        _check_authority(signature, rules)
        if signature.alg not in {None, rules.verifier.algorithm}:
            raise RequestError("KEY_INACTIVE", f"alg is not {rules.verifier.algorithm}")
        _check_time(signature, rules)
        verify_content_digest(capture.lines("content-digest"), capture.body)
        rules.verifier.verify(signature.value, signature_base(signature))
    except GatewayError as error:
        return Failure(error, signature)
    return None


def passes_further(capture: Capture, rules: Rules, failure: Failure) -> bool:
    """Whether a mended capture comes further than the one that failed."""
    left = inspect(capture, rules)
    return left is None or left.rank > failure.rank


def _check_authority(signature: RequestSignature, rules: Rules) -> None:
    if rules.authority is not None and signature.request.authority != rules.authority.lower():
        raise RequestError("AUTHORITY_UNKNOWN", f"the gateway is {rules.authority.lower()}")


def _check_time(signature: RequestSignature, rules: Rules) -> None:
    if rules.at_s is None:
        return
    skew_s = rules.at_s - signature.created
    if abs(skew_s) > rules.window_s:
        where = "past" if skew_s > 0 else "future"
        raise RequestError("TIMESTAMP_EXPIRED", f"created lies {abs(skew_s):.0f} s in the {where}")
    if signature.expires is not None and signature.expires < rules.at_s:
        raise RequestError("TIMESTAMP_EXPIRED", "expires has passed")
