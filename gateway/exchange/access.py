# SPDX-License-Identifier: Apache-2.0
"""What is known of one access while it walks the corridor, and the entry that records it."""

from typing import Final

from msgspec import UNSET

from gateway.crypto.digest import b64url_encode
from gateway.crypto.identity import EpochCipher
from gateway.crypto.random import random_piece
from gateway.errors import RequestError
from gateway.exchange.known import Known
from gateway.exchange.reply import Refused, Reply
from gateway.model.entry import (
    DecisionMark,
    Entry,
    HolderMark,
    ResponseMark,
)
from gateway.model.grant import Permit
from gateway.model.holder import Holder
from gateway.model.limits import Allowance
from gateway.model.lookup import LookupAnswer, LookupRequest, ServedFrom
from gateway.ports import Cached, Caller, Claim, Held


class Access:
    """One identified request. The only mutable thing in the corridor; owned by one task.

    `request` is set only after it was screened, so nothing unscreened can be recorded. `plan` is
    the id of the request on which it is made: for all materials of a case, or a standing order.
    None for a lookup by itself.
    `is_held`: somebody waits for the answer on a connection.
    """

    __slots__ = (
        "adapter",
        "adapter_ms",
        "as_of",
        "asked",
        "caller",
        "claim",
        "held",
        "holder",
        "is_held",
        "kept",
        "known",
        "limits",
        "permit",
        "plan",
        "request",
        "request_id",
        "served_from",
    )

    def __init__(
        self,
        caller: Caller,
        request_id: str,
        claim: Claim,
        plan: str | None = None,
        *,
        is_held: bool = True,
    ) -> None:
        self.caller: Final = caller
        self.request_id: Final = request_id
        self.plan: Final = plan
        self.is_held: Final = is_held
        self.claim: Claim | None = claim
        self.held: Held | None = None
        self.request: LookupRequest | None = None
        self.asked: tuple[str, ...] = ()
        self.holder: Holder | None = None
        self.permit: Permit | None = None
        self.served_from: ServedFrom | None = None
        self.as_of: str | None = None
        self.adapter: str | None = None
        self.adapter_ms: int | None = None
        self.limits: tuple[Allowance, ...] = ()
        self.known: Known | None = None
        self.kept: Cached | None = None

    def recall(self, known: Known) -> None:
        """Take what the same words came to before."""
        self.request, self.asked, self.holder = known.request, known.asked, known.holder

    def keep_within(self, limit: Allowance | None) -> None:
        """Note what a limit said, for the reply; None is no limit.

        Raises:
            RequestError: RATE_LIMITED.
        """
        if limit is None:
            return
        self.limits = (*self.limits, limit)
        check_limit(limit)

    def entry(
        self, outcome: LookupAnswer | Refused, reply: Reply, *, time: str, cipher: EpochCipher
    ) -> Entry:
        """What this access's audit entry says."""
        answer = outcome if isinstance(outcome, LookupAnswer) else None
        refused = outcome if isinstance(outcome, Refused) else None
        signature, request = self.caller.signature, self.request
        attribution = request.attribution if request else None
        return Entry(
            id=self.request_id,
            salt=b64url_encode(random_piece()),
            time=time,
            agency=self.caller.agency.id,
            keyid=signature.keyid,
            operator=attribution.operator.id if attribution else None,
            terminal=attribution.terminal if attribution else None,
            division=attribution.division if attribution else None,
            item=attribution.item if attribution else None,
            case=attribution.case if attribution else None,
            purpose=attribution.purpose if attribution else None,
            mandate=(attribution.mandate if attribution else None) or UNSET,
            plan=self.plan or UNSET,
            holder=self._holder_mark(cipher),
            certificate=request.certificate if request else None,
            operation=request.operation if request else None,
            fields_requested=self.asked if request else (),
            fields_released=tuple(answer.fields) if answer else (),
            grant=self.permit.grant.reference if self.permit else None,
            decision=self._decision(refused),
            outcome=answer.outcome if answer else _outcome(refused, self.permit),
            code=refused.refusal.code if refused else None,
            served_from=self.served_from,
            as_of=self.as_of,
            adapter=self.adapter,
            adapter_ms=self.adapter_ms,
            request=cipher.mark_request(
                self.caller.digest, signature.value, signature.member, self.request_id
            ),
            response=ResponseMark(digest=reply.digest.hex()),
        )

    def _holder_mark(self, cipher: EpochCipher) -> HolderMark | None:
        holder = self.holder
        if holder is None:
            return None
        return cipher.mark_holder(holder.scheme, holder.number, holder.masked, self.request_id)

    def _decision(self, refused: Refused | None) -> DecisionMark:
        if self.permit is not None:
            return DecisionMark("permit", self.permit.rule)
        assert refused is not None  # without a permit there is no answer
        return DecisionMark("deny", refused.rule or f"check.{refused.refusal.check or 'internal'}")


def check_limit(limit: Allowance) -> None:
    """Refuse what a limit does not leave room for.

    Raises:
        RequestError: RATE_LIMITED.
    """
    if limit.retry_after_s is not None:
        raise RequestError(
            "RATE_LIMITED",
            f"over the {limit.name} limit of {limit.quota} in {limit.window_s} s",
            retry_after_s=limit.retry_after_s,
        )


def check_x509(caller: Caller, *, required: bool) -> None:
    """Refuse a signature that holds over another's connection; what is refused is on record.

    Args:
        required: agencies that registered no X.509 certificate are refused as well.

    Raises:
        RequestError: X509_NOT_OF_AGENCY.
    """
    registered = caller.agency.x509_sha256
    if (registered or required) and caller.x509_sha256 not in registered:
        shown = "another one" if caller.x509_sha256 else "none"
        raise RequestError("X509_NOT_OF_AGENCY", f"the connection presented {shown}")


def _outcome(refused: Refused | None, permit: Permit | None) -> str:
    """`unavailable`: allowed, but nothing is known. `refused`: not allowed."""
    return "unavailable" if refused and permit else "refused"
