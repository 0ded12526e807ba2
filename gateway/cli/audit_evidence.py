# SPDX-License-Identifier: Apache-2.0
"""`yizheng audit evidence`: what proves one access, in one file that verifies offline."""

from contextlib import ExitStack, closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from gateway.cli.auditor import AsOption, AuditorKeyOption, ReasonOption, open_desk
from gateway.cli.config import SiteOption
from gateway.cli.output import JsonOption, print_facts, read_named

if TYPE_CHECKING:
    from gateway.audit.desk import Desk
    from gateway.audit.evidence.case import Keys, Located, Messages
    from gateway.audit.store.notary import NotaryReader
    from gateway.audit.store.reader import LogReader
    from gateway.config import Site
    from gateway.crypto.identity import EpochCipher
    from gateway.model.agency import AgencyKey

_NO_REQUEST: Final = (
    "Without --request or --unmasked the case does not prove that the agency signed the request:\n"
    "it is neither proved nor disproved.\n"
    "未附 --request 或 --unmasked：用证单位是否签署该请求，在本证据包中既未证明，也未否定。"
)
_REBUILT: Final = (
    "Whoever has this case can find the holder's number by trying: handle it like the number.\n"
    "持有本证据包者可试算出证件号码，须按证件号码本身保管。"
)


def evidence(
    access: Annotated[str, typer.Argument(help="The request id, or the index in the log.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="The case to write, *.zip.")],
    *,
    auditor: AsOption,
    key: AuditorKeyOption,
    reason: ReasonOption,
    request: Annotated[
        Path | None,
        typer.Option(
            help="The request as the agency kept it: raw HTTP, or curl. Without it, and without "
            "--unmasked, the case does not prove that the agency signed it."
        ),
    ] = None,
    response: Annotated[
        Path | None, typer.Option(help="The answer as the agency kept it: raw HTTP.")
    ] = None,
    unmasked: Annotated[
        str | None,
        typer.Option(
            metavar="ASK",
            help="The ask by which you have redeemed this record's number. Without the request, "
            "what the agency signed is then rebuilt; the case tells the number to who tries.",
        ),
    ] = None,
    authority: Annotated[
        list[str] | None,
        typer.Option(
            metavar="HOST",
            help="With --unmasked: host that the agency asked, where the site does not name it.",
        ),
    ] = None,
    site: SiteOption = Path(),
    as_json: JsonOption = False,
) -> None:
    """Put together what proves one access; the act is recorded first.

    Anyone verifies the case with the script in it, Python and `cryptography`; no network.

    Example: `yizheng audit evidence 9c1f…e0 -o case.zip --as zhao --key zhao.pem --reason 投诉核查`
    """
    from gateway.config import load_site
    from gateway.errors import SetupError

    loaded = load_site(site)
    messages = _messages(loaded, request, response, unmasked, authority or [])
    desk = open_desk(loaded, auditor, key)
    desk.allow("evidence")
    if output.exists():
        raise SetupError(
            "is there already", where=str(output), remedy="choose another name with --output."
        )
    facts, case = _make_case(loaded, desk, access, reason, messages)
    _write(output, case)
    facts |= {"file": str(output), "bytes": len(case)}
    print_facts("The case 证据包", facts, as_json=as_json)
    if messages.request is None and not as_json:
        typer.echo(_NO_REQUEST if unmasked is None else _REBUILT)


def _make_case(
    site: "Site", desk: "Desk", access: str, reason: str, messages: "Messages"
) -> tuple[dict[str, object], bytes]:
    from gateway.audit.evidence.case import CaseBuilder, find_access
    from gateway.audit.store.reader import LogReader
    from gateway.errors import RequestError

    folder = site.state / "audit"
    with closing(LogReader.open(folder)) as reader, ExitStack() as stack:
        try:
            located = find_access(reader, access)
        except RequestError:
            desk.record("evidence", reason=reason, subject=access)  # to ask is an act, too
            raise
        query = None
        if messages.unmasking is not None:
            _check_seen(site, reader, messages.unmasking, located.entry.id, desk.auditor.id)
            query = {"unmasking": messages.unmasking}
        act_index, act = desk.record(
            "evidence", reason=reason, subject=located.entry.id, query=query
        )
        if (notary := _notary(folder)) is not None:
            stack.callback(notary.close)
        keys = _keys(site, located, desk.key)
        builder = CaseBuilder(reader, keys, sign=desk.sign, notary=notary)
        cipher = _cipher(site, located.entry.request.epoch)
        case = builder.build(located, act_index, act, cipher=cipher, messages=messages)
    facts = {
        "request_id": located.entry.id,
        "index": located.index,
        "act": act_index,
        "agency_signature": messages.agency_signature,
    }
    return facts, case


def _check_seen(site: "Site", reader: "LogReader", ask: str, record: str, actor: str) -> None:
    from gateway.audit.signed import Signatories, read_acts
    from gateway.audit.unmask import check_seen

    acts = (act for _, act in read_acts(reader))
    check_seen(acts, ask, Signatories(site.auditors), record=record, actor=actor)


def _write(output: Path, case: bytes) -> None:
    from gateway.errors import SetupError
    from gateway.keyring import write_private

    try:
        write_private(output, case)
    except OSError as error:
        raise SetupError(
            f"cannot be written: {error.strerror}",
            where=str(output),
            remedy="check the folder and its free space.",
        ) from None


def _messages(
    site: "Site",
    request: Path | None,
    response: Path | None,
    unmasking: str | None,
    authorities: list[str],
) -> "Messages":
    from gateway.audit.evidence.case import Messages
    from gateway.audit.evidence.messages import parse_response
    from gateway.explain.capture import parse_capture

    if response is not None and request is None:
        raise typer.BadParameter("a response is proved with its request: give --request, too")
    if request is not None and unmasking is not None:
        raise typer.BadParameter("--request proves what --unmasked would: leave one of them out")
    if authorities and unmasking is None:
        raise typer.BadParameter("--authority goes with --unmasked")
    return Messages(
        request=None
        if request is None
        else parse_capture(
            read_named(request, "the request"),
            name=str(request),
            read_file=lambda name: read_named(request.parent / name, "the body"),
        ),
        response=None
        if response is None
        else parse_response(read_named(response, "the response"), name=str(response)),
        unmasking=unmasking,
        authorities=(*authorities, *site.config.http.authorities),
    )


def _keys(site: "Site", located: "Located", auditor: "AgencyKey") -> "Keys":
    from gateway import keyring
    from gateway.audit.evidence.case import Keys
    from gateway.tlog.policy import parse_policy

    entry, audit = located.entry, site.config.audit
    registered = [k for agency in site.agencies if agency.id == entry.agency for k in agency.keys]
    witnesses: tuple[str, ...] = ()
    if audit.witness_policy is not None:
        file = site.folder / audit.witness_policy
        policy = parse_policy(read_named(file, "the witnesses"), str(file))
        witnesses = tuple(witness.key.vkey for witness in policy.witnesses)
    authority = None
    if audit.timestamps is not None:
        authority = (
            read_named(site.folder / audit.timestamps.certificate, "an X.509 certificate"),
            read_named(site.folder / audit.timestamps.roots, "X.509 certificates"),
        )
    return Keys(
        log=keyring.log_verifier(site),
        gateway=read_named(site.keys / "gateway.pub.pem", "the gateway's key").decode(),
        agency=next((known for known in registered if known.id == entry.keyid), None),
        seals=keyring.seal_public_keys(site),
        auditor=auditor,
        witnesses=witnesses,
        authority=authority,
    )


def _cipher(site: "Site", epoch: str) -> "EpochCipher | None":
    """The epoch's keys; None when they were destroyed."""
    from gateway import keyring

    return keyring.epoch_cipher(site, epoch) if epoch in keyring.kept_epochs(site) else None


def _notary(folder: Path) -> "NotaryReader | None":
    from gateway.audit.store.notary import NOTARY_DATABASE, NotaryReader

    return NotaryReader.open(folder) if (folder / NOTARY_DATABASE).exists() else None
