# SPDX-License-Identifier: Apache-2.0
"""What a check finds. Its text names fields and types and no value, since reports are passed on."""

from collections.abc import Collection


class Breach(Exception):
    """The adapter does not do what the contract says; the text is for its author."""


class NotApplicable(Exception):
    """The check cannot be made of this department; the text says why."""


def demand(holds: bool, otherwise: str) -> None:  # noqa: FBT001 - reads as assert does
    """Raise the breach unless it holds."""
    if not holds:
        raise Breach(otherwise)


def listed(names: Collection[str]) -> str:
    """Names in the form in which breaches name them."""
    return ", ".join(f"`{name}`" for name in sorted(names))
