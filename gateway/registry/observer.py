# SPDX-License-Identifier: Apache-2.0
"""What the guards have to tell: metrics take it, and the log takes what an operator should see."""

from typing import Final, Literal, Protocol, get_args

from gateway.registry.quarantine import Offence

#: What became of one call: a sound answer, the code of a failure, refused before the department was
#: asked (queue, breaker, quarantine), or the caller left.
Outcome = Literal[
    "answered",
    "PROVIDER_UNAVAILABLE",
    "PROVIDER_TIMEOUT",
    "PROVIDER_ERROR",
    "PROVIDER_REFUSED",
    "turned_away",
    "left",
]
State = Literal["closed", "open", "half_open", "quarantined"]
STATES: Final = get_args(State)


class AdapterObserver(Protocol):
    """Told by all guards of a process. Must not raise."""

    def note_call(self, adapter: str, outcome: Outcome, seconds: float) -> None:
        """A lookup or a verification is over."""

    def note_state(self, adapter: str, state: State) -> None:
        """The adapter is in another state, or was loaded."""

    def note_offence(self, adapter: str, offence: Offence, count: int = 1) -> None:
        """Adapter code did harm; called from any thread."""


class Unobserved(AdapterObserver):
    """Tells nobody: for commands, and tests of something else."""

    def note_call(self, adapter: str, outcome: Outcome, seconds: float) -> None:
        """Nothing."""

    def note_state(self, adapter: str, state: State) -> None:
        """Nothing."""

    def note_offence(self, adapter: str, offence: Offence, count: int = 1) -> None:
        """Nothing."""
