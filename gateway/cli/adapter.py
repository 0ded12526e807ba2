# SPDX-License-Identifier: Apache-2.0
"""`yizheng adapter …`: write, check, compare and list departments' adapters; each in its file."""

from typing import Final

import typer

app: Final = typer.Typer(
    help="Write, check, compare and list departments' adapters 适配器.", no_args_is_help=True
)
