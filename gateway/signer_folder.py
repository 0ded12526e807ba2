# SPDX-License-Identifier: Apache-2.0
"""Changes of a folder in which each file is one who signs. Nobody is deleted: the log names them.

A change is written whole or not at all, one at a time (`gateway.site_file`).
"""

from collections.abc import Callable
from pathlib import Path
from typing import Final, Generic, TypeVar

import msgspec

from gateway.config import Site, load_site
from gateway.crypto.public_key import ReadKey
from gateway.errors import RequestError
from gateway.model.agency import AgencyKey
from gateway.model.agency_file import format_toml
from gateway.model.auditor import Auditor
from gateway.model.department import Department
from gateway.site_file import locked, write_whole
from gateway.toml_file import toml_files

_THUMBPRINT_LENGTH: Final = 8


SignerT = TypeVar("SignerT", bound=Auditor | Department)


class SignerFolder(Generic[SignerT]):
    """One folder of a site.

    Args:
        site: the site's folder.
        name: of the folder inside it.
        what: one of them, in words.
        load: reads a file.

    Raises:
        SetupError: it is no site.
    """

    def __init__(
        self, site: Path, name: str, what: str, load: Callable[[Path, Path], SignerT]
    ) -> None:
        self._loaded: Final[Site] = load_site(site)
        self._folder: Final = self._loaded.folder / name
        self._what: Final = what
        self._load: Final = load

    def read_all(self) -> list[SignerT]:
        """All of them, by id.

        Raises:
            SetupError: a file that cannot be used.
        """
        files = toml_files(self._loaded.folder, self._folder.name)
        return [self._load(file, self._loaded.folder) for file in files]

    def set_active(self, signer_id: str, *, active: bool) -> None:
        """Refuse one from now on, or allow again.

        Raises:
            RequestError: AGENCY_UNKNOWN.
        """
        with locked(self._folder):
            known = {signer.id: signer for signer in self.read_all()}
            if signer_id not in known:
                raise RequestError("AGENCY_UNKNOWN", f"there is no {self._what} {signer_id}")
            changed = msgspec.structs.replace(known[signer_id], active=active)
            write_whole(self._file(signer_id), format_toml(changed))

    def _add(self, signer: SignerT) -> SignerT:
        """Write a new file.

        Raises:
            RequestError: AGENCY_MALFORMED, KEY_DUPLICATE.
            SetupError: the folder cannot be written.
        """
        try:
            msgspec.convert(msgspec.to_builtins(signer), type(signer))
        except msgspec.ValidationError as error:
            raise RequestError("AGENCY_MALFORMED", str(error)) from None
        with locked(self._folder):
            if self._file(signer.id).exists():
                raise RequestError("AGENCY_MALFORMED", f"{self._what} {signer.id} is there already")
            site = load_site(self._loaded.folder)
            known = {key.id for agency in site.agencies for key in agency.keys}
            known |= {key.id for auditor in site.auditors for key in auditor.keys}
            known |= {key.id for department in site.departments for key in department.keys}
            for key in signer.keys:
                if key.id in known:
                    raise RequestError("KEY_DUPLICATE", f"somebody has a key `{key.id}`")
            write_whole(self._file(signer.id), format_toml(signer))
        return signer

    def _file(self, signer_id: str) -> Path:
        return self._folder / f"{signer_id}.toml"


def key_record(signer_id: str, key: ReadKey) -> AgencyKey:
    """The record of a first key, named after who signs and the key's thumbprint."""
    keyid = f"{signer_id}-{key.thumbprint[:_THUMBPRINT_LENGTH]}"
    return AgencyKey(keyid, key.algorithm, key.public, key.not_before, key.not_after)
