# SPDX-License-Identifier: Apache-2.0
"""The signature base (RFC 9421 §2.5): the bytes that a signature is over."""

from collections.abc import Sequence
from functools import lru_cache

from gateway.httpsig import sfv


def format_base(listed: str, values: Sequence[str], member: str) -> bytes:
    """Print the base of a signature.

    Args:
        listed: the inner list of the covered components, in the signer's order.
        values: one for each, free of line breaks.
        member: the value of `@signature-params`.
    """
    return (base_template(listed) % (*values, member)).encode("ascii")


# The lists that are signed are few; filling a template costs half of joining lines.
@lru_cache(maxsize=256)
def base_template(listed: str) -> str:
    """The base with `%s` in the place of each value, and of the member last."""
    identifiers = [item.text.replace("%", "%%") for item in sfv.parse_items(listed)]
    return "".join([f"{text}: %s\n" for text in [*identifiers, '"@signature-params"']])[:-1]
