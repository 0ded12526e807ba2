# SPDX-License-Identifier: Apache-2.0
"""`[audit]` of gateway.toml: how long the log is kept, who vouches for it, and when it refuses."""

from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

from gateway.model.anomaly import AnomalySection

#: Cybersecurity Law of the PRC, article 21(3): network logs are kept for six months at least.
RETENTION_FLOOR_MONTHS: Final = 6


class TimestampsSection(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`[audit.timestamps]`: RFC 3161 timestamps of checkpoints by an authority (TSA)."""

    url: Annotated[str, Meta(pattern=r"^https?://", description="Where the authority answers.")]
    certificate: Annotated[
        str,
        Meta(
            description="PEM file of its X.509 certificate, relative to the site; behind it those "
            "that were replaced, so that their timestamps go on to verify."
        ),
    ]
    roots: Annotated[
        str, Meta(description="PEM file of the roots that vouch for them, relative to the site.")
    ]
    interval_s: Annotated[
        float, Meta(ge=1, le=86_400, description="Seconds between timestamps while the log grows.")
    ] = 3600
    grace_s: Annotated[
        float,
        Meta(
            ge=1,
            le=604_800,
            description="Lookups are refused when the oldest record without a timestamp is older "
            "than so many seconds.",
        ),
    ] = 14_400


class AuditSection(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`[audit]`: the log."""

    retention_months: Annotated[
        int,
        Meta(
            ge=RETENTION_FLOOR_MONTHS,
            le=1200,
            description="An epoch's keys may be destroyed after so many months, not earlier.",
        ),
    ] = 36
    kek: Annotated[
        str,
        Meta(
            pattern=r"^(file:.+|env:[A-Za-z_][A-Za-z0-9_]*)$",
            description="Where the key that wraps the epoch keys is read: `file:PATH` relative to "
            "the site, or `env:NAME`; 32 bytes in base64.",
        ),
    ] = "file:keys/audit.kek"
    min_free_bytes: Annotated[
        int,
        Meta(
            ge=0,
            description="With less free space than this, lookups are refused before the log fails.",
        ),
    ] = 64 * 1024 * 1024
    alarm_used_percent: Annotated[
        int, Meta(ge=1, le=100, description="From here on /readyz and metrics raise an alarm.")
    ] = 90
    index: Annotated[
        bool, Meta(description="Whether `yizheng serve` runs the process that keeps the index.")
    ] = True
    witness_policy: Annotated[
        str | None,
        Meta(
            description="File of witnesses and quorum (C2SP tlog-policy), relative to the site. "
            "Without it the log has no witnesses."
        ),
    ] = None
    witness_interval_s: Annotated[
        float, Meta(ge=0.1, le=3600, description="Seconds between rounds of collecting.")
    ] = 2
    timestamps: TimestampsSection | None = None
    anomalies: AnomalySection = AnomalySection()


#: What a process tells of itself in /readyz beside `ok`.
Alarm = Literal["ok", "alarm", "refusing"]
