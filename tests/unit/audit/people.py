# SPDX-License-Identifier: Apache-2.0
"""Auditors with keys, and acts that they signed, at times that a test chooses."""

import secrets
from datetime import UTC, datetime
from typing import Any

from gateway.audit.desk import sign_act
from gateway.crypto.keys import Signer, generate_private_key, load_signer, public_pem
from gateway.model.act import Act, Action
from gateway.model.agency import AgencyKey
from gateway.model.auditor import Auditor, Role
from gateway.model.instant import format_time_ms

NOW = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)


class Person:
    """One auditor with one key; `pem` makes it another's."""

    def __init__(self, name: str, *roles: Role, pem: bytes | None = None) -> None:
        self.pem = generate_private_key("ed25519") if pem is None else pem
        self.key = AgencyKey(f"{name}-1", "ed25519", public_pem(self.pem))
        self.auditor = Auditor(name, name, roles, keys=(self.key,))
        self.signer: Signer = load_signer(self.pem, name)

    def act(
        self, action: Action, at: datetime = NOW, signer: Signer | None = None, **members: Any
    ) -> Act:
        """An act of this person, signed by `signer` where that is somebody else."""
        act = Act(
            id=members.pop("id", None) or secrets.token_hex(16),
            salt="c2FsdHNhbHRzYWx0c2FsdA",
            time=format_time_ms(at),
            action=action,
            actor=self.auditor.id,
            keyid=self.key.id,
            reason="核对投诉 complaint 7",
            **members,
        )
        return sign_act(act, signer or self.signer)
