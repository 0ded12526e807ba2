# SPDX-License-Identifier: Apache-2.0
"""`yizheng audit unmask`: the number behind one record, by two persons, once."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from gateway.cli.auditor import AsOption, AuditorKeyOption, ReasonOption, open_desk
from gateway.cli.config import SiteOption
from gateway.cli.output import JsonOption, print_facts
from gateway.errors import RequestError

if TYPE_CHECKING:
    from gateway.audit.store.reader import LogReader
    from gateway.audit.unmask import Unmasking
    from gateway.config import Site
    from gateway.model.act import Act
    from gateway.model.entry import Entry, HolderMark
    from gateway.model.holder import Holder

app: Final = typer.Typer(
    help="Show a holder's number: one asks, another approves, once.", no_args_is_help=True
)
AskArgument = Annotated[str, typer.Argument(help="The ask's id, as `unmask ask` printed it.")]


@app.command("ask")
def ask(
    record: Annotated[str, typer.Argument(help="Index in the log, or request id.")],
    auditor: AsOption,
    key: AuditorKeyOption,
    reason: ReasonOption,
    site: SiteOption = Path(),
    as_json: JsonOption = False,
) -> None:
    """Ask to see the number of a record's holder; shows nothing yet.

    Example: `yizheng audit unmask ask 4711 --as zhao --key zhao.pem --reason "complaint 7"`
    """
    from gateway.audit.unmask import find_record
    from gateway.config import load_site

    loaded = load_site(site)
    desk = open_desk(loaded, auditor, key)
    desk.allow("unmask_ask")
    with _open_log(loaded) as reader:
        index, found = find_record(reader, record)
    mark = _mark_of(found, loaded)
    _, act = desk.record("unmask_ask", reason=reason, subject=found.id, query={"index": index})
    facts = {"ask": act.id, "record": found.id, "index": index, "holder": mark.masked}
    print_facts("Asked 已申请", facts, as_json=as_json)


@app.command("approve")
def approve(
    ask_id: AskArgument,
    auditor: AsOption,
    key: AuditorKeyOption,
    reason: ReasonOption,
    site: SiteOption = Path(),
    as_json: JsonOption = False,
) -> None:
    """Approve another person's ask; it can be redeemed for 15 minutes from now.

    Example: `yizheng audit unmask approve 5f0c… --as qian --key qian.pem --reason "seen the file"`
    """
    from gateway.audit.unmask import check_approvable, target_of
    from gateway.config import load_site

    loaded = load_site(site)
    desk = open_desk(loaded, auditor, key)
    desk.allow("unmask_approve")
    with _open_log(loaded) as reader:
        unmasking = _derive(reader, ask_id, loaded)
        check_approvable(unmasking, auditor)
        _, act = desk.record(
            "unmask_approve", reason=reason, subject=ask_id, query=target_of(unmasking.ask)
        )
        if act not in _derive(reader, ask_id, loaded).approvals:
            raise RequestError("UNMASK_REFUSED", "the approval is not of another person's key")
    asked = unmasking.ask
    facts = {"ask": ask_id, "asked_by": asked.actor, "why": asked.reason, "record": asked.subject}
    print_facts("Approved 已批准", facts, as_json=as_json)


@app.command("redeem")
def redeem(
    ask_id: AskArgument,
    auditor: AsOption,
    key: AuditorKeyOption,
    reason: ReasonOption,
    site: SiteOption = Path(),
    as_json: JsonOption = False,
) -> None:
    """Print the number, once, to who asked, after the act is durable.

    Example: `yizheng audit unmask redeem 5f0c… --as zhao --key zhao.pem --reason "complaint 7"`
    """
    from gateway.audit.unmask import check_redeemable, check_redeemed_by, find_record
    from gateway.config import load_site

    loaded = load_site(site)
    desk = open_desk(loaded, auditor, key)
    desk.allow("unmask_redeem")
    with _open_log(loaded) as reader:
        unmasking = _derive(reader, ask_id, loaded)
        check_redeemable(unmasking, auditor, datetime.now(UTC))
        index, found = find_record(reader, unmasking.ask.subject or "")
        holder = _reveal(found, loaded)
        _, act = desk.record("unmask_redeem", reason=reason, subject=ask_id, holder=holder)
        check_redeemed_by(_derive(reader, ask_id, loaded), act)
    facts = {"index": index, "scheme": holder.scheme, "number": holder.number, "act": act.id}
    print_facts("Unmasked 已解除脱敏", facts, as_json=as_json)


def _derive(reader: "LogReader", ask_id: str, site: "Site") -> "Unmasking":
    from gateway.audit.signed import Signatories, read_acts
    from gateway.audit.unmask import derive

    acts = (act for _, act in read_acts(reader))
    return derive(acts, ask_id, Signatories(site.auditors))


def _mark_of(record: "Entry | Act", site: "Site") -> "HolderMark":
    from gateway import keyring

    assert record.holder is not None  # find_record sees to it
    if record.holder.epoch not in keyring.kept_epochs(site):
        raise RequestError("EPOCH_ERASED", f"epoch {record.holder.epoch}")
    return record.holder


def _reveal(record: "Entry | Act", site: "Site") -> "Holder":
    from gateway import keyring
    from gateway.model.holder import Holder

    mark = _mark_of(record, site)
    number = keyring.epoch_cipher(site, mark.epoch).reveal_holder(mark, record.id)
    return Holder("cn-id" if mark.scheme == "cn-id" else "cn-uscc", number)


@contextmanager
def _open_log(site: "Site") -> Iterator["LogReader"]:
    from gateway.audit.store.reader import LogReader

    reader = LogReader.open(site.state / "audit")
    try:
        yield reader
    finally:
        reader.close()
