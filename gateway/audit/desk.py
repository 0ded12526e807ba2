# SPDX-License-Identifier: Apache-2.0
"""The reading desk: an auditor's act is recorded before its result is shown.

Rules:

1. Who acts has a role for it and the private half of a registered key; the act is signed with it,
   so nobody else, the operator included, can put it into the log in that person's name.
2. A reason is asked for and screened: a placeholder or an ID number is refused.
3. No record, no result: `record` returns when the act is durable.
4. While a gateway serves, its sequencer writes. Else the log is opened and written here, under the
   same lock, so that there never are two writers.
"""

import asyncio
import secrets
import socket
import time
import unicodedata
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Final, final

import msgspec

from gateway.audit.acts import verify_signed_act
from gateway.audit.client import SequencerClient
from gateway.audit.log import Log
from gateway.crypto.digest import b64url_decode, b64url_encode
from gateway.crypto.identity import EpochCipher
from gateway.crypto.keys import Signer, load_verifier, thumbprint
from gateway.errors import AuditError, RequestError, TrustError
from gateway.model.act import Act, Action
from gateway.model.agency import AgencyKey
from gateway.model.auditor import Auditor, Role
from gateway.model.entry import MAX_ENTRY_BYTES, HolderMark
from gateway.model.holder import Holder
from gateway.model.instant import format_time_ms
from gateway.model.record import format_record
from gateway.model.screening import holds_citizen_number
from gateway.ports import Appended
from gateway.sdk import Deadline

_SALT_BYTES: Final = 16
_ID_BYTES: Final = 16
_RECORD_S: Final = 10.0
_MIN_REASON_LENGTH: Final = 4
_PLACEHOLDERS: Final = frozenset({"测试", "test", "testing", "1111", "无", "none", "n/a", "xxxx"})

Append = Callable[[bytes], int]

_ROLE_OF: Final[dict[Action, Role]] = {
    "search": "read",
    "view": "read",
    "export": "read",
    "report": "read",
    "anomalies": "read",
    "evidence": "read",
    "entries": "read",
    "unmask_ask": "read",
    "unmask_approve": "approve",
    "unmask_redeem": "read",
    "erase": "keep",
    "hold": "keep",
    "release": "keep",
}


@final
class Desk:
    """One auditor at the log.

    Args:
        auditor: as registered.
        signer: the private half of one of the auditor's keys.
        cipher: under which a holder is marked now.
        append: makes a record durable and returns its index.
        clock: aware now.

    Raises:
        RequestError: AUDITOR_REFUSED; the auditor is not active, or the key is not registered.
    """

    def __init__(
        self,
        auditor: Auditor,
        signer: Signer,
        *,
        public: str,
        cipher: EpochCipher,
        append: Append,
        clock: Callable[[], datetime],
    ) -> None:
        self.auditor: Final = auditor
        self._key: Final = _registered(auditor, public, clock())
        self._signer: Final = signer
        self._cipher: Final = cipher
        self._append: Final = append
        self._clock: Final = clock

    def allow(self, action: Action) -> None:
        """See that the auditor has the role for it; before any work is done.

        Raises:
            RequestError: AUDITOR_REFUSED.
        """
        if (role := _ROLE_OF[action]) not in self.auditor.roles:
            raise RequestError(
                "AUDITOR_REFUSED", f"{self.auditor.id} has not the role `{role}` of `{action}`"
            )

    def record(
        self,
        action: Action,
        *,
        reason: str,
        subject: str | None = None,
        query: object = None,
        holder: Holder | None = None,
        count: int | None = None,
    ) -> tuple[int, Act]:
        """Record an act; its result may be shown when this returns.

        Args:
            query: filters, without the holder; anything that JSON can say.

        Returns:
            The index of the record, and the act.

        Raises:
            RequestError: AUDITOR_REFUSED, REASON_REFUSED, ENTRY_TOO_LARGE.
            AuditError: it could not be recorded, so nothing may be shown.
        """
        self.allow(action)
        written = None if query is None else msgspec.json.encode(query, order="sorted").decode()
        act_id = secrets.token_hex(_ID_BYTES)
        act = Act(
            id=act_id,
            salt=b64url_encode(secrets.token_bytes(_SALT_BYTES)),
            time=format_time_ms(self._clock()),
            action=action,
            actor=self.auditor.id,
            keyid=self._key.id,
            reason=check_reason(reason),
            subject=_screened(subject, "subject"),
            query=_screened(written, "query"),
            holder=None if holder is None else self._mark(holder, act_id),
            count=count,
        )
        act = sign_act(act, self._signer)
        line = format_record(act)
        if len(line) > MAX_ENTRY_BYTES:
            raise RequestError("ENTRY_TOO_LARGE", f"the record would have {len(line)} bytes")
        return self._append(line), act

    @property
    def key(self) -> AgencyKey:
        """The registered key that acts are signed with."""
        return self._key

    def sign(self, content: bytes) -> bytes:
        """Sign something that an act is about. It must not begin as a record does: with `{`."""
        return self._signer.sign(content)

    def _mark(self, holder: Holder, act_id: str) -> HolderMark:
        return self._cipher.mark_holder(holder.scheme, holder.number, holder.masked, act_id)


def check_reason(reason: str) -> str:
    """Refuse what is no reason.

    Raises:
        RequestError: REASON_REFUSED.
    """
    plain = unicodedata.normalize("NFKC", _encodable(reason, "the reason")).strip()
    if len(plain) < _MIN_REASON_LENGTH or plain.lower() in _PLACEHOLDERS or len(set(plain)) == 1:
        raise RequestError("REASON_REFUSED", "it is too short, or a placeholder")
    if holds_citizen_number(plain):
        raise RequestError("REASON_REFUSED", "it holds something of the form of an ID number")
    return plain


def sign_act(act: Act, signer: Signer) -> Act:
    """The act with the actor's signature over everything else in it."""
    unsigned = format_record(msgspec.structs.replace(act, signature=""))
    return msgspec.structs.replace(act, signature=b64url_encode(signer.sign(unsigned)))


def verify_act(act: Act, key: AgencyKey) -> None:
    """Check an act's signature with the registered key of `keyid`.

    Raises:
        TrustError: PROOF_INVALID; it does not verify.
    """
    if act.request is not None:
        verify_signed_act(act, key)
        return
    unsigned = format_record(msgspec.structs.replace(act, signature=""))
    try:
        signature = b64url_decode(act.signature)
        load_verifier(key.public, key.algorithm).verify(signature, unsigned)
    except (ValueError, TrustError):
        raise TrustError("PROOF_INVALID", f"act {act.id}: its signature does not verify") from None


def append_through(
    socket_path: Path, open_log: Callable[[], tuple[Log, Callable[[], None]]]
) -> Append:
    """How a command writes: through the sequencer that runs, or else into the log itself.

    Args:
        open_log: opens the log for writing, under its lock; and how to close it.
    """

    def append(line: bytes) -> int:
        until_s = time.monotonic() + _RECORD_S
        while _is_served(socket_path) and time.monotonic() < until_s:
            index = asyncio.run(_append_by_sequencer(socket_path, line))
            if index is not None:  # else it is there, and too busy to say so within a second
                return index
        log, close = open_log()
        try:
            return log.append([line])
        finally:
            close()

    return append


def _is_served(socket_path: Path) -> bool:
    """Whether a sequencer listens there; one that was killed leaves its socket behind."""
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(_RECORD_S)
        try:
            sock.connect(str(socket_path))
        except OSError:
            return False
    return True


async def _append_by_sequencer(socket_path: Path, line: bytes) -> int | None:
    client = SequencerClient(socket_path)
    await client.open()
    try:
        if not client.connected:
            return None
        appended = await client.append(line, Deadline.after(_RECORD_S), claim=None)
        if not isinstance(appended, Appended):
            raise AuditError("AUDIT_UNAVAILABLE", "the sequencer did not record the act")
        return appended.index
    finally:
        await client.aclose()


def _registered(auditor: Auditor, public: str, now: datetime) -> AgencyKey:
    if not auditor.active:
        raise RequestError("AUDITOR_REFUSED", f"{auditor.id} is not active")
    wanted = thumbprint(public)
    for key in auditor.keys:
        if thumbprint(key.public) != wanted:
            continue
        if key.revoked or not (key.not_before or now) <= now <= (key.not_after or now):
            raise RequestError("AUDITOR_REFUSED", f"the key {key.id} is revoked or out of time")
        return key
    raise RequestError("AUDITOR_REFUSED", f"the key is not registered for {auditor.id}")


def _encodable(text: str, what: str) -> str:
    """A terminal of another encoding gives halves of characters, which no record can hold."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise RequestError("REASON_REFUSED", f"{what} is not UTF-8: use a UTF-8 terminal") from None
    return text


def _screened(text: str | None, member: str) -> str | None:
    if text is not None and holds_citizen_number(_encodable(text, f"`{member}`")):
        raise RequestError(
            "REASON_REFUSED", f"`{member}` holds something of the form of an ID number"
        )
    return text
