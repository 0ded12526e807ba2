# SPDX-License-Identifier: Apache-2.0
"""`[events]`: in `gateway.toml` how events are delivered, in an agency's file where to."""

from typing import Annotated

import msgspec
from msgspec import Meta

from gateway.model.office_event import Kind


class EventsSection(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`[events]` of `gateway.toml`: deliveries to agencies, and the feed."""

    deliver: Annotated[
        bool,
        Meta(
            description="Deliver events to the agencies that name a URL, by a process of its own "
            "(the clerk). The feed is there without it."
        ),
    ] = False
    networks: Annotated[
        tuple[str, ...],
        Meta(
            description="Networks in CIDR form of addresses that are not public (private ones, "
            "loopback) to which events may be delivered. Link-local and metadata addresses are "
            "refused whatever stands here.",
        ),
    ] = ()
    timeout_s: Annotated[
        float, Meta(ge=0.1, le=60, description="Seconds for one delivery, from name to answer.")
    ] = 10
    first_pause_s: Annotated[
        float, Meta(ge=0.01, le=60, description="Seconds before the second attempt; then doubled.")
    ] = 1
    max_pause_s: Annotated[
        float, Meta(ge=0.01, le=3600, description="Longest pause between two attempts.")
    ] = 300
    dead_after_s: Annotated[
        int,
        Meta(
            ge=1,
            le=2_592_000,
            description="Seconds from the event on after which it is given up: it stands as dead, "
            "the next one of its subject goes on, and `yizheng event redeliver` sends it again.",
        ),
    ] = 86_400
    max_wait_s: Annotated[
        float,
        Meta(ge=0, le=60, description="Longest `wait` of the feed."),
    ] = 15
    ca: Annotated[
        str | None,
        Meta(description="Authorities to trust in place of the system's, PEM, within the site."),
    ] = None
    x509: Annotated[
        str | None,
        Meta(description="X.509 certificate to present to receivers, PEM, within the site."),
    ] = None
    x509_key: Annotated[str | None, Meta(description="Its private key, PEM, not encrypted.")] = None


class Subscription(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`[events]` of an agency's file: where its events are delivered.

    Attributes:
        url: of its receiver; https, or http to a loopback address.
        kinds: which; empty is all.
    """

    url: Annotated[str, Meta(pattern=r"^https?://[^/\s@?#]+(/[!-\"$-~]*)?$", max_length=512)]
    kinds: tuple[Kind, ...] = ()
