# SPDX-License-Identifier: Apache-2.0
"""`yizheng audit epochs|erase|hold`: how long the log knows holders."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import msgspec
import typer

from gateway.cli.auditor import AsOption, AuditorKeyOption, ReasonOption, open_desk
from gateway.cli.config import SiteOption
from gateway.cli.output import JsonOption, print_facts, print_json, print_table
from gateway.errors import RequestError

if TYPE_CHECKING:
    from gateway.audit.desk import Desk
    from gateway.audit.retention import Retention, Standing
    from gateway.config import Site
    from gateway.model.holder import Holder

hold_app: Final = typer.Typer(help="Legal holds: what is not to be erased.", no_args_is_help=True)


def list_epochs(site: SiteOption = Path(), as_json: JsonOption = False) -> None:
    """Show every epoch with its records, from when on it may be erased, and what holds it.

    Example: `yizheng audit epochs --site my-site`
    """
    from gateway.config import load_site

    with open_retention(load_site(site)) as retention:
        standings = retention.standings()
    _show("Epochs 密钥周期", standings, as_json=as_json)


def erase(
    auditor: AsOption,
    key: AuditorKeyOption,
    reason: ReasonOption,
    epoch: Annotated[str | None, typer.Argument(help="YYYY-MM; or use --due.")] = None,
    due: Annotated[bool, typer.Option("--due", help="All that are due and not held.")] = False,
    site: SiteOption = Path(),
    as_json: JsonOption = False,
) -> None:
    """Destroy the keys of an epoch: nobody can tell any more who was looked at in that month.

    The log still verifies. An erasure that was interrupted is completed by the same command.

    Example: `yizheng audit erase 2023-05 --as keeper --key keeper.pem --reason "retention is over"`
    """
    from gateway.config import load_site

    if (epoch is None) != due:
        raise typer.BadParameter("name an epoch, or give --due")
    loaded = load_site(site)
    desk = open_desk(loaded, auditor, key)
    desk.allow("erase")
    with open_retention(loaded) as retention:
        ready = {"due", "unfinished"}
        names = (
            [epoch]
            if epoch is not None
            else [each.epoch for each in retention.standings() if each.state in ready]
        )
        erased = [_erase(name, retention, desk, loaded, reason) for name in names]
    _show("Erased 已擦除", erased, as_json=as_json)


@hold_app.command("add")
def add_hold(
    what: Annotated[
        str,
        typer.Argument(
            help="epoch:YYYY-MM, case:NUMBER, or holder (whose number comes by standard input)."
        ),
    ],
    auditor: AsOption,
    key: AuditorKeyOption,
    reason: ReasonOption,
    scheme: Annotated[str, typer.Option(help="Of a holder: cn-id or cn-uscc.")] = "cn-id",
    site: SiteOption = Path(),
    as_json: JsonOption = False,
) -> None:
    """Keep what may be evidence, until the hold is released; a hold beats retention.

    Example: `yizheng audit hold add epoch:2026-05 --as keeper --key keeper.pem --reason "case 12"`
    """
    from gateway import keyring
    from gateway.audit.hold_lock import hold_lock
    from gateway.config import load_site

    loaded = load_site(site)
    desk = open_desk(loaded, auditor, key)
    desk.allow("hold")
    with open_retention(loaded) as retention:
        holder = _check_subject(what, scheme, retention)
    kind, _, name = what.partition(":")
    with hold_lock(loaded.keys):
        if kind == "epoch" and name not in keyring.kept_epochs(loaded):
            raise RequestError("EPOCH_ERASED", f"epoch {name}")  # since it was looked at
        index, act = desk.record("hold", reason=reason, subject=what, holder=holder)
    facts = {"hold": act.id, "subject": what, "index": index}
    print_facts("Hold 保全", facts, as_json=as_json)


@hold_app.command("release")
def release_hold(
    hold: Annotated[str, typer.Argument(help="The hold's id, as `hold list` shows it.")],
    auditor: AsOption,
    key: AuditorKeyOption,
    reason: ReasonOption,
    site: SiteOption = Path(),
    as_json: JsonOption = False,
) -> None:
    """End a hold.

    Example: `yizheng audit hold release 5f0c… --as keeper --key keeper.pem --reason "case closed"`
    """
    from gateway.config import load_site

    loaded = load_site(site)
    desk = open_desk(loaded, auditor, key)
    desk.allow("release")
    with open_retention(loaded) as retention:
        if hold not in {each.act.id for each in retention.holds()}:
            raise RequestError("RECORD_UNKNOWN", "there is no hold of that id in force")
    index, _ = desk.record("release", reason=reason, subject=hold)
    print_facts("Released 解除保全", {"hold": hold, "index": index}, as_json=as_json)


@hold_app.command("list")
def list_holds(site: SiteOption = Path(), as_json: JsonOption = False) -> None:
    """Show the holds in force, as the log proves them; not which case or whom they are about.

    That is read with `yizheng audit view ID`, which is recorded.

    Example: `yizheng audit hold list --json`
    """
    from gateway.config import load_site

    with open_retention(load_site(site)) as retention:
        rows = [
            {
                "hold": act.id,
                "subject": _shown(act.subject),
                "time": act.time,
                "actor": act.actor,
                "index": index,
            }
            for index, act in ((each.index, each.act) for each in retention.holds())
        ]
    if as_json:
        print_json(rows)
        return
    columns = ["hold", "subject", "time", "actor", "#"]
    print_table("Holds 法律保全", columns, [list(row.values()) for row in rows])


def _shown(subject: str | None) -> str | None:
    """An epoch, or the word that a case or a holder is held."""
    kind, _, _ = (subject or "").partition(":")
    return subject if kind == "epoch" else kind


@contextmanager
def open_retention(site: "Site") -> Iterator["Retention"]:
    """What a site's log says about keeping it."""
    from gateway import keyring
    from gateway.audit.retention import Retention
    from gateway.audit.signed import Signatories
    from gateway.audit.store.reader import LogReader

    reader = LogReader.open(site.state / "audit")
    try:
        yield Retention(
            reader,
            Signatories(site.auditors),
            kept=lambda: keyring.kept_epochs(site),
            cipher_of=lambda epoch: keyring.epoch_cipher(site, epoch),
            retention_months=site.config.audit.retention_months,
            utc_offset_h=site.config.site.utc_offset_h,
            clock=lambda: datetime.now(UTC),
        )
    finally:
        reader.close()


def _erase(
    epoch: str, retention: "Retention", desk: "Desk", site: "Site", reason: str
) -> "Standing":
    from gateway import keyring
    from gateway.audit.hold_lock import hold_lock
    from gateway.audit.index.writer import forget_epoch
    from gateway.audit.retention import erase as erase_epoch

    return erase_epoch(
        epoch,
        retention,
        lock=lambda: hold_lock(site.keys),
        record=lambda: desk.record("erase", reason=reason, subject=epoch),
        destroy=lambda: keyring.erase_epoch(site, epoch),
        forget=lambda: forget_epoch(site.state / "index", epoch),
    )


def _check_subject(what: str, scheme: str, retention: "Retention") -> "Holder | None":
    """Refuse a hold that would hold nothing; and read the number of a holder."""
    from gateway.model.ids import parse_holder
    from gateway.model.lookup import HolderReference

    kind, _, name = what.partition(":")
    if kind == "epoch":
        if retention.standing(name).state in {"erased", "lost"}:
            raise RequestError("EPOCH_ERASED", f"epoch {name}")
        return None
    if kind == "case" and name:
        return None
    if what != "holder":
        raise typer.BadParameter("write epoch:YYYY-MM, case:NUMBER or holder")
    number = (
        sys.stdin.readline().strip()
        if not sys.stdin.isatty()
        else typer.prompt("号码 number", hide_input=True)
    )
    try:
        reference = msgspec.convert({"scheme": scheme, "number": number}, HolderReference)
    except msgspec.ValidationError:
        raise RequestError("HOLDER_INVALID", "not a scheme and a number") from None
    return parse_holder(reference, today=datetime.now(UTC).date())


def _show(title: str, standings: "tuple[Standing, ...] | list[Standing]", *, as_json: bool) -> None:
    if as_json:
        print_json(standings)
        return
    columns = ["epoch", "state", "records", "first", "last", "due", "holds", "tombstone"]
    rows = [
        (
            each.epoch,
            each.state,
            each.record_count,
            each.first,
            each.last,
            each.due_at.date(),
            " ".join(each.holds),
            each.tombstone,
        )
        for each in standings
    ]
    print_table(title, columns, rows)
