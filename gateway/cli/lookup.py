# SPDX-License-Identifier: Apache-2.0
"""`yizheng lookup`: one signed lookup from the command line.

The holder's number is never an argument: arguments stand in process lists and shell histories. It
is read from standard input, or asked for without echo on a terminal. So is the value of a claim
that is given by its name alone, after it.
"""

import asyncio
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer

from gateway.cli.output import EXIT_REFUSED, JsonOption, print_json, print_table
from gateway.errors import RequestError, SetupError

if TYPE_CHECKING:  # not at run time, so that `--help` stays fast
    from gateway.client import GatewayClient, SignedAnswer
    from gateway.model.lookup import LookupRequest


class Profile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An agency's connection, kept in a TOML file; paths are relative to it.

    Attributes:
        url: of the gateway.
        key: the agency's private key, PEM.
        keyid: under which its public half is registered.
        gateway_key: the gateway's public key, PEM, got by a way that you trust.
        ca: authorities to trust for https in place of the system's, PEM.
        x509: the client's X.509 certificate for TLS and its intermediates, PEM.
        x509_key: its private key, PEM.
        operator_id: who asks.
        operator_name: who asks.
    """

    url: str
    key: str
    keyid: str
    gateway_key: str
    operator_id: str
    operator_name: str
    terminal: str | None = None
    division: str | None = None
    ca: str | None = None
    x509: str | None = None
    x509_key: str | None = None


def lookup(
    profile: Annotated[Path, typer.Option(help="TOML: url, key, keyid, gateway_key, operator.")],
    certificate: Annotated[str, typer.Option(help="E.g. public_security.identity.")],
    item: Annotated[str, typer.Option(help="Code of the service item.")],
    case: Annotated[str, typer.Option(help="Number of the case.")],
    purpose: Annotated[str, typer.Option(help="Why, in words.")],
    field: Annotated[
        list[str] | None, typer.Option(help="A field to return; may be repeated.")
    ] = None,
    claim: Annotated[
        list[str] | None,
        typer.Option(
            help="NAME=VALUE to compare; without --field asks for `verify`. NAME alone: its value "
            "is a line of standard input. With --field: a key field. May be repeated."
        ),
    ] = None,
    scheme: Annotated[str, typer.Option(help="cn-id or cn-uscc.")] = "cn-id",
    mandate: Annotated[str | None, typer.Option(help="The case's mandate, for an agent.")] = None,
    as_json: JsonOption = False,
) -> int:
    """Ask a gateway for one certificate; the holder's number is read from standard input.

    Example: `yizheng lookup --profile agency.toml --certificate public_security.identity
    --field name --item yq-gjj-001 --case YQ20261122-0001 --purpose "withdrawal" < number.txt`
    """
    from gateway.toml_file import load_toml

    folder = profile.resolve().parent
    settings = load_toml(folder / profile.name, Profile, folder)
    number = _read_line("号码 number")
    request = _request(
        number=number,
        scheme=scheme,
        certificate=certificate,
        fields=field or [],
        claims=dict(_parse_claim(text) for text in claim or ()),
        attribution={
            "item": item,
            "case": case,
            "purpose": purpose,
            "operator": {"id": settings.operator_id, "name": settings.operator_name},
            "terminal": settings.terminal,
            "division": settings.division,
            "mandate": mandate,
        },
    )

    client = _client(settings, folder)

    async def ask() -> "SignedAnswer":
        async with client:
            return await client.lookup(request)

    answer = asyncio.run(ask())
    if as_json:
        print_json({"answer": answer.answer, "receipt": answer.receipt})
    else:
        _print(answer)
    return 0 if answer.answer.outcome in {"found", "match"} else EXIT_REFUSED


def _read_line(what: str) -> str:
    if sys.stdin.isatty():
        return str(typer.prompt(what, hide_input=True))
    return sys.stdin.readline().strip()


def _client(settings: Profile, folder: Path) -> "GatewayClient":
    from gateway.client import GatewayClient, make_tls
    from gateway.crypto.keys import load_signer
    from gateway.keyring import read_private

    signer = load_signer(read_private(folder / settings.key), settings.keyid)
    named = {"ca": settings.ca, "x509": settings.x509, "x509_key": settings.x509_key}
    files = {name: folder / file for name, file in named.items() if file is not None}
    if settings.x509_key is not None:
        read_private(folder / settings.x509_key)  # refuses one that others can read
    return GatewayClient(
        settings.url,
        signer=signer,
        gateway_key=_read_pem(folder / settings.gateway_key),
        tls=make_tls(**files) if files else None,
    )


def _request(
    *,
    number: str,
    scheme: str,
    certificate: str,
    fields: list[str],
    claims: dict[str, str],
    attribution: dict[str, Any],
) -> "LookupRequest":
    from gateway.model.lookup import LookupRequest

    try:
        return msgspec.convert(
            {
                "holder": {"scheme": scheme, "number": number},
                "certificate": certificate,
                "operation": "verify" if claims and not fields else "query",
                "fields": fields,
                "claims": claims,
                "attribution": attribution,
            },
            LookupRequest,
        )
    except msgspec.ValidationError as error:
        where = str(error).partition(" - at ")[2].strip("`")
        raise RequestError("BODY_MALFORMED", f"a value is not allowed at {where or '$'}") from None


def _print(answer: "SignedAnswer") -> None:
    shown = answer.answer
    rows: list[tuple[str, object]] = [*shown.fields.items(), *shown.results.items()]
    rows += [("as of", shown.as_of), ("served from", shown.served_from), ("grant", shown.grant)]
    rows.append(("audit entry", f"{answer.receipt.log} #{answer.receipt.index}"))
    print_table(f"{shown.certificate}: {shown.outcome}", ["field", "value"], rows)


def _read_pem(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError) as error:
        raise SetupError(
            f"cannot be read: {type(error).__name__}",
            where=str(path),
            remedy="name the gateway's public key in PEM, got by a way that you trust.",
        ) from None


def _parse_claim(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not name:
        raise RequestError("BODY_MALFORMED", "a claim is written NAME=VALUE or NAME")
    return name, value if equals else _read_line(name)
