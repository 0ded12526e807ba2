# SPDX-License-Identifier: Apache-2.0
"""`yizheng auditor`: who may read the log; and how a command knows its auditor."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from gateway.cli.config import SiteOption
from gateway.cli.output import JsonOption, print_json, print_table

if TYPE_CHECKING:
    from gateway.audit.desk import Desk
    from gateway.audit.log import Log
    from gateway.config import Site

app: Final = typer.Typer(help="Add, disable, enable and list auditors.", no_args_is_help=True)
AuditorArgument = Annotated[str, typer.Argument(help="The auditor's id.")]
AsOption = Annotated[
    str, typer.Option("--as", envvar="YIZHENG_AUDITOR", help="The auditor who acts.")
]
AuditorKeyOption = Annotated[
    Path,
    typer.Option("--key", envvar="YIZHENG_AUDITOR_KEY", help="The auditor's private key in PEM."),
]
ReasonOption = Annotated[str, typer.Option("--reason", help="Why the log is read; recorded in it.")]


@app.command("add")
def add(
    auditor: AuditorArgument,
    public: Annotated[Path, typer.Argument(help="Public key: PEM, JWK or X.509 in PEM.")],
    name: Annotated[str, typer.Option(help="Name in words.")],
    role: Annotated[
        list[str],
        typer.Option(
            help="read (search, view, export), approve (unmasking), keep (hold, erase), supervise."
        ),
    ],
    site: SiteOption = Path(),
    as_json: JsonOption = False,
) -> None:
    """Add an auditor with a public key; `yizheng keys new` makes a pair.

    Example: `yizheng auditor add zhao auditor.pub.pem --name 审计员甲 --role read`
    """
    from gateway.auditors import AuditorFolder
    from gateway.cli.agency_keys import read_key

    added = AuditorFolder(site).add(auditor, name, tuple(role), read_key(public))  # type: ignore[arg-type] # checked there
    facts = {"auditor": added.id, "key": added.keys[0].id, "roles": list(added.roles)}
    if as_json:
        print_json(facts)
    else:
        print_table("Auditor added", ["what", "value"], facts.items())


@app.command("disable")
def disable(
    auditor: AuditorArgument, site: SiteOption = Path(), as_json: JsonOption = False
) -> None:
    """Refuse an auditor's acts from now on.

    Example: `yizheng auditor disable zhao`
    """
    _set_active(auditor, site, active=False, as_json=as_json)


@app.command("enable")
def enable(
    auditor: AuditorArgument, site: SiteOption = Path(), as_json: JsonOption = False
) -> None:
    """Let a disabled auditor act again.

    Example: `yizheng auditor enable zhao`
    """
    _set_active(auditor, site, active=True, as_json=as_json)


@app.command("list")
def list_auditors(site: SiteOption = Path(), as_json: JsonOption = False) -> None:
    """Show all auditors with their roles and keys.

    Example: `yizheng auditor list --json`
    """
    from gateway.auditors import AuditorFolder

    rows = [
        {
            "auditor": auditor.id,
            "name": auditor.name,
            "active": auditor.active,
            "roles": list(auditor.roles),
            "keys": [key.id for key in auditor.keys],
        }
        for auditor in AuditorFolder(site).read_all()
    ]
    if as_json:
        print_json(rows)
        return
    cells = (
        (
            row["auditor"],
            row["name"],
            "yes" if row["active"] else "no",
            " ".join(map(str, row["roles"])),  # type: ignore[call-overload] # a list of texts
            " ".join(map(str, row["keys"])),  # type: ignore[call-overload] # the same
        )
        for row in rows
    )
    print_table("Auditors 审计人员", ["auditor", "name", "active", "roles", "keys"], cells)


def open_desk(site: "Site", auditor_id: str, key: Path) -> "Desk":
    """The desk of an auditor, for commands that read the log.

    Raises:
        RequestError: AUDITOR_REFUSED.
        SetupError: the key, or the site's own keys, cannot be used.
    """
    from datetime import UTC, datetime

    from gateway import keyring
    from gateway.audit.desk import Desk, append_through
    from gateway.crypto.keys import load_signer, public_pem
    from gateway.errors import RequestError

    found = next((auditor for auditor in site.auditors if auditor.id == auditor_id), None)
    if found is None:
        raise RequestError("AUDITOR_REFUSED", f"there is no auditor `{auditor_id}` in this site")
    private = keyring.read_private(key)

    def now() -> datetime:
        return datetime.now(UTC)

    return Desk(
        found,
        load_signer(private, auditor_id),
        public=public_pem(private),
        cipher=keyring.epoch_cipher(site, keyring.prepare_epoch(site, now())),
        append=append_through(site.socket, lambda: _open_log(site)),
        clock=now,
    )


def _open_log(site: "Site") -> "tuple[Log, Callable[[], None]]":
    from gateway import keyring
    from gateway.audit.log import Log
    from gateway.audit.store.sqlite import SqliteStore

    signer = keyring.log_signer(site)
    site.state.mkdir(mode=0o700, exist_ok=True)
    store = SqliteStore.open(site.state / "audit", signer.public)
    return Log(store, signer), store.close


def _set_active(auditor: str, site: Path, *, active: bool, as_json: bool) -> None:
    from gateway.auditors import AuditorFolder

    AuditorFolder(site).set_active(auditor, active=active)
    if as_json:
        print_json({"auditor": auditor, "active": active})
    else:
        print_table("Auditor", ["auditor", "active"], [(auditor, "yes" if active else "no")])
