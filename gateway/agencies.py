# SPDX-License-Identifier: Apache-2.0
"""Changes of `agencies/<id>.toml`: agencies come and are disabled, keys are registered and revoked.

1. A change is written whole or not at all (`gateway.site_file`). A running gateway takes it by
   itself (`gateway.reload`).
2. One change at a time: the folder is locked from reading to writing.
3. Nothing is forgotten: agencies are disabled and keys revoked, never deleted, because entries of
   the audit log name them.
4. A key belongs to one agency under one id, for ever. A revoked one cannot come back.
"""

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import msgspec

from gateway.config import GatewayConfig, load_agency
from gateway.crypto.keys import thumbprint
from gateway.crypto.public_key import ReadKey
from gateway.errors import GatewayError, RequestError, SetupError
from gateway.model.agency import Agency, AgencyKey
from gateway.model.agency_file import format_agency, parse_agency
from gateway.model.ids import check_cn_uscc
from gateway.site_file import locked, write_whole
from gateway.toml_file import load_toml, toml_files

_KEYID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:@/-]{0,63}")
_DIVISION: Final = re.compile(r"[0-9]{6}|[0-9]{12}")
_MAX_KEYID_LENGTH: Final = 64
_THUMBPRINT_LENGTH: Final = 8

replace = msgspec.structs.replace


class AgencyFolder:
    """The agencies of a site that may be serving.

    Args:
        site: the site's folder.
    """

    def __init__(self, site: Path) -> None:
        self._site: Final = site.resolve()
        self._folder: Final = self._site / "agencies"
        if not (self._site / "gateway.toml").is_file():
            raise SetupError(
                "there is no gateway.toml in this folder",
                where=str(self._site),
                remedy="name a site folder, or make one with `yizheng init FOLDER`.",
            )

    def read_all(self) -> list[Agency]:
        """All agencies, by id.

        Raises:
            SetupError: a file that cannot be used.
        """
        return [load_agency(file, self._site) for file in toml_files(self._site, "agencies")]

    def add(self, agency: Agency) -> None:
        """Add an agency.

        Raises:
            RequestError: AGENCY_MALFORMED or AGENCY_DUPLICATE.
        """
        _check(agency)
        with locked(self._folder):
            if self._file(agency.id).exists():
                raise RequestError("AGENCY_DUPLICATE", f"agencies/{agency.id}.toml is there")
            self._write(agency)

    def set_active(self, agency_id: str, *, active: bool) -> None:
        """Disable or enable an agency.

        Raises:
            RequestError: AGENCY_UNKNOWN.
        """
        self._change(agency_id, lambda agency: replace(agency, active=active))

    def register(self, agency_id: str, key: AgencyKey) -> None:
        """Add a key.

        Raises:
            RequestError: AGENCY_UNKNOWN, AGENCY_MALFORMED, KEY_DUPLICATE or PERIOD_INVALID.
        """

        def change(agency: Agency) -> Agency:
            self._refuse_duplicate(key)
            return replace(agency, keys=(*agency.keys, key))

        _check_key(key)
        self._change(agency_id, change)

    def rotate(
        self, agency_id: str, old: str, key: AgencyKey, *, now: datetime, overlap: timedelta
    ) -> datetime:
        """Add a key that starts now, and let the old one end after `overlap`.

        Returns:
            When the old key ends; never later than it would have.

        Raises:
            RequestError: as `register`; KEY_UNKNOWN or KEY_INACTIVE for the old key.
        """
        ends: list[datetime] = []

        def change(agency: Agency) -> Agency:
            before = _find(agency, old)
            if before.revoked or (before.not_after is not None and before.not_after <= now):
                raise RequestError("KEY_INACTIVE", f"key `{old}` is over; register the new one")
            ends.append(min(before.not_after or now + overlap, now + overlap))
            if started.not_before is not None and started.not_before > ends[0]:
                raise RequestError("PERIOD_INVALID", "the new key starts after the old one's end")
            self._refuse_duplicate(started)
            shortened = _with_key(agency, replace(before, not_after=ends[0]))
            return replace(shortened, keys=(*shortened.keys, started))

        started = replace(key, not_before=max(key.not_before or now, now))
        _check_key(started)
        self._change(agency_id, change)
        return ends[0]

    def revoke(self, agency_id: str, keyid: str) -> None:
        """Make a key invalid for ever.

        Raises:
            RequestError: AGENCY_UNKNOWN or KEY_UNKNOWN.
        """
        self._change(
            agency_id,
            lambda agency: _with_key(agency, replace(_find(agency, keyid), revoked=True)),
        )

    def add_x509(self, agency_id: str, sha256: str) -> None:
        """Let connections with this X.509 certificate bring requests of the agency.

        Raises:
            RequestError: AGENCY_UNKNOWN.
            SetupError: no connection can present one here.
        """
        if load_toml(self._site / "gateway.toml", GatewayConfig, self._site).http.client_ca is None:
            raise SetupError(
                "no client is asked for an X.509 certificate",
                where="gateway.toml: $.http.client_ca",
                remedy="name the authorities of clients there and restart, then add it.",
            )
        self._change(
            agency_id,
            lambda agency: replace(
                agency, x509_sha256=tuple(dict.fromkeys((*agency.x509_sha256, sha256)))
            ),
        )

    def remove_x509(self, agency_id: str, sha256: str) -> None:
        """Refuse requests of the agency over connections with this X.509 certificate.

        Raises:
            RequestError: AGENCY_UNKNOWN; X509_UNUSABLE for one that is not registered, or that is
                the last: without any, every connection would do.
        """

        def change(agency: Agency) -> Agency:
            kept = tuple(known for known in agency.x509_sha256 if known != sha256)
            if kept == agency.x509_sha256:
                raise RequestError("X509_UNUSABLE", "it is not registered for this agency")
            if not kept:
                raise RequestError(
                    "X509_UNUSABLE", "it is the last one: disable the agency, or edit its file"
                )
            return replace(agency, x509_sha256=kept)

        self._change(agency_id, change)

    def _change(self, agency_id: str, change: Callable[[Agency], Agency]) -> None:
        with locked(self._folder):
            file = self._file(agency_id)
            if not file.is_file():
                raise RequestError("AGENCY_UNKNOWN", f"there is no agencies/{file.name}")
            before = load_agency(file, self._site)
            after = change(before)
            if after != before:
                self._write(after)

    def _file(self, agency_id: str) -> Path:
        if not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,62}", agency_id):
            raise RequestError("AGENCY_MALFORMED", "the id of the agency is not well-formed")
        return self._folder / f"{agency_id}.toml"

    def _refuse_duplicate(self, key: AgencyKey) -> None:
        wanted = thumbprint(key.public)
        for agency in self.read_all():
            for known in agency.keys:
                where = f"agencies/{agency.id}.toml has "
                if known.id == key.id:
                    raise RequestError("KEY_DUPLICATE", f"{where}a key with the id `{known.id}`")
                if _thumbprint(known) == wanted:
                    raise RequestError("KEY_DUPLICATE", f"{where}this key as `{known.id}`")

    def _write(self, agency: Agency) -> None:
        text = format_agency(agency)
        assert parse_agency(text) == agency
        write_whole(self._file(agency.id), text)


def make_key(
    agency_id: str,
    found: ReadKey,
    *,
    keyid: str | None = None,
    not_before: datetime | None = None,
    not_after: datetime | None = None,
) -> AgencyKey:
    """A key record out of a file's key.

    Without a `keyid` it is the agency's id and the start of the key's thumbprint. A period that is
    not given is the certificate's; one that is given cannot reach beyond it.
    """
    if keyid is None:
        short = found.thumbprint[:_THUMBPRINT_LENGTH]
        keyid = f"{agency_id[: _MAX_KEYID_LENGTH - _THUMBPRINT_LENGTH - 1]}-{short}"
    return AgencyKey(
        keyid,
        found.algorithm,
        found.public,
        max((t for t in (not_before, found.not_before) if t is not None), default=None),
        min((t for t in (not_after, found.not_after) if t is not None), default=None),
    )


def _check(agency: Agency) -> None:
    if not agency.name.strip() or not agency.name.isprintable():
        raise RequestError("AGENCY_MALFORMED", "the name is empty or cannot be printed")
    if agency.uscc is not None and (failed := check_cn_uscc(agency.uscc).reason):
        raise RequestError("AGENCY_MALFORMED", f"the unified social credit code fails: {failed}")
    if agency.division is not None and not _DIVISION.fullmatch(agency.division):
        raise RequestError("AGENCY_MALFORMED", "the division code has not 6 or 12 digits")


def _check_key(key: AgencyKey) -> None:
    if not _KEYID.fullmatch(key.id):
        raise RequestError(
            "AGENCY_MALFORMED", "a key id has 1 to 64 letters, digits or any of . _ : @ / -"
        )
    if key.not_before is not None and key.not_after is not None and key.not_after <= key.not_before:
        raise RequestError("PERIOD_INVALID", "the key would end before it starts")


def _thumbprint(key: AgencyKey) -> str | None:
    try:
        return thumbprint(key.public)
    except GatewayError:
        return None  # a key that cannot be used equals none that can


def _find(agency: Agency, keyid: str) -> AgencyKey:
    for key in agency.keys:
        if key.id == keyid:
            return key
    raise RequestError("KEY_UNKNOWN", f"agency {agency.id} has no key with this id")


def _with_key(agency: Agency, changed: AgencyKey) -> Agency:
    keys = tuple(changed if key.id == changed.id else key for key in agency.keys)
    return replace(agency, keys=keys)
