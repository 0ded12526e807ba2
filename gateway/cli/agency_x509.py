# SPDX-License-Identifier: Apache-2.0
"""`yizheng agency x509`: the X.509 certificates with which an agency's systems connect."""

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from gateway.cli.agency import AgencyArgument
from gateway.cli.config import SiteOption
from gateway.cli.output import JsonOption, print_json, print_table, read_named

if TYPE_CHECKING:
    from gateway.crypto.x509 import ConnectionX509

app: Final = typer.Typer(
    help="Bind an agency to the X.509 certificates of its connections (mutual TLS).",
    no_args_is_help=True,
)
_SHA256: Final = re.compile(r"[0-9a-f]{64}")


@app.command("add")
def add(
    agency: AgencyArgument,
    file: Annotated[Path, typer.Argument(help="X.509 certificate: PEM or DER.")],
    site: SiteOption = Path(),
    as_json: JsonOption = False,
) -> None:
    """Accept an agency's requests over connections with this X.509 certificate, and over no other.

    Example: `yizheng agency x509 add yq-gjj agency.crt`
    """
    from gateway.agencies import AgencyFolder
    from gateway.errors import RequestError

    found = _read(file)
    if found.not_after <= datetime.now(UTC):
        raise RequestError("X509_UNUSABLE", "it has ended already")
    AgencyFolder(site).add_x509(agency, found.sha256)
    _say(agency, "added", found.sha256, as_json=as_json)


@app.command("remove")
def remove(
    agency: AgencyArgument,
    what: Annotated[str, typer.Argument(help="Its file, or its SHA-256 in hexadecimal.")],
    site: SiteOption = Path(),
    as_json: JsonOption = False,
) -> None:
    """Refuse an agency's requests over connections with this X.509 certificate.

    Example: `yizheng agency x509 remove yq-gjj old.crt`
    """
    from gateway.agencies import AgencyFolder

    sha256 = what if _SHA256.fullmatch(what) else _read(Path(what)).sha256
    AgencyFolder(site).remove_x509(agency, sha256)
    _say(agency, "removed", sha256, as_json=as_json)


def _read(file: Path) -> "ConnectionX509":
    from gateway.crypto.x509 import read_connection_x509

    return read_connection_x509(read_named(file, "an X.509 certificate"))


def _say(agency: str, done: str, sha256: str, *, as_json: bool) -> None:
    if as_json:
        print_json({"agency": agency, "done": done, "x509_sha256": sha256})
    else:
        print_table(f"{agency}: {done}", ["X.509, SHA-256"], [[sha256]])
