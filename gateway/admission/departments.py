# SPDX-License-Identifier: Apache-2.0
"""Which department is speaking: the door for change signals that departments sign."""

from pathlib import Path
from typing import Final, final

from gateway.admission.signer_door import OpenDoor, SignerDoor
from gateway.config import load_department
from gateway.httpsig import SignedRequest
from gateway.model.agency import Agency
from gateway.model.department import Department
from gateway.ports import Caller, Owners


@final
class DepartmentDoor(Owners):
    """The departments of a site, as they are now.

    Args:
        site: the site's folder.
        open_door: with the gateway's own names and clock.
    """

    def __init__(self, site: Path, open_door: OpenDoor) -> None:
        self._door: Final = SignerDoor(
            site, "departments", load=load_department, as_agency=_as_agency, open_door=open_door
        )

    def identify(
        self, request: SignedRequest, body: bytes, address: str, x509_sha256: str | None
    ) -> Caller:
        """`Admission.identify`; `Caller.agency` is the department.

        Raises:
            RequestError: as `Admission.identify`.
        """
        return self._door.identify(request, body, address, x509_sha256)

    def adapters_of(self, caller: Caller) -> tuple[str, ...]:
        """Names of the adapters that the department answers for."""
        department = self._door.find(caller)
        return () if department is None else department.adapters


def _as_agency(department: Department) -> Agency:
    return Agency(
        department.id,
        department.name,
        active=department.active,
        keys=department.keys,
        x509_sha256=department.x509_sha256,
    )
