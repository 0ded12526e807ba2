# SPDX-License-Identifier: Apache-2.0
"""Reports of months in `var/reports`: three files that are there together, or none that counts.

Rules:

1. A report is there exactly if its `.jws` is. That one is renamed to its place last, when the two
   others are known to be in theirs; so whatever was interrupted is made again.
2. All three are written and synced as drafts first: a full disk changes nothing.
3. One maker at a time. A final report is frozen; a preliminary one gives way to the next.
"""

import os
from pathlib import Path
from typing import Final, Literal, final

from gateway.errors import RequestError
from gateway.keyring import write_private
from gateway.site_file import locked

#: Below the site's state.
FOLDER: Final = "reports"
_FORMS: Final = ("xlsx", "json", "jws")
_PRIVATE_FOLDER: Final = 0o700


@final
class FrozenReports:
    """The reports of a site.

    Args:
        state: folder of the site's state.
    """

    def __init__(self, state: Path) -> None:
        self._folder: Final = state / FOLDER

    def files(self, month: str, *, is_final: bool = True) -> tuple[Path, Path, Path]:
        """Where workbook, JSON and JWS of a month are, or will be."""
        name = f"kpi-{month}{'' if is_final else '-preliminary'}"
        workbook, payload, signed = (self._folder / f"{name}.{form}" for form in _FORMS)
        return workbook, payload, signed

    def check_absent(self, month: str) -> None:
        """See that a month's final report was not made.

        Raises:
            RequestError: REPORT_EXISTS.
        """
        *_, signed = self.files(month)
        if signed.exists():
            raise RequestError("REPORT_EXISTS", str(signed))

    def read(self, month: str, form: Literal["xlsx", "jws"]) -> bytes | None:
        """A month's final report; None where it was not made.

        Raises:
            OSError: it is there and cannot be read.
        """
        workbook, _, signed = self.files(month)
        try:
            proof = signed.read_bytes()
        except FileNotFoundError:
            return None
        return proof if form == "jws" else workbook.read_bytes()

    def write(self, month: str, report: tuple[bytes, bytes, bytes], *, is_final: bool) -> None:
        """Keep a month's workbook, JSON and JWS.

        Raises:
            RequestError: REPORT_EXISTS; somebody else has frozen it meanwhile.
            SetupError: it cannot be written; the report is as it was before.
        """
        files = self.files(month, is_final=is_final)
        drafts = [file.with_name(f".{file.name}.new") for file in files]
        *others, (signed_draft, signed) = zip(drafts, files, strict=True)
        with locked(self._folder, mode=_PRIVATE_FOLDER):
            if is_final:
                self.check_absent(month)
            try:
                for draft, content in zip(drafts, report, strict=True):
                    draft.unlink(missing_ok=True)  # of one that was killed
                    write_private(draft, content)
                signed.unlink(missing_ok=True)  # of a preliminary one before
                for draft, file in others:
                    draft.replace(file)
                _sync(self._folder)
                signed_draft.replace(signed)
            finally:
                for draft in drafts:
                    draft.unlink(missing_ok=True)


def _sync(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
