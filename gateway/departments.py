# SPDX-License-Identifier: Apache-2.0
"""Changes of `departments/<id>.toml`."""

from pathlib import Path

from gateway.config import load_department
from gateway.crypto.public_key import ReadKey
from gateway.errors import RequestError
from gateway.model.department import Department
from gateway.signer_folder import SignerFolder, key_record


class DepartmentFolder(SignerFolder[Department]):
    """The departments of a site that may signal changes.

    Args:
        site: the site's folder.

    Raises:
        SetupError: it is no site.
    """

    def __init__(self, site: Path) -> None:
        super().__init__(site, "departments", "department", load_department)

    def add(
        self, department_id: str, name: str, adapters: tuple[str, ...], key: ReadKey
    ) -> Department:
        """Add a department with one key.

        Raises:
            RequestError: AGENCY_MALFORMED, KEY_DUPLICATE.
            SetupError: the folder cannot be written.
        """
        known = {adapter.name for adapter in self._loaded.adapters}
        if unknown := sorted(set(adapters) - known):
            raise RequestError(
                "AGENCY_MALFORMED",
                f"there is no adapters/{unknown[0]}.toml; there are: {', '.join(sorted(known))}",
            )
        keys = (key_record(department_id, key),)
        return self._add(Department(department_id, name, tuple(dict.fromkeys(adapters)), keys=keys))
