# SPDX-License-Identifier: Apache-2.0
"""How often a department may be asked once more.

A department that fails is asked by everybody at once; were each call tried three times, it would
meet three times its load just when it is weakest. So retries are paid for by calls: each call earns
a share of one retry, and where nothing is left the first failure is the answer.
"""

from typing import Final

_WHOLE: Final = 100


class RetryBudget:
    """Retries of one department, for all calls of one process. Owned by one event loop.

    At any time `retry_count ≤ percent / 100 · call_count`, and `burst_count` more where some were
    owed (`take`).

    Args:
        percent: retries for a hundred calls.
        burst_count: retries that may be saved up in quiet times.

    Attributes:
        call_count: first attempts so far.
        retry_count: retries so far.
        refused_count: retries that there was no budget for.
    """

    __slots__ = ("_credit", "_max_credit", "_percent", "call_count", "refused_count", "retry_count")

    def __init__(self, *, percent: int = 10, burst_count: int = 10) -> None:
        self._percent: Final = percent
        self._max_credit: Final = burst_count * _WHOLE
        self._credit = 0  # hundredths of a retry: whole numbers, so that nothing is rounded
        self.call_count = 0
        self.retry_count = 0
        self.refused_count = 0

    def note_call(self) -> None:
        """Count a first attempt, which earns its share of a retry."""
        self.call_count += 1
        self._credit = min(self._max_credit, self._credit + self._percent)

    def take(self, *, may_owe: bool = False) -> bool:
        """Take one retry; False where the budget has none left, and the call has failed.

        Args:
            may_owe: up to `burst_count` may be owed to later calls. For a call that was refused at
                the door, which cost the department little and helps surely when it is sent again.
        """
        least = -self._max_credit if may_owe else 0
        if self._credit - _WHOLE < least:
            self.refused_count += 1
            return False
        self._credit -= _WHOLE
        self.retry_count += 1
        return True
