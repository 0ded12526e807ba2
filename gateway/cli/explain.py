# SPDX-License-Identifier: Apache-2.0
"""`yizheng explain`: why a signed request is refused, from a capture and the registered key.

The key comes from the site, by the request's keyid, or from a file of the caller's.
"""

import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gateway.cli.output import EXIT_REFUSED, EXIT_UNTRUSTED, JsonOption, print_json, print_table
from gateway.errors import GatewayError, SetupError

if TYPE_CHECKING:  # not at run time, so that `--help` stays fast
    from gateway.crypto.keys import Verifier
    from gateway.explain.explain import Report
    from gateway.explain.inspect import Key, Rules
    from gateway.model.agency import Agency


def explain(
    capture: Annotated[Path, typer.Argument(help="Raw HTTP request, or a curl line, in a file.")],
    site: Annotated[
        Path | None,
        typer.Option(help="The site: what is registered under the request's keyid, host names."),
    ] = None,
    public_key: Annotated[
        list[Path] | None,
        typer.Option(
            help="Registered public key, PEM. Others, and all beside --site, are tried too."
        ),
    ] = None,
    key: Annotated[Path | None, typer.Option(help="The private key instead, PEM.")] = None,
    authority: Annotated[str | None, typer.Option(help="The gateway's published host.")] = None,
    at: Annotated[
        str | None, typer.Option(help="When it arrived: UNIX seconds or RFC 3339. Default: any.")
    ] = None,
    their_base: Annotated[
        Path | None, typer.Option(help="The signature base as the client built it.")
    ] = None,
    as_json: JsonOption = False,
) -> int:
    """Name the mistake in a signed request that is refused, and how to mend it.

    Exit code 0 when the request verifies, 1 when a cause was named, 4 when none was found.

    Example: `yizheng explain request.http --site my-site --at 2026-11-22T08:00:00Z`
    """
    import msgspec

    from gateway.explain.capture import parse_capture
    from gateway.explain.explain import explain as find_cause

    verifiers = [_load_public(file, _read(file)) for file in public_key or ()]
    if key is not None:
        verifiers.insert(0, _load_private(key))
    at_s = None if at is None else _parse_time(at)
    if site is not None:
        rules = _rules_of_site(site, verifiers, authority, at_s)
    elif verifiers:
        rules = _rules_of_key(verifiers, authority, at_s)
    else:
        raise typer.BadParameter("give --site, --public-key or --key")
    caught = parse_capture(
        _read(capture), name=str(capture), read_file=lambda name: _read(capture.parent / name)
    )
    if site is not None:
        caught = msgspec.structs.replace(caught, default_port=_default_port(site))
    report = find_cause(caught, rules, their_base=_read(their_base) if their_base else None)
    if as_json:
        print_json(report)
    else:
        _print(report)
    if not report.check:
        return 0
    return EXIT_REFUSED if report.cause else EXIT_UNTRUSTED


def _rules_of_key(
    verifiers: "list[Verifier]", authority: str | None, at_s: float | None
) -> "Rules":
    """The first key is the registered one, whatever the keyid."""
    from gateway.explain.inspect import Key, Rules

    key = Key(verifiers[0])
    authorities = (authority,) if authority else ()
    return Rules(lambda _: key, tuple(verifiers[1:]), authorities, at_s)


def _rules_of_site(
    folder: Path, verifiers: "list[Verifier]", authority: str | None, at_s: float | None
) -> "Rules":
    """What the site's workers would hold it against."""
    from gateway.config import load_site
    from gateway.explain.inspect import Rules

    site = load_site(folder)
    keys = dict(each for agency in site.agencies for each in _registered(agency))
    return Rules(
        keys.get,
        others=(*verifiers, *(key.verifier for key in keys.values())),
        authorities=(authority,) if authority else site.config.http.authorities,
        at_s=at_s,
        window_s=site.config.lookup.clock_window_s,
        knows_agencies=True,
    )


def _default_port(folder: Path) -> str:
    from gateway.config import load_site

    return ":80" if load_site(folder).config.http.tls_chain is None else ":443"


def _registered(agency: "Agency") -> "Iterator[tuple[str, Key]]":
    from gateway.admission.admission import key_records
    from gateway.explain.inspect import Key

    records = key_records(agency)
    for key in agency.keys:
        record = records[key.id]
        yield (
            key.id,
            Key(
                record.verifier,
                not_before_s=record.not_before_s,
                not_after_s=record.not_after_s,
                is_revoked=key.revoked,
                is_agency_active=agency.active,
            ),
        )


def _print(report: "Report") -> None:
    print_table("Checks 检查", ["check", "result"], report.checks)
    if not report.check:
        sys.stdout.write("The request verifies. / 请求验证通过。\n")
        return
    sys.stdout.write(f"{report.code}: {report.detail}\n")
    if cause := report.cause:
        sys.stdout.write(
            f"{cause.id}: {cause.title.en} / {cause.title.zh}\n"
            f"  → {cause.mend.en}\n  → {cause.mend.zh}\n"
        )
    else:
        sys.stdout.write(
            "No cause was found; give --their-base. / "
            "未找到原因；请用 --their-base 提供签名基串。\n"
        )
    if difference := report.difference:
        sys.stdout.write(
            f"The bases part at byte {difference.at_byte}, line {difference.line}. / "
            f"签名基串自第 {difference.line} 行、第 {difference.at_byte} 字节起不同。\n"
            f"  gateway 网关: {difference.gateway}\n"
            f"  signed  所签: {difference.signed}\n"
            f"                {' ' * (difference.column - 1)}^\n"
        )
    elif report.signature_base:
        sys.stdout.write(f"Signature base 签名基串:\n{report.signature_base}\n")


def _load_public(file: Path, pem: bytes) -> "Verifier":
    from gateway.crypto.keys import load_verifier

    try:
        return load_verifier(pem, "ecdsa-p256-sha256")
    except GatewayError:
        pass
    try:
        return load_verifier(pem, "ed25519")
    except GatewayError as error:
        raise SetupError(
            error.detail, where=str(file), remedy="name a P-256 or Ed25519 public key in PEM."
        ) from None


def _load_private(file: Path) -> "Verifier":
    from gateway.crypto.keys import public_pem

    try:
        return _load_public(file, public_pem(_read(file)).encode())
    except SetupError:
        raise
    except GatewayError as error:
        raise SetupError(
            error.detail, where=str(file), remedy="name a P-256 or Ed25519 private key in PEM."
        ) from None


def _parse_time(text: str) -> float:
    try:
        return float(text) if text.isdigit() else datetime.fromisoformat(text).timestamp()
    except ValueError:
        raise typer.BadParameter("--at takes UNIX seconds or 2026-11-22T08:00:00Z") from None


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise SetupError(
            f"cannot be read: {error.strerror}", where=str(file), remedy="name a readable file."
        ) from None
