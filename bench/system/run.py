# SPDX-License-Identifier: Apache-2.0
"""What all scenarios share: how long, how often, with what, and where findings go."""

import sys
from pathlib import Path
from typing import Final, Literal

import msgspec

from bench.system.results import Findings
from bench.system.shot import Gun


class Sizes(msgspec.Struct, frozen=True):
    """How much is measured.

    Attributes:
        starts: of all servers; two identical processes differ by up to 10 %.
        rounds: of shots in turns, for each start.
        side_rounds: the same where floor or peers are not all compared.
        shot_s: one shot at saturation.
        paced_s: one shot at half load.
        miss_count: cold questions one at a time, for each start.
        feed_s: of entries, for each shot.
        cached_count: certificates in the cache that is weighed.
        overload_s: at three times the capacity.
        signal_count: a department's, one after another.
        hung_s: each round with a department that hangs or dribbles, and each without.
        harm_s: each round with an adapter that does harm, and each without.
    """

    mode: Literal["full", "quick"]
    starts: int
    rounds: int
    side_rounds: int
    shot_s: float
    paced_s: float
    miss_count: int
    feed_s: float
    cached_count: int
    overload_s: float
    signal_count: int
    hung_s: float
    harm_s: float


FULL: Final = Sizes("full", 3, 4, 3, 2, 4, 300, 4, 1_000_000, 60, 300, 15, 5)
QUICK: Final = Sizes("quick", 1, 3, 1, 1, 1, 80, 1, 10_000, 6, 40, 6, 3)


class Run:
    """One run of the benchmark.

    Attributes:
        failures: scenarios that ended early, each with the reason.
    """

    def __init__(self, sizes: Sizes, gun: Gun, folder: Path) -> None:
        self.sizes: Final = sizes
        self.gun: Final = gun
        self.folder: Final = folder
        self.findings: Final = Findings()
        self.failures: Final[list[str]] = []

    def tell(self, text: str) -> None:
        """Say on stderr what is being done."""
        print(text, file=sys.stderr, flush=True)
