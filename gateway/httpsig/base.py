# SPDX-License-Identifier: Apache-2.0
"""The signature base (RFC 9421 §2.5): the bytes that a signature is over."""

from collections.abc import Sequence


def format_base(identifiers: Sequence[str], values: Sequence[str], member: str) -> bytes:
    """Print the base of a signature.

    Args:
        identifiers: of the covered components, in the signer's order.
        values: one for each, free of line breaks.
        member: the value of `@signature-params`.
    """
    lines = [f"{name}: {value}\n" for name, value in zip(identifiers, values, strict=True)]
    return f'{"".join(lines)}"@signature-params": {member}'.encode("ascii")
