# SPDX-License-Identifier: Apache-2.0
"""Acts that were asked for by a signed HTTP request: a receipt, entries, a list, events, a matter.

Rules:

1. The act holds the request's own signature, so nobody can put it into the log in another's name.
   For that the signature covers method, authority, path and query and nothing more: anybody writes
   its base again from the act.
2. The nonce is decided together with the record. A request that was received before is recorded as
   refused.
"""

import secrets
from collections.abc import Callable
from datetime import datetime
from typing import Final, final

from gateway.crypto.digest import b64url_decode, b64url_encode
from gateway.crypto.keys import load_verifier
from gateway.errors import RequestError, TrustError
from gateway.httpsig import RequestSignature, sfv
from gateway.httpsig.base import format_base
from gateway.model.act import Act, Action, SignedTarget
from gateway.model.agency import AgencyKey
from gateway.model.instant import format_time_ms
from gateway.model.record import format_record
from gateway.ports import Appended, AuditLog, Caller, Claim, Held
from gateway.sdk import Deadline

_SALT_BYTES: Final = 16
_ID_BYTES: Final = 16
#: Where the subject of an act stands in the target.
_FOLDERS: Final[dict[Action, str]] = {
    "receipt": "/v1/receipts/",
    "entries": "/log/",
    "certificates": "/v1/certificates",  # and no subject follows
    "events": "/v1/events",
    "supervision_read": "/v1/supervision/",
}
_TARGET: Final = frozenset({'"@method"', '"@authority"', '"@path"', '"@query"'})


def check_recordable(signature: RequestSignature) -> None:
    """Refuse a signature that could not be verified again from the record.

    Raises:
        RequestError: SIGNATURE_MALFORMED.
    """
    if {component.text for component in signature.components} != _TARGET:
        raise RequestError(
            "SIGNATURE_MALFORMED",
            "here it covers @method, @authority, @path and @query, and nothing else",
        )


def verify_signed_act(act: Act, key: AgencyKey) -> None:
    """Check that the request by which an act was asked for is signed with the key of `keyid`.

    Raises:
        TrustError: PROOF_INVALID; it is not, or what was signed is another act.
    """
    request = act.request
    assert request is not None  # else the signature is over the act itself
    # Such a signature says nothing of these: with them an act would claim more than was signed.
    claims_more = any(part is not None for part in (act.reason, act.query, act.holder))
    try:
        fields = sfv.parse_dictionary((f"s={request.signature_input}",), field="signature_input")
        keyid: str | None = sfv.parse_string(fields["s"].parameters["keyid"], "keyid")
        signature, message = b64url_decode(act.signature), _base_of(request)
        load_verifier(key.public, key.algorithm).verify(signature, message)
    except (ValueError, KeyError, RequestError, TrustError):
        keyid = None
    folder = _FOLDERS.get(act.action)  # no other act is asked for over HTTP
    is_target = folder is not None and request.target == f"GET {folder}{act.subject}"
    if keyid is None or keyid != act.keyid or claims_more or not is_target:
        raise TrustError("PROOF_INVALID", f"act {act.id}: its signature does not verify")


def _base_of(request: SignedTarget) -> bytes:
    """The signature base (RFC 9421 §2.5), in the order in which the signer listed components."""
    method, _, target = request.target.partition(" ")
    path, mark, query = target.partition("?")
    values = {
        '"@method"': method,
        '"@authority"': request.authority,
        '"@path"': path,
        '"@query"': mark + query or "?",
    }
    listed = request.signature_input.partition(")")[0] + ")"
    components = [item.text for item in sfv.parse_items(listed)]
    return format_base(listed, [values[text] for text in components], request.signature_input)


@final
class SignedActs:
    """Records acts.

    Args:
        clock: aware now.
        nonce_life_s: seconds after `created` at which a signature is too old by itself.
    """

    def __init__(
        self, audit: AuditLog, *, clock: Callable[[], datetime], nonce_life_s: int
    ) -> None:
        self._audit: Final = audit
        self._clock: Final = clock
        self._nonce_life_s: Final = nonce_life_s

    async def begin(self, caller: Caller, deadline: Deadline) -> Held | None:
        """Decide the nonce of a request that is going to wait; None if it came before.

        Raises:
            AuditError: no decision.
        """
        held = await self._audit.claim(self._claim(caller), deadline)
        return held if isinstance(held, Held) else None

    async def record(
        self,
        caller: Caller,
        action: Action,
        deadline: Deadline,
        *,
        subject: str,
        count: int | None = None,
        code: str | None = None,
        held: Held | None = None,
    ) -> int | None:
        """Record an act; its result may leave when this returns an index.

        Args:
            code: why it was refused; None for what is done.
            held: of `begin`, where the nonce was decided already.

        Returns:
            The index of the record; None for a request that was received before, of which
            nothing is recorded yet.

        Raises:
            AuditError: it could not be recorded.
        """
        act = self._act(caller, action, subject, count, code)
        appended = await self._audit.append(
            format_record(act), deadline, claim=self._claim(caller), held=held
        )
        return appended.index if isinstance(appended, Appended) else None

    async def record_replay(
        self, caller: Caller, action: Action, deadline: Deadline, *, subject: str
    ) -> int:
        """Record that a request came again, and was refused.

        Raises:
            AuditError: it could not be recorded.
        """
        act = self._act(caller, action, subject, None, "NONCE_REPLAYED")
        appended = await self._audit.append(format_record(act), deadline, claim=None)
        assert isinstance(appended, Appended)  # without a claim there is no verdict
        return appended.index

    def _claim(self, caller: Caller) -> Claim:
        signature = caller.signature
        return Claim(signature.keyid, signature.nonce, signature.created + self._nonce_life_s)

    def _act(
        self, caller: Caller, action: Action, subject: str, count: int | None, code: str | None
    ) -> Act:
        signature = caller.signature
        request = signature.request
        query = "" if request.query == "?" else request.query
        return Act(
            id=secrets.token_hex(_ID_BYTES),
            salt=b64url_encode(secrets.token_bytes(_SALT_BYTES)),
            time=format_time_ms(self._clock()),
            action=action,
            actor=caller.agency.id,
            keyid=signature.keyid,
            subject=subject,
            count=count,
            outcome="done" if code is None else "refused",
            code=code,
            request=SignedTarget(
                request.authority,
                f"{request.method} {request.path}{query}",
                signature.member,
            ),
            signature=b64url_encode(signature.value),
        )
