# SPDX-License-Identifier: Apache-2.0
"""The checks that a gateway makes of who is asking, in its order, over a capture.

What only a running gateway knows is left out: whether the nonce is new. What a site says of keys
and agencies is checked where one is given.
"""

from collections.abc import Callable
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
    "agency",
    "created",
    "digest",
    "signature",
)


class Key(msgspec.Struct, frozen=True):
    """A key as it is registered.

    Attributes:
        not_before_s: UNIX seconds from which it is valid.
        not_after_s: UNIX seconds until which it is.
        is_agency_active: whether its agency is; None where that is not known.
    """

    verifier: Verifier
    not_before_s: float = float("-inf")
    not_after_s: float = float("inf")
    is_revoked: bool = False
    is_agency_active: bool | None = None

    def is_valid(self, at_s: float | None) -> bool:
        """Whether it may sign at `at_s`; without a time, whether it ever may."""
        is_in_time = at_s is None or self.not_before_s <= at_s <= self.not_after_s
        return is_in_time and not self.is_revoked


class Rules(msgspec.Struct, frozen=True):
    """What the request is held against.

    Attributes:
        key_of: the key that is registered under a keyid; None when there is none.
        others: keys that it might have been signed with by mistake.
        authorities: the published host names; empty takes any.
        at_s: UNIX seconds at which it arrived; None leaves time out.
        window_s: largest |at - created|.
        knows_agencies: whether the keys tell of their agencies.
    """

    key_of: Callable[[str], Key | None]
    others: tuple[Verifier, ...] = ()
    authorities: tuple[str, ...] = ()
    at_s: float | None = None
    window_s: int = 60
    knows_agencies: bool = False

    @property
    def checks(self) -> tuple[str, ...]:
        """Those of `INSPECTED` that are made."""
        return tuple(name for name in INSPECTED if self.knows_agencies or name != "agency")


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
        verifier = _check_key(signature, rules)
        _check_time(signature, rules)
        verify_content_digest(capture.lines("content-digest"), capture.body)
        verifier.verify(signature.value, signature_base(signature))
    except GatewayError as error:
        return Failure(error, signature)
    return None


def passes_further(capture: Capture, rules: Rules, failure: Failure) -> bool:
    """Whether a mended capture comes further than the one that failed."""
    left = inspect(capture, rules)
    return left is None or left.rank > failure.rank


def _check_authority(signature: RequestSignature, rules: Rules) -> None:
    published = [name.lower() for name in rules.authorities]
    if published and signature.request.authority not in published:
        raise RequestError("AUTHORITY_UNKNOWN", f"the gateway is {' or '.join(published)}")


def _check_key(signature: RequestSignature, rules: Rules) -> Verifier:
    key = rules.key_of(signature.keyid)
    if key is None:
        raise RequestError("KEY_UNKNOWN")
    if not key.is_valid(rules.at_s):
        why = "is revoked" if key.is_revoked else "was not valid at that time"
        raise RequestError("KEY_INACTIVE", f"the key {why}")
    if signature.alg not in {None, key.verifier.algorithm}:
        raise RequestError("KEY_INACTIVE", f"alg is not {key.verifier.algorithm}")
    if key.is_agency_active is False:
        raise RequestError("AGENCY_INACTIVE")
    return key.verifier


def _check_time(signature: RequestSignature, rules: Rules) -> None:
    if rules.at_s is None:
        return
    skew_s = rules.at_s - signature.created
    if abs(skew_s) > rules.window_s:
        where = "past" if skew_s > 0 else "future"
        raise RequestError("TIMESTAMP_EXPIRED", f"created lies {abs(skew_s):.0f} s in the {where}")
    if signature.expires is not None and signature.expires < rules.at_s:
        raise RequestError("TIMESTAMP_EXPIRED", "expires has passed")
