# SPDX-License-Identifier: Apache-2.0
"""How a site runs one department's adapter: `adapters/<name>.toml`."""

from typing import Annotated, Any

import msgspec
from msgspec import Meta

Division = Annotated[str, Meta(pattern=r"^([0-9]{6}|[0-9]{12})$")]


class AdapterSite(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One adapter of the site.

    Attributes:
        name: the file's stem, set by whoever reads the file; audit entries and health show it.
        plugin: name of the installed entry point that brings the adapter.
        timeout_s: seconds that one lookup may take; a request's own deadline may be earlier.
        concurrency: lookups at the department at once, for each worker process.
        divisions: places that it serves; a request goes to the nearest of all adapters that answer
            its certificate, and nowhere else. Empty is everywhere.
        enabled: a disabled adapter is neither imported nor opened.
        settings: the adapter's own settings; its `settings_type` decides what may stand here.
    """

    plugin: Annotated[
        str,
        Meta(pattern=r"^[a-z][a-z0-9_]{0,62}$", description="Installed adapter plugin."),
    ]
    name: str = ""
    timeout_s: Annotated[
        float, Meta(ge=0.05, le=60, description="Seconds that one lookup may take.")
    ] = 5
    concurrency: Annotated[
        int, Meta(ge=1, le=1024, description="Lookups at once, for each worker.")
    ] = 64
    divisions: Annotated[
        tuple[Division, ...],
        Meta(description="GB/T 2260 codes, 6 or 12 digits, that it serves. Empty: everywhere."),
    ] = ()
    enabled: Annotated[bool, Meta(description="Whether the adapter is loaded at all.")] = True
    settings: Annotated[
        dict[str, Any], Meta(description="Settings of the adapter itself; see its README.")
    ] = {}
