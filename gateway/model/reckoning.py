# SPDX-License-Identifier: Apache-2.0
"""What is reckoned from the log beside the workers: a replay, or a department's figure."""

import msgspec

from gateway.model.matter import Metric, Replay


class ReplayWanted(msgspec.Struct, frozen=True, tag="replay"):
    """Was this material available then: what `gateway.supervision.replay` is asked."""

    agency: str
    case: str
    item: str
    material: str
    demanded_at: str


class FigureWanted(msgspec.Struct, frozen=True, tag="figure"):
    """A department's figure of the last days."""

    department: str
    metric: Metric
    days: int


class Reckoned(msgspec.Struct, frozen=True, omit_defaults=True):
    """The answer; of a figure None where the department was not asked in those days.

    Attributes:
        code: of why there is none; all else is empty then.
        detail: what the error said; safe to show.
    """

    replay: Replay | None = None
    figure: float | None = None
    code: str = ""
    detail: str = ""


Wanted = ReplayWanted | FigureWanted
