# SPDX-License-Identifier: Apache-2.0
"""How every command speaks: tables for people, one JSON document with `--json`, exit codes.

| code | meaning |
|---|---|
| 0 | done |
| 1 | refused, or the answer is no |
| 2 | the command line is wrong |
| 3 | not reachable or not available now; a retry may help |
| 4 | a signature or a proof does not hold |
| 78 | the configuration cannot be used |
"""

import sys
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Final

import msgspec
import typer

from gateway.errors import AuditError, GatewayError, SetupError, TrustError

EXIT_REFUSED: Final = 1
EXIT_UNAVAILABLE: Final = 3
EXIT_UNTRUSTED: Final = 4
EXIT_CONFIG: Final = 78

JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]


def read_named(file: Path, holds: str) -> bytes:
    """Read a file that a person named; `holds` says what belongs into it.

    Raises:
        SetupError: it cannot be read.
    """
    try:
        return file.read_bytes()
    except OSError as error:
        raise SetupError(
            f"cannot be read: {error.strerror}",
            where=str(file),
            remedy=f"name a file that holds {holds}.",
        ) from None


def print_json(value: object) -> None:
    """Print one JSON document on one line."""
    sys.stdout.write(msgspec.json.encode(value).decode() + "\n")
    sys.stdout.flush()


def print_table(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print a table for people.

    A cell is shown as it is: never read as markup, and without what could steer a terminal, for
    records hold what callers wrote.
    """
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(title=title, title_justify="left", header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(Text("" if cell is None else plain(str(cell))) for cell in row))
    Console().print(table)


def plain(text: str) -> str:
    """The text with the replacement character for whatever is no character to be seen."""
    return "".join(
        c if c == "\n" or unicodedata.category(c)[0] != "C" else "\N{REPLACEMENT CHARACTER}"
        for c in text
    )


def print_facts(title: str, facts: Mapping[str, object], *, as_json: bool) -> None:
    """Print what became of a command: a table of two columns, or one JSON document."""
    if as_json:
        print_json(facts)
    else:
        print_table(title, ["what", "value"], facts.items())


def print_error(error: GatewayError, *, as_json: bool) -> None:
    """Say on stderr what went wrong and how to mend it, in English and Chinese."""
    refusal = error.refusal
    hint = {"en": refusal.hint.en, "zh": refusal.hint.zh}
    if as_json:
        document: dict[str, Any] = {"code": error.code, "detail": error.detail, "hint": hint}
        sys.stderr.write(msgspec.json.encode({"error": document}).decode() + "\n")
        return
    sys.stderr.write(
        f"{error.code}: {refusal.title.en} / {refusal.title.zh}\n"
        + (f"  {error.detail}\n" if error.detail else "")
        + f"  → {hint['en']}\n  → {hint['zh']}\n"
    )


def exit_code(error: GatewayError) -> int:
    """The exit code for an error."""
    match error:
        case SetupError():
            return EXIT_CONFIG
        case TrustError():
            return EXIT_UNTRUSTED
        case AuditError():
            return EXIT_UNAVAILABLE
        case _:
            return EXIT_UNAVAILABLE if error.refusal.retryable else EXIT_REFUSED
