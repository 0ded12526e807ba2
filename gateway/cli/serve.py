# SPDX-License-Identifier: Apache-2.0
"""`yizheng serve`."""

import time
from pathlib import Path
from typing import Annotated

import typer

from gateway.cli.config import SiteOption
from gateway.cli.output import JsonOption, print_json


def serve(
    site: SiteOption = Path(),
    workers: Annotated[
        int | None, typer.Option(min=1, max=64, help="Worker processes; the site says how many.")
    ] = None,
    port: Annotated[
        int | None, typer.Option(min=0, max=65535, help="TCP port; 0 takes a free one.")
    ] = None,
    as_json: JsonOption = False,
) -> int:
    """Run the gateway until SIGTERM or Ctrl-C; then drain.

    Example: `yizheng serve --site my-site --workers 2`
    """
    import gateway.log  # before all others: see there
    from gateway import processes
    from gateway.config import load_site

    began_s = time.monotonic()
    gateway.log.configure_logs("supervisor")
    loaded = load_site(site)

    def on_ready(url: str) -> None:
        took_s = round(time.monotonic() - began_s, 3)
        if as_json:
            print_json({"ready": True, "url": url, "ready_s": took_s})
        else:
            typer.echo(f"{loaded.config.site.name}: ready at {url} after {took_s} s")

    return processes.serve(
        loaded,
        workers=workers or loaded.config.http.workers,
        port=loaded.config.http.port if port is None else port,
        on_ready=on_ready,
    )
