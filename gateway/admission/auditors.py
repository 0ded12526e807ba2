# SPDX-License-Identifier: Apache-2.0
"""Which auditor is asking: the door for requests that auditors sign.

The files of `auditors/` are looked at for each request, which are few, so a revoked key or an
auditor who left is refused at once. A file that cannot be used lets nobody in by itself; the others
go on.
"""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final, final

import structlog

from gateway.admission.admission import Admission
from gateway.config import load_auditor, toml_files
from gateway.errors import RequestError, SetupError
from gateway.httpsig import SignedRequest
from gateway.model.agency import Agency
from gateway.model.auditor import Auditor, Role
from gateway.ports import Caller

_FOLDER: Final = "auditors"
_Stamp = tuple[str, int, int, int, int]
_log = structlog.get_logger()

#: Makes a door for whoever has keys.
OpenDoor = Callable[[Iterable[Agency]], Admission]


@final
class AuditorDoor:
    """The auditors of a site, as they are now.

    Args:
        site: the site's folder.
        open_door: with the gateway's own names and clock.
    """

    def __init__(self, site: Path, open_door: OpenDoor) -> None:
        self._site: Final = site
        self._open_door: Final = open_door
        self._stamps: list[_Stamp] | None = None
        self._roles: dict[str, tuple[Role, ...]] = {}
        self._door = open_door(())

    def identify(self, request: SignedRequest, address: str, x509_sha256: str | None) -> Caller:
        """`Admission.identify` of a request without content; `Caller.agency` is the auditor.

        Raises:
            RequestError: as `Admission.identify`.
        """
        self._refresh()
        return self._door.identify(request, b"", address, x509_sha256)

    def check_role(self, caller: Caller, role: Role) -> None:
        """See that an identified auditor has a role.

        Raises:
            RequestError: AUDITOR_REFUSED.
        """
        if role not in self._roles.get(caller.agency.id, ()):
            raise RequestError("AUDITOR_REFUSED", f"{caller.agency.id} has not the role `{role}`")

    def _refresh(self) -> None:
        stamps = self._look()
        if stamps == self._stamps:
            return
        self._stamps = stamps
        auditors = [auditor for name, *_ in stamps if (auditor := self._read(name)) is not None]
        self._roles = {auditor.id: auditor.roles for auditor in auditors}
        self._door = self._open_door(map(_as_agency, auditors))

    def _look(self) -> list[_Stamp]:
        """Each file with whatever differs when it was written or replaced."""
        try:
            return [(file.name, *_stamp(file)) for file in toml_files(self._site, _FOLDER)]
        except OSError as error:
            _log.error("auditors cannot be read, nobody is let in", reason=error.strerror)
            return []

    def _read(self, name: str) -> Auditor | None:
        try:
            auditor = load_auditor(self._site / _FOLDER / name, self._site)
            self._open_door((_as_agency(auditor),))
        except SetupError as error:
            _log.error("an auditor is not let in", error=error.detail)
            return None
        return auditor


def _stamp(file: Path) -> tuple[int, int, int, int]:
    status = file.stat()
    return status.st_mtime_ns, status.st_ctime_ns, status.st_size, status.st_ino


def _as_agency(auditor: Auditor) -> Agency:
    """Whoever signs has an id, keys, and may be disabled; the door asks for no more."""
    return Agency(auditor.id, auditor.name, active=auditor.active, keys=auditor.keys)
