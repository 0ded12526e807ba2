# SPDX-License-Identifier: Apache-2.0
"""How a site runs one department's adapter: `adapters/<name>.toml`."""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

Division = Annotated[str, Meta(pattern=r"^([0-9]{6}|[0-9]{12})$")]


class BreakerSection(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`[breaker]`: when a department that fails is left alone. Counted in each worker.

    Attributes:
        window_s: for how long an outcome counts.
        failure_percent: failures among the outcomes that open it.
        min_count: outcomes in the window below which no share is taken.
        timeout_count: calls in a row without an answer that open it at once.
        hang_s: seconds after which a call that is still out counts as one without an answer.
    """

    window_s: Annotated[
        float, Meta(ge=1, le=600, description="Seconds for which an outcome counts.")
    ] = 10
    failure_percent: Annotated[
        int, Meta(ge=1, le=100, description="Failures in a hundred outcomes that open it.")
    ] = 50
    min_count: Annotated[
        int, Meta(ge=1, le=100_000, description="Outcomes below which no share is taken.")
    ] = 20
    timeout_count: Annotated[
        int,
        Meta(ge=1, le=1000, description="Calls in a row without an answer that open it at once."),
    ] = 3
    hang_s: Annotated[
        float,
        Meta(
            ge=0.05,
            le=60,
            description="Seconds after which a call that is still out counts as one without an "
            "answer. Above what the department ordinarily takes.",
        ),
    ] = 3


class AdapterSite(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One adapter of the site.

    Attributes:
        name: the file's stem, set by whoever reads the file; audit entries and health show it.
        plugin: name of the installed entry point that brings the adapter.
        timeout_s: seconds that one lookup may take; a request's own deadline may be earlier.
        concurrency: lookups at the department at once, for each worker process.
        divisions: places that it serves; a request goes to the nearest of all adapters that answer
            its certificate, and nowhere else. Empty is everywhere.
        isolation: `none`: in the worker; `process`: in a child of each worker, which may hang or
            crash alone.
        heartbeat_s: seconds between two pings of a department that nobody asks.
        breaker: when a department that fails is left alone.
        enabled: a disabled adapter is neither imported nor opened.
        settings: the adapter's own settings; its `settings_type` decides what may stand here.
        declarative: with `plugin = "declarative"`, the adapter itself: docs/reference/
            declarative-adapters.md says what may stand here.
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
    isolation: Annotated[
        Literal["none", "process"],
        Meta(description="`process`: in a child of each worker, which may hang or crash alone."),
    ] = "none"
    heartbeat_s: Annotated[
        float, Meta(ge=1, le=3600, description="Seconds between pings while nobody asks.")
    ] = 5
    breaker: BreakerSection = BreakerSection()
    enabled: Annotated[bool, Meta(description="Whether the adapter is loaded at all.")] = True
    settings: Annotated[
        dict[str, Any], Meta(description="Settings of the adapter itself; see its README.")
    ] = {}
    declarative: Annotated[
        dict[str, Any], Meta(description='The adapter itself, for `plugin = "declarative"`.')
    ] = {}
