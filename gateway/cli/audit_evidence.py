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
    from gateway.config import Site
    from gateway.crypto.identity import EpochCipher
    from gateway.model.agency import AgencyKey

_NO_REQUEST: Final = (
    "Without --request the case does not prove that the agency signed the request: it is neither\n"
    "proved nor disproved.\n"
    "未附 --request：用证单位是否签署该请求，在本证据包中既未证明，也未否定。"
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
            help="The request as the agency kept it: raw HTTP, or curl. Without it the case does "
            "not prove that the agency signed it."
        ),
    ] = None,
    response: Annotated[
        Path | None, typer.Option(help="The answer as the agency kept it: raw HTTP.")
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
    messages = _messages(request, response)
    desk = open_desk(loaded, auditor, key)
    desk.allow("evidence")
    if output.exists():
        raise SetupError(
            "is there already", where=str(output), remedy="choose another name with --output."
        )
    facts, case = _make_case(loaded, desk, access, reason, messages)
    _write(output, case)
    facts |= {
        "file": str(output),
        "bytes": len(case),
        "agency_signature": messages.agency_signature,
    }
    print_facts("The case 证据包", facts, as_json=as_json)
    if messages.request is None and not as_json:
        typer.echo(_NO_REQUEST)


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
        act_index, act = desk.record("evidence", reason=reason, subject=located.entry.id)
        if (notary := _notary(folder)) is not None:
            stack.callback(notary.close)
        keys = _keys(site, located, desk.key)
        builder = CaseBuilder(reader, keys, sign=desk.sign, notary=notary)
        cipher = _cipher(site, located.entry.request.epoch)
        case = builder.build(located, act_index, act, cipher=cipher, messages=messages)
    return {"request_id": located.entry.id, "index": located.index, "act": act_index}, case


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


def _messages(request: Path | None, response: Path | None) -> "Messages":
    from gateway.audit.evidence.case import Messages
    from gateway.audit.evidence.messages import parse_response
    from gateway.explain.capture import parse_capture

    if response is not None and request is None:
        raise typer.BadParameter("a response is proved with its request: give --request, too")
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
