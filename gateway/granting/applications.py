# SPDX-License-Identifier: Apache-2.0
"""Applications of a site, in `applications/<id>.toml`: each step read, decided, written whole.

1. One step at a time: the folder is locked from reading to writing (`gateway.site_file`).
2. Consent writes the grant first and the application after it. Should the machine stop between the
   two, the same step, taken again, finds the version that was made and only notes it.
3. Of a certificate that no adapter answers yet, consent is noted and the data are still to come:
   `provide` makes the grant once an adapter answers.
"""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec

from gateway.config import load_site
from gateway.errors import RequestError, SetupError
from gateway.granting import procedure
from gateway.granting.procedure import Hand, Periods
from gateway.granting.site_grants import Certificates, SiteGrants, check_grant
from gateway.model.agency_file import format_toml
from gateway.model.application import Application
from gateway.model.grant import Grant
from gateway.site_file import locked, write_whole
from gateway.toml_file import load_toml, toml_files

_FOLDER: Final = "applications"
_ID: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")


class Applications:
    """The applications of a site that may be serving.

    Args:
        folder: the site's.
        certificates: of its adapters.

    Attributes:
        site: as it was read when this was made.
        grants: where what is approved goes.
        periods: deadlines of this site.

    Raises:
        SetupError: the site cannot be used.
    """

    def __init__(self, folder: Path, certificates: Certificates) -> None:
        self.site: Final = load_site(folder)
        self._folder: Final = self.site.folder / _FOLDER
        self._certificates: Final = certificates
        self.grants: Final = SiteGrants(self.site.folder, certificates)
        self.periods: Final = Periods(self.site.config.grants, self.site.calendar)

    def read_all(self) -> list[Application]:
        """All of them, by id.

        Raises:
            SetupError: a file that cannot be used.
        """
        return [self._load(file) for file in toml_files(self.site.folder, _FOLDER)]

    def draft(self, application: Application, hand: Hand) -> Application:
        """Begin one that is still to be sent.

        Raises:
            RequestError: APPLICATION_DUPLICATE, or as `submit`.
        """
        self._check(application)
        return self._begin(procedure.draft(application, hand))

    def apply(self, application: Application, hand: Hand) -> Application:
        """Begin one and send it to the department, in one step.

        Raises:
            RequestError: APPLICATION_DUPLICATE, or as `submit`.
        """
        return self._begin(self._submitted(procedure.draft(application, hand), hand))

    def submit(self, application_id: str, hand: Hand) -> Application:
        """Send a draft to the department.

        Raises:
            RequestError: APPLICATION_UNKNOWN, APPLICATION_STATE, APPLICATION_MALFORMED, NOT_SHARED.
        """
        return self._change(application_id, lambda each: self._submitted(each, hand))

    def ask_supplement(self, application_id: str, hand: Hand, *, missing: str) -> Application:
        """Tell once, and all together, what is missing.

        Raises:
            RequestError: as `submit`.
        """
        return self._change(
            application_id, lambda each: procedure.ask_supplement(each, hand, missing=missing)
        )

    def supplement(
        self, application_id: str, hand: Hand, *, given: str, impact_assessment: str | None
    ) -> Application:
        """Supply what was missing.

        Raises:
            RequestError: as `submit`.
        """
        return self._change(
            application_id,
            lambda each: procedure.supplement(
                each, hand, given=given, impact_assessment=impact_assessment, periods=self.periods
            ),
        )

    def extend(
        self, application_id: str, hand: Hand, *, days: int, consent: str, notice: str
    ) -> Application:
        """Put the reply off.

        Raises:
            RequestError: as `submit`.
        """
        return self._change(
            application_id,
            lambda each: procedure.extend(
                each, hand, days=days, consent=consent, notice=notice, periods=self.periods
            ),
        )

    def refuse(
        self, application_id: str, hand: Hand, *, reasons: str, incomplete: bool
    ) -> Application:
        """Say no.

        Raises:
            RequestError: as `submit`.
        """
        return self._change(
            application_id,
            lambda each: procedure.refuse(each, hand, reasons=reasons, incomplete=incomplete),
        )

    def approve(self, application_id: str, hand: Hand, *, note: str = "") -> Application:
        """Consent, and make the grant where an adapter answers.

        Raises:
            RequestError: as `submit`; ASSESSMENT_MISSING.
        """

        def step(each: Application) -> Application:
            approved = procedure.approve(each, hand, note=note, periods=self.periods)
            procedure.share_of(each.certificate, self.site.shares)
            known = self._certificates.get(each.certificate)
            procedure.check_assessed(each, known, self.site.config.grants)
            if known is None:
                return approved
            return self._provided(approved, hand)

        return self._change(application_id, step)

    def provide(self, application_id: str, hand: Hand) -> Application:
        """Make the grant of an application that was approved before an adapter answered.

        Raises:
            RequestError: as `approve`; APPLICATION_STATE too while no adapter answers.
        """

        def step(each: Application) -> Application:
            procedure.provide(each, hand, version=1)  # whether it is its turn
            procedure.share_of(each.certificate, self.site.shares)
            if each.certificate not in self._certificates:
                raise RequestError(
                    "APPLICATION_STATE", f"no adapter answers {each.certificate} here yet"
                )
            return self._provided(each, hand)

        return self._change(application_id, step)

    def _provided(self, approved: Application, hand: Hand) -> Application:
        def make(version: int, before: list[Grant]) -> Grant:
            for grant in before:
                if grant.application == approved.id:
                    return grant  # rule 2
            return approved.as_grant(version, by=hand.by, at=hand.at)

        made = self.grants.issue(approved.grant, make)
        return procedure.provide(approved, hand, version=made.version)

    def _submitted(self, application: Application, hand: Hand) -> Application:
        self._check(application)
        share = procedure.share_of(application.certificate, self.site.shares)
        return procedure.submit(application, hand, share=share, periods=self.periods)

    def _begin(self, application: Application) -> Application:
        with locked(self._folder):
            if self._file(application.id).exists():
                raise RequestError(
                    "APPLICATION_DUPLICATE", f"{_FOLDER}/{application.id}.toml is there"
                )
            self._write(application)
        return application

    def _change(
        self, application_id: str, step: Callable[[Application], Application]
    ) -> Application:
        with locked(self._folder):
            file = self._file(application_id)
            if not file.is_file():
                raise RequestError("APPLICATION_UNKNOWN", f"there is no {_FOLDER}/{file.name}")
            after = step(self._load(file))
            self._write(after)
        return after

    def _write(self, application: Application) -> None:
        text = format_toml(application)
        assert msgspec.toml.decode(text, type=Application) == application
        write_whole(self._file(application.id), text)

    def _check(self, application: Application) -> None:
        """Refuse one whose grant could not be used, while it may still be mended."""
        before = [each.version for each in self.site.grants if each.id == application.grant]
        grant = application.as_grant(max(before, default=0) + 1)
        check_grant(self.site, grant, self._certificates)

    def _load(self, file: Path) -> Application:
        application = load_toml(file, Application, self.site.folder)
        if application.id != file.stem:
            raise SetupError(
                f"is `{application.id}`, but the file is named `{file.name}`",
                where=f"{_FOLDER}/{file.name}: $.id",
                remedy="make them equal.",
            )
        return application

    def _file(self, application_id: str) -> Path:
        if not _ID.fullmatch(application_id):
            raise RequestError("APPLICATION_MALFORMED", "the id is not well-formed")
        return self._folder / f"{application_id}.toml"
