# SPDX-License-Identifier: Apache-2.0
"""Which auditor is asking: the door for requests that auditors sign."""

from pathlib import Path
from typing import Final, final

from gateway.admission.signer_door import OpenDoor, SignerDoor
from gateway.config import load_auditor
from gateway.errors import RequestError
from gateway.httpsig import SignedRequest
from gateway.model.agency import Agency
from gateway.model.auditor import Auditor, Role
from gateway.ports import Caller


@final
class AuditorDoor:
    """The auditors of a site, as they are now.

    Args:
        site: the site's folder.
        open_door: with the gateway's own names and clock.
    """

    def __init__(self, site: Path, open_door: OpenDoor) -> None:
        self._door: Final = SignerDoor(
            site, "auditors", load=load_auditor, as_agency=_as_agency, open_door=open_door
        )

    def identify(
        self, request: SignedRequest, body: bytes, address: str, x509_sha256: str | None
    ) -> Caller:
        """`Admission.identify`; `Caller.agency` is the auditor.

        Raises:
            RequestError: as `Admission.identify`.
        """
        return self._door.identify(request, body, address, x509_sha256)

    def check_role(self, caller: Caller, role: Role) -> None:
        """See that an identified auditor has a role.

        Raises:
            RequestError: AUDITOR_REFUSED.
        """
        if role not in self.roles_of(caller):
            raise RequestError("AUDITOR_REFUSED", f"{caller.agency.id} has not the role `{role}`")

    def roles_of(self, caller: Caller) -> frozenset[Role]:
        """What an identified auditor may do."""
        auditor = self._door.find(caller)
        return frozenset() if auditor is None else frozenset(auditor.roles)


def _as_agency(auditor: Auditor) -> Agency:
    return Agency(auditor.id, auditor.name, active=auditor.active, keys=auditor.keys)
