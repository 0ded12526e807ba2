# SPDX-License-Identifier: Apache-2.0
"""What a refusal is; the tables of them are `gateway.errors.codes` and its parts."""

from typing import Literal

import msgspec

Attribution = Literal["consumer", "gateway", "provider"]


class Text(msgspec.Struct, frozen=True):
    """The same words in English and Chinese."""

    en: str
    zh: str


class Refusal(msgspec.Struct, frozen=True):
    """One way in which this project says no.

    Attributes:
        code: stable slug.
        check: the member of `CHECKS` that failed; empty where no request is involved.
        status: HTTP status.
        attribution: whose side has to act.
        retryable: whether the same request, signed anew, may succeed later.
        title: what it means.
        hint: how to mend it.
    """

    code: str
    check: str
    status: int
    attribution: Attribution
    retryable: bool
    title: Text
    hint: Text


def row(  # noqa: PLR0917 - a row of a table reads by position
    code: str,
    check: str,
    status: int,
    whose: Attribution,
    title: tuple[str, str],
    hint: tuple[str, str],
    *,
    retryable: bool = False,
) -> Refusal:
    """One row of a table."""
    return Refusal(code, check, status, whose, retryable, Text(*title), Text(*hint))
