# SPDX-License-Identifier: Apache-2.0
"""From a site's adapter files to its departments."""

from gateway.config import Site
from gateway.registry.directory import Departments
from gateway.registry.loader import load_adapter_class
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
        found.append((adapter, load_adapter_class(adapter)))
    return Departments(
        found, folder=site.folder, workers=site.config.http.workers, observer=observer
    )
