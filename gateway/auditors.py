# SPDX-License-Identifier: Apache-2.0
"""Changes of `auditors/<id>.toml`."""

from pathlib import Path

from gateway.config import load_auditor
from gateway.crypto.public_key import ReadKey
from gateway.model.auditor import Auditor, Role
from gateway.signer_folder import SignerFolder, key_record


class AuditorFolder(SignerFolder[Auditor]):
    """The auditors of a site.

    Args:
        site: the site's folder.

    Raises:
        SetupError: it is no site.
    """

    def __init__(self, site: Path) -> None:
        super().__init__(site, "auditors", "auditor", load_auditor)

    def add(self, auditor_id: str, name: str, roles: tuple[Role, ...], key: ReadKey) -> Auditor:
        """Add an auditor with one key.

        Raises:
            RequestError: AGENCY_MALFORMED, KEY_DUPLICATE.
            SetupError: the folder cannot be written.
        """
        keys = (key_record(auditor_id, key),)
        return self._add(Auditor(auditor_id, name, tuple(dict.fromkeys(roles)), keys=keys))
