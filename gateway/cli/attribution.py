# SPDX-License-Identifier: Apache-2.0
"""`yizheng attribution map`: the five elements of another interface, in our words."""

from pathlib import Path
from typing import Annotated, Any, Final, Literal

import msgspec
import typer

from gateway.cli.output import JsonOption, print_json, print_table, read_named
from gateway.errors import RequestError

app: Final = typer.Typer(
    help="Read who asks and why from requests of other interfaces.", no_args_is_help=True
)


@app.command("map")
def map_dialect(
    file: Annotated[Path, typer.Argument(help="One request of that interface, JSON.")],
    dialect: Annotated[
        Literal["police-bus", "license-app", "state-council", "fujian"],
        typer.Option(help="Whose words they are; docs/reference/five-elements.md."),
    ],
    item: Annotated[str | None, typer.Option(help="Where the dialect has no word for it.")] = None,
    case: Annotated[str | None, typer.Option(help="Where the dialect has no word for it.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Show the five elements 五要素 of a request as our `attribution`, or what it lacks.

    Example: `yizheng attribution map --dialect fujian request.json --json`
    """
    from gateway.model.five_elements import parse_five_elements

    try:
        request = msgspec.json.decode(read_named(file, "a request as JSON"), type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise RequestError("BODY_MALFORMED", "the file is not one JSON object in UTF-8") from None
    given = {name: text for name, text in (("item", item), ("case", case)) if text}
    found = parse_five_elements(dialect, request, given=given)
    if as_json:
        print_json({"organisation": found.organisation, "attribution": found.attribution})
        return
    said = found.attribution
    rows = [
        ("organisation", found.organisation),
        ("operator", f"{said.operator.id} {said.operator.name}"),
        ("item", said.item),
        ("case", said.case),
        ("purpose", said.purpose),
        ("terminal", said.terminal),
        ("division", said.division),
        ("mandate", said.mandate),
    ]
    print_table("Five elements 五要素", ["element", "value"], rows)
