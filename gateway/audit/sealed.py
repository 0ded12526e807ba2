# SPDX-License-Identifier: Apache-2.0
"""Acts whose request holds a holder's number: recorded with the request's own signature, sealed.

A signature over a number, or the digest of the body that holds it, would let whoever reads the log
try numbers until one fits. So both stand under a key of this act alone, as those of an access do
(ADR 0005): `<epoch>.<base64url of nonce ‖ AES-256-GCM(body digest ‖ signature)>`.
"""

import secrets
from datetime import datetime
from typing import Final

from gateway.crypto.digest import b64url_encode
from gateway.crypto.identity import EpochCipher
from gateway.model.act import Act, Action, SignedTarget
from gateway.model.holder import Holder
from gateway.model.instant import format_time_ms
from gateway.ports import Caller

_SALT_BYTES: Final = 16


def make_sealed_act(
    caller: Caller,
    act_id: str,
    action: Action,
    *,
    cipher: EpochCipher,
    now: datetime,
    subject: str | None = None,
    holder: Holder | None = None,
    query: str | None = None,
    code: str | None = None,
) -> Act:
    """Make the act that records a signed request.

    Args:
        act_id: of the request.
        action: one of `SEALED_ACTIONS`.
        now: aware.
        code: why it was refused; None for what is done.
    """
    signature = caller.signature
    request = signature.request
    sealed = cipher.mark_request(caller.digest, signature.value, signature.member, act_id)
    return Act(
        id=act_id,
        salt=b64url_encode(secrets.token_bytes(_SALT_BYTES)),
        time=format_time_ms(now),
        action=action,
        actor=caller.agency.id,
        keyid=signature.keyid,
        subject=subject,
        query=query,
        holder=None
        if holder is None
        else cipher.mark_holder(holder.scheme, holder.number, holder.masked, act_id),
        outcome="done" if code is None else "refused",
        code=code,
        request=SignedTarget(
            request.authority, f"{request.method} {request.path}", signature.member
        ),
        signature=f"{sealed.epoch}.{sealed.ct}",
    )
