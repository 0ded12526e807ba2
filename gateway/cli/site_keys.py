# SPDX-License-Identifier: Apache-2.0
"""`yizheng keys rotate-kek|rotate-seal`: replace keys of the site itself."""

from pathlib import Path
from typing import Annotated

import typer

from gateway.cli.config import SiteOption
from gateway.cli.output import JsonOption, print_json, print_table


def rotate_kek(
    reference: Annotated[str, typer.Argument(help="file:PATH (made if missing) or env:NAME.")],
    site: SiteOption = Path(),
    as_json: JsonOption = False,
) -> None:
    """Replace the key that wraps the epoch keys; nothing stops meanwhile.

    First run: epoch keys are wrapped under both. Then set `[audit] kek` in gateway.toml, restart,
    and run it again: the old wrappings are dropped, and the old key opens nothing any more.

    Example: `yizheng keys rotate-kek file:keys/audit-2.kek`
    """
    from gateway.config import load_site
    from gateway.keyring import rotate_kek as rotate

    count, is_complete = rotate(load_site(site), reference)
    if as_json:
        print_json({"epochs": count, "complete": is_complete, "kek": reference})
        return
    todo = (
        "destroy the old key, and backups of keys/epochs.json under it"
        if is_complete
        else f'set `[audit] kek = "{reference}"` in gateway.toml, restart, and run this again'
    )
    print_table("Key encryption key", ["what", "value"], [("epochs", count), ("next", todo)])


def rotate_seal(
    adapter: Annotated[str, typer.Argument(help="Name of the adapter.")],
    site: SiteOption = Path(),
    as_json: JsonOption = False,
) -> None:
    """Replace an adapter's sealing key; its public half stays published. Restart to use the new.

    Example: `yizheng keys rotate-seal public_security`
    """
    from gateway.config import load_site
    from gateway.keyring import rotate_seal as rotate

    retired = rotate(load_site(site), adapter)
    if as_json:
        print_json({"adapter": adapter, "retired": retired})
    else:
        print_table("Sealing key", ["what", "value"], [("retired", retired)])
