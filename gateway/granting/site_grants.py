# SPDX-License-Identifier: Apache-2.0
"""Versions of grants in `grants/<id>.toml`: the next one is added, and none is ever changed.

1. A version is written whole or not at all, at the end of its file; what stands before it, comments
   too, stays. Files that people wrote are left alone: of a grant that stands in one of them, the
   next version goes to its own file.
2. Before it is written, the site is checked as the gateway would check it, with it. A mistake is
   found by who makes it, not at the next reload.
3. A grant's id stays with one agency and one certificate: daily caps count by it.
"""

from collections.abc import Callable, Mapping
from datetime import date
from pathlib import Path
from typing import Final, Literal

import msgspec

from gateway.config import Site, check_references, load_grants, load_site
from gateway.errors import RequestError, SetupError
from gateway.granting.procedure import Hand, check_words
from gateway.model.agency_file import format_toml
from gateway.model.certificate import CertificateType
from gateway.model.grant import Grant, newest_versions
from gateway.policy.policy import GrantPolicy
from gateway.reload import check_grants
from gateway.site_file import locked, write_whole

Certificates = Mapping[str, CertificateType]
GrantState = Literal["in_force", "not_yet", "ended", "revoked", "not_shared"]
#: Makes the next version, from its number and those before it.
MakeNext = Callable[[int, list[Grant]], Grant]


class _Table(msgspec.Struct, frozen=True):
    grants: tuple[Grant, ...]


def check_grant(site: Site, grant: Grant, certificates: Certificates) -> None:
    """Check a version as the gateway would at its next start.

    Raises:
        RequestError: APPLICATION_MALFORMED.
    """
    together = msgspec.structs.replace(site, grants=(*site.grants, grant))
    try:
        check_references(together)
        if grant.certificate in certificates:
            check_grants((grant,), certificates)
        GrantPolicy((grant,))
    except SetupError as error:
        raise RequestError("APPLICATION_MALFORMED", error.detail) from None


def state_of(grant: Grant, site: Site, today: date) -> GrantState:
    """Whether the newest version of a grant permits anything today."""
    if any(each.type == "none" for each in site.shares if each.certificate == grant.certificate):
        return "not_shared"
    if grant.revoked is not None:
        return "revoked"
    if today < grant.valid_from:
        return "not_yet"
    return "in_force" if today <= grant.valid_until else "ended"


class SiteGrants:
    """The grants of a site that may be serving.

    Args:
        folder: the site's.
        certificates: of its adapters.
    """

    def __init__(self, folder: Path, certificates: Certificates) -> None:
        self._folder: Final = folder.resolve()
        self._certificates: Final = certificates

    def issue(self, grant_id: str, make: MakeNext) -> Grant:
        """Add the next version of a grant.

        Args:
            make: may raise whatever it finds wrong; nothing is written then. What it makes must
                have the number that it is given, or be one of those before, which is left alone.

        Raises:
            RequestError: APPLICATION_MALFORMED.
        """
        with locked(self._folder / "grants"):
            site = load_site(self._folder)
            before = [grant for grant in site.grants if grant.id == grant_id]
            made = make(max((each.version for each in before), default=0) + 1, before)
            if made in before:
                return made
            for each in before:
                if (each.agency, each.certificate) != (made.agency, made.certificate):
                    raise RequestError(
                        "APPLICATION_MALFORMED",
                        f"grant {each.reference} is of {each.certificate} to {each.agency}; "
                        "another grant takes another id",
                    )
            check_grant(site, made, self._certificates)
            self._add(made)
            return made

    def revoke(self, grant_id: str, hand: Hand, *, reason: str) -> Grant:
        """Add a version that permits nothing.

        Raises:
            RequestError: GRANT_UNKNOWN, or GRANT_REVOKED where it was revoked before.
        """
        check_words(reason)
        check_words(hand.by)

        def make(version: int, before: list[Grant]) -> Grant:
            if not before:
                raise RequestError("GRANT_UNKNOWN", f"no grant `{grant_id}` stands under grants/")
            (newest,) = newest_versions(before)
            if newest.revoked is not None:
                raise RequestError("GRANT_REVOKED", f"it was, by {newest.reference}")
            return msgspec.structs.replace(
                newest,
                version=version,
                revoked=reason,
                application=None,
                made_by=hand.by,
                made_at=hand.at,
            )

        return self.issue(grant_id, make)

    def _add(self, grant: Grant) -> None:
        file = self._folder / "grants" / f"{grant.id}.toml"
        text = file.read_text(encoding="utf-8") if file.exists() else ""
        table = format_toml(_Table((grant,)))
        parted = text if not text or text.endswith("\n") else text + "\n"
        added = parted + table if text else table.lstrip()
        try:
            held = msgspec.toml.decode(added, type=_Table).grants
        except msgspec.DecodeError:
            held = ()
        if held != (*(load_grants(file, self._folder) if text else ()), grant):
            raise SetupError(
                "cannot take another table",
                where=f"grants/{file.name}",
                remedy="write each of its grants as a table [[grants]].",
            )
        write_whole(file, added)
