# SPDX-License-Identifier: Apache-2.0
"""The door for those who sign and are no agencies: one file each, looked at for each request.

They are few and ask seldom, so a revoked key or one who left is refused at once. A file that cannot
be used lets nobody in by itself; the others go on.
"""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final, Generic, TypeVar, final

import structlog

from gateway.admission.admission import Admission
from gateway.errors import SetupError
from gateway.httpsig import SignedRequest
from gateway.model.agency import Agency
from gateway.model.auditor import Auditor
from gateway.model.department import Department
from gateway.ports import Caller
from gateway.toml_file import toml_files

_Stamp = tuple[str, int, int, int, int]
_log = structlog.get_logger()

SignerT = TypeVar("SignerT", bound=Auditor | Department)
#: Makes a door for whoever has keys.
OpenDoor = Callable[[Iterable[Agency]], Admission]


@final
class SignerDoor(Generic[SignerT]):
    """Those of one folder of a site, as they are now.

    Args:
        site: the site's folder.
        folder: its name inside.
        load: reads a file.
        as_agency: whoever signs has an id, keys, and may be disabled; the door asks for no more.
        open_door: with the gateway's own names and clock.
    """

    def __init__(
        self,
        site: Path,
        folder: str,
        *,
        load: Callable[[Path, Path], SignerT],
        as_agency: Callable[[SignerT], Agency],
        open_door: OpenDoor,
    ) -> None:
        self._site: Final = site
        self._folder: Final = folder
        self._load: Final = load
        self._as_agency: Final = as_agency
        self._open_door: Final = open_door
        self._stamps: list[_Stamp] | None = None
        self._known: dict[str, SignerT] = {}
        self._door = open_door(())

    def identify(
        self, request: SignedRequest, body: bytes, address: str, x509_sha256: str | None
    ) -> Caller:
        """`Admission.identify`; `Caller.agency` is the one who signed.

        Raises:
            RequestError: as `Admission.identify`.
        """
        self._refresh()
        return self._door.identify(request, body, address, x509_sha256)

    def find(self, caller: Caller) -> SignerT | None:
        """Who was identified, as last read."""
        return self._known.get(caller.agency.id)

    def _refresh(self) -> None:
        stamps = self._look()
        if stamps == self._stamps:
            return
        self._stamps = stamps
        found = [signer for name, *_ in stamps if (signer := self._read(name)) is not None]
        self._known = {signer.id: signer for signer in found}
        self._door = self._open_door(map(self._as_agency, found))

    def _look(self) -> list[_Stamp]:
        """Each file with whatever differs when it was written or replaced."""
        try:
            return [(file.name, *_stamp(file)) for file in toml_files(self._site, self._folder)]
        except OSError as error:
            _log.error(
                "cannot be read, nobody is let in", folder=self._folder, reason=error.strerror
            )
            return []

    def _read(self, name: str) -> SignerT | None:
        try:
            signer = self._load(self._site / self._folder / name, self._site)
            self._open_door((self._as_agency(signer),))
        except SetupError as error:
            _log.error("not let in", folder=self._folder, error=error.detail)
            return None
        return signer


def _stamp(file: Path) -> tuple[int, int, int, int]:
    status = file.stat()
    return status.st_mtime_ns, status.st_ctime_ns, status.st_size, status.st_ino
