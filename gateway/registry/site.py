# SPDX-License-Identifier: Apache-2.0
"""From a site's adapter files to its departments."""

from gateway.config import Site
from gateway.errors import SetupError
from gateway.registry.directory import Departments
from gateway.registry.loader import load_adapter_classes
from gateway.registry.observer import AdapterObserver


def load_departments(site: Site, *, observer: AdapterObserver | None = None) -> Departments:
    """Load the site's adapters without opening them.

    Args:
        site: as it was read.
        observer: told what happens to adapters.

    Raises:
        SetupError: a plugin that is missing or does not fit, or settings that it refuses.
    """
    found = []
    for adapter in site.adapters:
        if not adapter.enabled:
            continue
        try:
            classes = load_adapter_classes({adapter.plugin})
        except SetupError as error:
            where = f"adapters/{adapter.name}.toml: $.plugin"
            raise SetupError(error.detail, where=where) from None
        found.append((adapter, classes[adapter.plugin]))
    return Departments(
        found, folder=site.folder, workers=site.config.http.workers, observer=observer
    )
