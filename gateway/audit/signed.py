# SPDX-License-Identifier: Apache-2.0
"""Acts of auditors as the log proves them: who signed what, by the keys that are registered now.

What is allowed in the end (an unmasking, an erasure) is decided from acts whose signatures hold,
and from nothing else; an act that somebody merely put into the log is none.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Final, final

from gateway.audit.desk import verify_act
from gateway.audit.store.reader import LogReader
from gateway.crypto.keys import thumbprint
from gateway.errors import TrustError
from gateway.model.act import Act
from gateway.model.agency import AgencyKey
from gateway.model.auditor import Auditor, Role
from gateway.model.record import is_act, parse_record


def read_acts(reader: LogReader, start: int = 0) -> Iterator[tuple[int, Act]]:
    """All acts of the log with their indices, in order, from an index on.

    Raises:
        AuditError: the log cannot be read.
        TrustError: PROOF_INVALID; an act is not in form.
    """
    for index, line in reader.entries(start):
        if is_act(line):
            try:
                record = parse_record(line)
            except ValueError as error:
                raise TrustError("PROOF_INVALID", f"entry {index}: {error}") from None
            assert isinstance(record, Act)  # by its first bytes
            yield index, record


@final
class Signatories:
    """Whoever may have signed acts."""

    def __init__(self, auditors: Iterable[Auditor]) -> None:
        self._auditors: Final = {auditor.id: auditor for auditor in auditors}

    def key_of(self, act: Act) -> AgencyKey | None:
        """The registered key that an act names; None where the actor or the key is not known."""
        actor = self._auditors.get(act.actor)
        keys = () if actor is None else actor.keys
        return next((key for key in keys if key.id == act.keyid), None)

    def has_signed(self, act: Act) -> bool:
        """Whether the act's signature is that of the registered key which it names."""
        key = self.key_of(act)
        if key is None:
            return False
        try:
            verify_act(act, key)
        except TrustError:
            return False
        return True

    def stands(self, act: Act, role: Role) -> bool:
        """Whether the act is signed by an auditor who has the role, with a key that is good.

        A key counts that is not revoked and was in time when the act was made. Whoever left since
        (an auditor who is not active) has acted all the same.
        """
        key, actor = self.key_of(act), self._auditors.get(act.actor)
        if key is None or actor is None or key.revoked or role not in actor.roles:
            return False
        at = datetime.fromisoformat(act.time)
        is_in_time = (key.not_before or at) <= at <= (key.not_after or at)
        return is_in_time and self.has_signed(act)

    def is_active(self, act: Act) -> bool:
        """Whether the actor may still act."""
        actor = self._auditors.get(act.actor)
        return actor is not None and actor.active

    def are_two(self, first: Act, second: Act) -> bool:
        """Whether two acts are of two persons: other ids, and keys that are not the same key."""
        keys = self.key_of(first), self.key_of(second)
        marks = {thumbprint(key.public) for key in keys if key is not None}
        return first.actor != second.actor and len(marks) == len(keys)
