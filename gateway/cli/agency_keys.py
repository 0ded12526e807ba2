# SPDX-License-Identifier: Apache-2.0
"""`yizheng keys register|rotate|revoke|list`: the public keys that agencies sign with."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gateway.cli.agency import AgencyArgument
from gateway.cli.config import SiteOption
from gateway.cli.output import JsonOption, print_json, print_table, read_named

if TYPE_CHECKING:
    from gateway.crypto.public_key import ReadKey
    from gateway.model.agency import AgencyKey

FileArgument = Annotated[
    Path, typer.Argument(help="Public key: PEM, JWK, or X.509 certificate in PEM.")
]
KeyidOption = Annotated[
    str | None, typer.Option(help="Its id in signatures; without one, made of agency and key.")
]


def register(
    agency: AgencyArgument,
    file: FileArgument,
    keyid: KeyidOption = None,
    not_before: Annotated[str | None, typer.Option(help="First valid, with zone.")] = None,
    not_after: Annotated[str | None, typer.Option(help="Last valid, with zone.")] = None,
    site: SiteOption = Path(),
    as_json: JsonOption = False,
) -> None:
    """Register a public key of an agency. Comments in the agency's file are lost.

    Example: `yizheng keys register yq-gjj agency.pub.pem --not-after 2027-12-31T16:00:00Z`
    """
    from gateway.agencies import AgencyFolder, make_key
    from gateway.cli.period import parse_time

    key = make_key(
        agency,
        read_key(file),
        keyid=keyid,
        not_before=None if not_before is None else parse_time(not_before),
        not_after=None if not_after is None else parse_time(not_after),
    )
    _refuse_past(key)
    AgencyFolder(site).register(agency, key)
    _say({"agency": agency, "registered": key.id}, as_json=as_json)


def rotate(
    agency: AgencyArgument,
    old: Annotated[str, typer.Argument(help="Id of the key that is to end.")],
    new_file: FileArgument,
    overlap: Annotated[str, typer.Option(help="How long both are valid: 90s, 30m, 12h, 7d.")],
    keyid: KeyidOption = None,
    site: SiteOption = Path(),
    as_json: JsonOption = False,
) -> None:
    """Start a new key now and end the old one later. Comments in the file are lost.

    Example: `yizheng keys rotate yq-gjj yq-gjj-2026 new.pub.pem --overlap 7d`
    """
    from gateway.agencies import AgencyFolder, make_key
    from gateway.cli.period import parse_duration

    key = make_key(agency, read_key(new_file), keyid=keyid)
    _refuse_past(key)
    now = datetime.now(UTC).replace(microsecond=0)
    ends = AgencyFolder(site).rotate(agency, old, key, now=now, overlap=parse_duration(overlap))
    _say(
        {"agency": agency, "registered": key.id, "ending": old, "ends": ends.isoformat()},
        as_json=as_json,
    )


def revoke(
    agency: AgencyArgument,
    keyid: Annotated[str, typer.Argument(help="Id of the key.")],
    site: SiteOption = Path(),
    as_json: JsonOption = False,
) -> None:
    """Make a key invalid for ever; it stays listed. Comments in the file are lost.

    Example: `yizheng keys revoke yq-gjj yq-gjj-2026`
    """
    from gateway.agencies import AgencyFolder

    AgencyFolder(site).revoke(agency, keyid)
    _say({"agency": agency, "revoked": keyid}, as_json=as_json)


def list_keys(site: SiteOption = Path(), as_json: JsonOption = False) -> None:
    """List all keys of all agencies with their period and state, revoked ones as well.

    Example: `yizheng keys list --site my-site --json`
    """
    from gateway.agencies import AgencyFolder

    now = datetime.now(UTC)
    rows = [
        {
            "agency": agency.id,
            "keyid": key.id,
            "algorithm": key.algorithm,
            "state": _state(key, now),
            "not_before": None if key.not_before is None else key.not_before.isoformat(),
            "not_after": None if key.not_after is None else key.not_after.isoformat(),
        }
        for agency in AgencyFolder(site).read_all()
        for key in agency.keys
    ]
    if as_json:
        print_json(rows)
    else:
        columns = ["agency", "keyid", "algorithm", "state", "not before", "not after"]
        print_table("Keys", columns, [list(row.values()) for row in rows])


def _state(key: "AgencyKey", now: datetime) -> str:
    if key.revoked:
        return "revoked"
    if key.not_after is not None and key.not_after < now:
        return "expired"
    return "pending" if key.not_before is not None and key.not_before > now else "active"


def _refuse_past(key: "AgencyKey") -> None:
    from gateway.errors import RequestError

    if key.not_after is not None and key.not_after <= datetime.now(UTC):
        raise RequestError("PERIOD_INVALID", "the key has ended already")


def read_key(file: Path) -> "ReadKey":
    """Read a public key from a file that a person named."""
    from gateway.crypto.public_key import read_public_key

    return read_public_key(read_named(file, "a public key"))


def _say(facts: dict[str, str], *, as_json: bool) -> None:
    if as_json:
        print_json(facts)
    else:
        print_table("Done", ["what", "value"], facts.items())
