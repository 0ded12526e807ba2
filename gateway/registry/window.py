# SPDX-License-Identifier: Apache-2.0
"""Outcomes of the last seconds, in a fixed room however many there are."""

from typing import Final

_PARTS: Final = 10
_NEVER: Final = -(1 << 62)


class Window:
    """A rolling count of failures among outcomes; exact to a tenth of its length.

    Args:
        length_s: for how long an outcome counts.
    """

    def __init__(self, length_s: float) -> None:
        self._part_s: Final = length_s / _PARTS
        self._counts: Final = [0] * _PARTS
        self._failures: Final = [0] * _PARTS
        self._numbers: Final = [_NEVER] * _PARTS  # which part of all time stands at each place

    def count(self, now_s: float, *, is_failure: bool) -> None:
        """Count one outcome."""
        number = int(now_s / self._part_s)
        place = number % _PARTS
        if self._numbers[place] != number:
            self._numbers[place] = number
            self._counts[place] = self._failures[place] = 0
        self._counts[place] += 1
        self._failures[place] += is_failure

    def is_failing(self, now_s: float, percent: int, min_count: int) -> bool:
        """Whether at least that share of at least so many outcomes are failures."""
        oldest = int(now_s / self._part_s) - _PARTS + 1
        places = [place for place in range(_PARTS) if self._numbers[place] >= oldest]
        count = sum(self._counts[place] for place in places)
        failures = sum(self._failures[place] for place in places)
        return count >= min_count and failures * 100 >= percent * count

    def clear(self) -> None:
        """Forget all outcomes."""
        self._numbers[:] = [_NEVER] * _PARTS
