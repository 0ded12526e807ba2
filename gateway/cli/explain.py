# SPDX-License-Identifier: Apache-2.0
"""`yizheng explain`: why a signed request is refused, from a capture and the caller's key."""

import sys
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gateway.cli.output import EXIT_REFUSED, EXIT_UNTRUSTED, JsonOption, print_json, print_table
from gateway.errors import GatewayError, SetupError

if TYPE_CHECKING:  # not at run time, so that `--help` stays fast
    from gateway.crypto.keys import Verifier
    from gateway.explain.explain import Report


def explain(
    capture: Annotated[Path, typer.Argument(help="Raw HTTP request, or a curl line, in a file.")],
    public_key: Annotated[
        list[Path] | None,
        typer.Option(help="Registered public key, PEM. Others that follow are tried too."),
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

    Example: `yizheng explain request.http --public-key agency.pub.pem --authority gateway.example`
    """
    from gateway.explain.capture import parse_capture
    from gateway.explain.explain import explain as find_cause
    from gateway.explain.inspect import Rules

    verifiers = [(str(file), _load_public(file, _read(file))) for file in public_key or ()]
    if key is not None:
        verifiers.insert(0, (str(key), _load_private(key)))
    if not verifiers:
        raise typer.BadParameter("give --public-key or --key")
    caught = parse_capture(
        _read(capture), name=str(capture), read_file=lambda name: _read(capture.parent / name)
    )
    rules = Rules(
        verifier=verifiers[0][1],
        others=tuple(verifiers[1:]),
        authority=authority,
        at_s=None if at is None else _parse_time(at),
    )
    report = find_cause(caught, rules, their_base=_read(their_base) if their_base else None)
    if as_json:
        print_json(report)
    else:
        _print(report)
    if not report.check:
        return 0
    return EXIT_REFUSED if report.cause else EXIT_UNTRUSTED


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
