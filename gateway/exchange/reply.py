# SPDX-License-Identifier: Apache-2.0
"""What leaves the corridor: finished bytes, and refusals as problem documents (RFC 9457)."""

import secrets
from http import HTTPStatus
from typing import Final

import msgspec

from gateway.crypto.digest import sha256
from gateway.errors import CHECKS, REFUSALS, GatewayError, Refusal
from gateway.log import redact
from gateway.model.limits import Allowance
from gateway.model.lookup import Check, LookupAnswer, Problem

JSON: Final = "application/json"
PROBLEM_JSON: Final = "application/problem+json"
#: Seconds to wait where nobody knows better: long enough for a process to be started again.
_RETRY_AFTER_S: Final = 1

_encode = msgspec.json.Encoder().encode


class Reply(msgspec.Struct):
    """A finished answer; the web room only signs and sends it.

    Attributes:
        digest: SHA-256 of `body`, 32 bytes.
        outcome: the answer's outcome or the refusal's code, for metrics.
        index: of the entry that records this access, set when it is durable; None where nothing
            was recorded.
        allow: the method that the resource supports; only of a 405.
        limits: what each limit that was counted against leaves to the caller.
    """

    status: int
    content_type: str
    body: bytes
    digest: bytes
    outcome: str
    index: int | None = None
    retry_after_s: int | None = None
    allow: str | None = None
    limits: tuple[Allowance, ...] = ()


class Refused(msgspec.Struct, frozen=True):
    """A no, as a value.

    Attributes:
        rule: the rule that said it; empty where a check before the policy failed.
    """

    refusal: Refusal
    detail: str
    rule: str = ""
    retry_after_s: int | None = None

    @classmethod
    def because(cls, error: GatewayError) -> "Refused":
        """The same no that an error carries."""
        retry_after_s = error.retry_after_s
        if retry_after_s is None and error.refusal.status == HTTPStatus.SERVICE_UNAVAILABLE:
            retry_after_s = _RETRY_AFTER_S
        return cls(error.refusal, error.detail, retry_after_s=retry_after_s)


def problem_reply(refused: Refused, request_id: str, *, signature_base: str | None = None) -> Reply:
    """Write a refusal as a problem document; `signature_base` in sandbox mode only."""
    refusal = refused.refusal
    body = _encode(
        Problem(
            type=f"urn:yizheng:problem:{refusal.code.lower().replace('_', '-')}",
            title=f"{refusal.title.en} / {refusal.title.zh}",
            status=refusal.status,
            detail=redact(refused.detail) or refusal.title.en,
            code=refusal.code,
            attribution=refusal.attribution,
            retryable=refusal.retryable,
            retry_after_s=refused.retry_after_s,
            request_id=request_id,
            hint=refusal.hint,
            checks=_CHECKS_AT[refusal.check],
            signature_base=signature_base,
        )
    )
    return Reply(
        refusal.status,
        PROBLEM_JSON,
        body,
        sha256(body),
        refusal.code,
        retry_after_s=refused.retry_after_s,
    )


class RepeatedProblem:
    """A refusal that is the same each time but for its request id: many are written in a hurry.

    Its bytes are cut out of what the one encoder wrote; no second one knows the format.
    """

    __slots__ = ("_after", "_before", "_reply")

    def __init__(self, refused: Refused) -> None:
        gap = secrets.token_hex(16)  # as long as an id, and as unlikely to stand elsewhere
        self._reply: Final = problem_reply(refused, gap)
        self._before, _, self._after = self._reply.body.partition(gap.encode())

    def reply(self, request_id: str) -> Reply:
        """The refusal of one request."""
        body = b"".join((self._before, request_id.encode("ascii"), self._after))
        known = self._reply
        return Reply(
            known.status,
            known.content_type,
            body,
            sha256(body),
            known.outcome,
            retry_after_s=known.retry_after_s,
        )


def answer_reply(answer: LookupAnswer) -> Reply:
    """Write an answer."""
    body = _encode(answer)
    return Reply(200, JSON, body, sha256(body), answer.outcome)


def _checks_at(failed: str) -> tuple[Check, ...]:
    if failed not in CHECKS:
        return ()
    at = CHECKS.index(failed)
    return (
        *(Check(name, "passed") for name in CHECKS[:at]),
        Check(failed, "failed"),
        *(Check(name, "not_reached") for name in CHECKS[at + 1 :]),
    )


# Made once: a refusal costs no more than an answer.
_CHECKS_AT: Final = {refusal.check: _checks_at(refusal.check) for refusal in REFUSALS.values()}
