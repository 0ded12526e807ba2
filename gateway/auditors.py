# SPDX-License-Identifier: Apache-2.0
"""Changes of `auditors/<id>.toml`. Nobody is deleted: acts in the log name them and their keys."""

from pathlib import Path
from typing import Final

import msgspec

from gateway.config import Site, load_auditor, load_site, toml_files
from gateway.crypto.public_key import ReadKey
from gateway.errors import RequestError
from gateway.model.agency import AgencyKey
from gateway.model.agency_file import format_toml
from gateway.model.auditor import Auditor, Role
from gateway.site_file import locked, write_whole

_THUMBPRINT_LENGTH: Final = 8


class AuditorFolder:
    """The auditors of a site.

    Args:
        site: the site's folder.

    Raises:
        SetupError: it is no site.
    """

    def __init__(self, site: Path) -> None:
        self._loaded: Final[Site] = load_site(site)
        self._folder: Final = self._loaded.folder / "auditors"

    def read_all(self) -> list[Auditor]:
        """All auditors, by id.

        Raises:
            SetupError: a file that cannot be used.
        """
        files = toml_files(self._loaded.folder, "auditors")
        return [load_auditor(file, self._loaded.folder) for file in files]

    def add(self, auditor_id: str, name: str, roles: tuple[Role, ...], key: ReadKey) -> Auditor:
        """Add an auditor with one key.

        Raises:
            RequestError: AGENCY_MALFORMED, KEY_DUPLICATE.
            SetupError: the folder cannot be written.
        """
        keyid = f"{auditor_id}-{key.thumbprint[:_THUMBPRINT_LENGTH]}"
        record = AgencyKey(keyid, key.algorithm, key.public, key.not_before, key.not_after)
        auditor = Auditor(auditor_id, name, tuple(dict.fromkeys(roles)), keys=(record,))
        try:
            msgspec.convert(msgspec.to_builtins(auditor), Auditor)
        except msgspec.ValidationError as error:
            raise RequestError("AGENCY_MALFORMED", str(error)) from None
        with locked(self._folder):
            if self._file(auditor_id).exists():
                raise RequestError("AGENCY_MALFORMED", f"auditor {auditor_id} is there already")
            known = [key.id for agency in self._loaded.agencies for key in agency.keys]
            known += [key.id for other in self.read_all() for key in other.keys]
            if keyid in known:
                raise RequestError("KEY_DUPLICATE", f"somebody has a key `{keyid}`")
            write_whole(self._file(auditor_id), format_toml(auditor))
        return auditor

    def set_active(self, auditor_id: str, *, active: bool) -> None:
        """Refuse an auditor's acts from now on, or allow them again.

        Raises:
            RequestError: AGENCY_UNKNOWN.
        """
        with locked(self._folder):
            known = {auditor.id: auditor for auditor in self.read_all()}
            if auditor_id not in known:
                raise RequestError("AGENCY_UNKNOWN", f"there is no auditor {auditor_id}")
            changed = msgspec.structs.replace(known[auditor_id], active=active)
            write_whole(self._file(auditor_id), format_toml(changed))

    def _file(self, auditor_id: str) -> Path:
        return self._folder / f"{auditor_id}.toml"
