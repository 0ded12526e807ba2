# SPDX-License-Identifier: Apache-2.0
"""Tables of expected decisions, as TOML (`[[cases]]`) or CSV with a head.

Columns are the members of `gateway.granting.trial.Question`, and `expect`: `permit`, the grant that
has to permit it (`yq-gjj` or `yq-gjj@3`), or the rule that has to refuse it. In CSV an empty cell
is a member that is left out, and `fields` are parted by spaces.
"""

import csv
import io
from collections.abc import Iterable, Iterator
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta

from gateway.errors import SetupError
from gateway.granting.trial import Question, Trial
from gateway.model.grant import Decision, Permit

_FIELDS: Final = "fields"


class Expected(Question, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One row.

    Attributes:
        expect: `permit`, a grant, or a rule.
    """

    expect: Annotated[str, Meta(min_length=1)]


class Outcome(msgspec.Struct, frozen=True):
    """What became of one row.

    Attributes:
        row: its number, from 1.
        got: the grant that permits, or the rule that refuses.
        detail: of a refusal.
        agrees: whether it is what was expected.
    """

    row: int
    expect: str
    got: str
    detail: str
    agrees: bool


class _Cases(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    cases: tuple[Expected, ...]


def parse_table(text: str, name: str) -> tuple[Expected, ...]:
    """Read a table.

    Args:
        name: of its file; `.csv` is CSV, anything else TOML.

    Raises:
        SetupError: it is not of this form; names the row.
    """
    try:
        if name.endswith(".csv"):
            found = tuple(_csv_rows(text, name))
        else:
            found = msgspec.toml.decode(text, type=_Cases).cases
    except (msgspec.DecodeError, csv.Error) as error:
        raise _unreadable(name, str(error)) from None
    if not found:
        raise _unreadable(name, "there is no row in it")
    return found


def try_all(rows: Iterable[Expected], trial: Trial) -> Iterator[Outcome]:
    """Decide each row.

    Raises:
        RequestError: a row names an agency that does not exist, or a time that is none.
    """
    for number, row in enumerate(rows, 1):
        decision = trial.decide(row)
        got, detail = _words(decision)
        yield Outcome(number, row.expect, got, detail, _agrees(decision, row.expect))


def _agrees(decision: Decision, expect: str) -> bool:
    if isinstance(decision, Permit):
        return expect in {"permit", decision.grant.id, decision.grant.reference}
    return expect == decision.rule


def _words(decision: Decision) -> tuple[str, str]:
    if isinstance(decision, Permit):
        return decision.grant.reference, ""
    return decision.rule, decision.detail


def _csv_rows(text: str, name: str) -> Iterator[Expected]:
    reader = csv.DictReader(io.StringIO(text.removeprefix("\ufeff")), strict=True)
    for row in reader:
        where = f"line {reader.line_num}"
        if None in row:
            raise _unreadable(name, f"{where}: more cells than the head has")
        members: dict[str, Any] = {column: cell for column, cell in row.items() if cell}
        if _FIELDS in members:
            members[_FIELDS] = members[_FIELDS].split()
        try:
            yield msgspec.convert(members, Expected)
        except msgspec.ValidationError as error:
            raise _unreadable(name, f"{where}: {error}") from None


def _unreadable(name: str, why: str) -> SetupError:
    return SetupError(
        why, where=name, remedy="docs/how-to/grant-access.md shows a table of expected decisions."
    )
