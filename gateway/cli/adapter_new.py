# SPDX-License-Identifier: Apache-2.0
"""`yizheng adapter new`: an adapter that conforms, to be changed into one's own.

The template lies in the package (`scaffold/`) and is rendered by copier, so it works offline.
copier brings sixteen distributions that no gateway needs to serve, so it is an extra.
"""

import re
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final

import typer

from gateway.cli.output import JsonOption, print_json, print_table
from gateway.errors import SetupError

_TEMPLATE: Final = Path(__file__).with_name("scaffold")
#: The plugin's name; it leaves room for the suffix of a certificate's name.
_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,39}")


class Kit(StrEnum):
    """How the department's system is asked."""

    http = "http"
    soap = "soap"
    sql = "sql"
    filedrop = "filedrop"
    toml = "toml"


def new(
    name: Annotated[str, typer.Argument(help="The department, snake_case; the plugin's name.")],
    kit: Annotated[
        Kit, typer.Option(help="How its system is asked; toml is JSON over HTTP without Python.")
    ],
    title_en: Annotated[str, typer.Option(help="What it is called.")] = "Department",
    title_zh: Annotated[str, typer.Option(help="部门名称。")] = "数据提供部门",
    output: Annotated[
        Path | None, typer.Option(help="A new or empty folder; ./NAME unless given.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Write an installable adapter with simulator, tests and README that conforms as it is.

    Example: `yizheng adapter new disability --kit http --title-zh 残疾人联合会 &&
    yizheng adapter check disability`
    """
    if not _NAME.fullmatch(name):
        raise SetupError(
            "is no name for a plugin",
            where=name,
            remedy="use lower-case letters, digits and `_`, beginning with a letter, 40 at most.",
        )
    folder = output or Path(name)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise SetupError(
            "is not empty", where=str(folder), remedy="name a folder that does not exist yet."
        )
    _render(folder, {"name": name, "kit": kit.value, "title_en": title_en, "title_zh": title_zh})
    made = sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
    if as_json:
        print_json({"folder": str(folder), "made": made})
    else:
        print_table(f"New adapter {folder}", ["made"], [[file] for file in made])
        typer.echo(f"Next: yizheng adapter check {folder}")


def _render(folder: Path, answers: dict[str, str]) -> None:
    try:
        from copier import run_copy
    except ImportError:
        raise SetupError(
            "copier is not installed", remedy="install `yizheng-gateway[scaffold]`."
        ) from None
    run_copy(str(_TEMPLATE), folder, data=answers, defaults=True, quiet=True)
