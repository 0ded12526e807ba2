# SPDX-License-Identifier: Apache-2.0
"""Who is at the door of supervision: an agency, a department or an auditor, told by the key."""

from collections.abc import Callable
from typing import Final, final

from gateway.admission.auditors import AuditorDoor
from gateway.admission.departments import DepartmentDoor
from gateway.errors import RequestError
from gateway.httpsig import SignedRequest
from gateway.model.standing import Standing
from gateway.ports import Caller

Identify = Callable[[SignedRequest, bytes, str, str | None], Caller]


@final
class StandingDoor:
    """Three doors in a row: a key that one does not know is shown to the next.

    Args:
        agencies: finds the agency that signed.
    """

    def __init__(
        self, agencies: Identify, departments: DepartmentDoor, auditors: AuditorDoor
    ) -> None:
        self._agencies: Final = agencies
        self._departments: Final = departments
        self._auditors: Final = auditors

    def identify(
        self, request: SignedRequest, body: bytes, address: str, x509_sha256: str | None
    ) -> tuple[Caller, Standing]:
        """Who signed, and as what they stand to supervision.

        Raises:
            RequestError: as `Admission.identify`, of the door that knows the key.
        """
        try:
            caller = self._agencies(request, body, address, x509_sha256)
        except RequestError as error:
            if error.code != "KEY_UNKNOWN":
                raise
        else:
            return caller, Standing("agency", caller.agency.id)
        try:
            caller = self._departments.identify(request, body, address, x509_sha256)
        except RequestError as error:
            if error.code != "KEY_UNKNOWN":
                raise
        else:
            adapters = self._departments.adapters_of(caller)
            return caller, Standing("department", caller.agency.id, adapters)
        caller = self._auditors.identify(request, body, address, x509_sha256)
        roles = self._auditors.roles_of(caller)
        return caller, Standing(
            "auditor",
            caller.agency.id,
            may_read=not roles.isdisjoint({"read", "supervise"}),
            may_change="supervise" in roles,
        )
