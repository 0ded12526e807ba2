# SPDX-License-Identifier: Apache-2.0
"""`yizheng adapter list`: the departments of a site, and how the running site has them."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from gateway.cli.config import SiteOption
from gateway.cli.output import JsonOption, print_json, print_table

if TYPE_CHECKING:
    from gateway.model.site import AdapterSite
    from gateway.web.adapter_figures import AdapterFigures

_COLUMNS = ("adapter", "plugin", "certificates", "divisions", "isolation", "state", "calls", "harm")


def list_adapters(site: SiteOption = Path(), as_json: JsonOption = False) -> None:
    """Show all adapters: what they answer, and in which state the running workers have them.

    Example: `yizheng adapter list --site my-site --json`
    """
    from gateway.config import load_site
    from gateway.web.adapter_figures import AdapterFigures, read_adapter_figures

    found = load_site(site)
    figures = read_adapter_figures(found.state / "metrics")
    none = AdapterFigures()
    rows = [_row(adapter, figures.get(adapter.name, none)) for adapter in found.adapters]
    if as_json:
        print_json(rows)
    else:
        cells = ([_cell(row[column]) for column in _COLUMNS] for row in rows)
        print_table("Adapters 适配器", _COLUMNS, cells)


def _row(adapter: "AdapterSite", figures: "AdapterFigures") -> dict[str, Any]:
    from gateway.registry.loader import load_adapter_class

    certificates: list[str] = []
    if adapter.enabled:
        loaded = load_adapter_class(adapter)
        certificates = [certificate.name for certificate in loaded.certificates]
    return {
        "adapter": adapter.name,
        "plugin": adapter.plugin,
        "enabled": adapter.enabled,
        "certificates": certificates,
        "divisions": list(adapter.divisions),
        "isolation": adapter.isolation,
        "state": figures.states if adapter.enabled else {"disabled": 1},
        "calls": figures.calls,
        "harm": figures.offences,
    }


def _cell(value: object) -> str:
    """Words of a cell: counts by name, names, or a text."""
    match value:
        case dict():
            return ", ".join(f"{name} {count}" for name, count in value.items())
        case list():
            return " ".join(value)
        case _:
            return str(value)
