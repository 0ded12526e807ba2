# SPDX-License-Identifier: Apache-2.0
"""Evaluations in the office store: one a case; a bad one and its ticket are one transaction."""

import sqlite3
from collections.abc import Callable, Sequence
from datetime import date, datetime
from typing import Final, final

from gateway.errors import RequestError
from gateway.matter_port import EvaluationShelf
from gateway.model.evaluation import LEVELS, Evaluation, EvaluationDraft, EvaluationTotal
from gateway.model.instant import format_month, format_time_s
from gateway.model.matter import MatterDraft
from gateway.model.screening import holds_identifier
from gateway.office.matters import add_matter
from gateway.office.store import OfficeStore
from gateway.sdk import Deadline

_COUNT: Final = """
    INSERT INTO evaluation_counts VALUES (?, ?, ?, ?, 1)
    ON CONFLICT (month, agency, item, level) DO UPDATE SET count = count + 1
"""
_TOTALS: Final = """
    SELECT agency, item, month,
        sum((level = 1) * count), sum((level = 2) * count), sum((level = 3) * count),
        sum((level = 4) * count), sum((level = 5) * count)
    FROM evaluation_counts WHERE coalesce(?, agency) = agency
    GROUP BY month, agency, item ORDER BY month DESC, agency, item LIMIT ?
"""
#: Most rows of totals; the oldest are left out.
_TOTAL_COUNT: Final = 1000


@final
class EvaluationBook(EvaluationShelf):
    """The evaluations of a site.

    Args:
        clock: aware now, in the site's zone. Evaluations count in its months.
    """

    def __init__(self, store: OfficeStore, *, clock: Callable[[], datetime]) -> None:
        self._store: Final = store
        self._clock: Final = clock

    async def give(
        self, draft: EvaluationDraft, deadline: Deadline, *, due_on: date | None
    ) -> Evaluation:
        """Keep an evaluation, and open the ticket of a bad one.

        Args:
            due_on: by when what a bad one is about has to be mended; None of a good one.

        Raises:
            RequestError: EVALUATION_TWICE, MATTER_PERSONAL.
            StoreError: it is not known to be kept.
        """
        if holds_identifier(draft.words):
            raise RequestError("MATTER_PERSONAL", "`words` holds an identity number")
        now = self._clock()

        def work(connection: sqlite3.Connection) -> None:
            known = connection.execute(
                "SELECT 1 FROM evaluations WHERE agency = ? AND number = ?",
                (draft.agency, draft.case),
            ).fetchone()
            if known is not None:
                raise RequestError("EVALUATION_TWICE")
            ticket = None
            if draft.is_bad:
                assert due_on is not None  # a ticket is due some day
                ticket = add_matter(connection, _ticket(draft, due_on), now)
            connection.execute(
                "INSERT INTO evaluations VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    draft.agency, draft.case, draft.item, draft.level, draft.words,
                    draft.evaluator, format_time_s(now), ticket,
                ),
            )  # fmt: skip
            month = format_month(now)
            connection.execute(_COUNT, (month, draft.agency, draft.item, draft.level))

        await self._store.write(work, deadline)
        return self._select("agency = ? AND number = ?", draft.agency, draft.case)[0]

    def list_evaluations(self, agency: str | None = None) -> Sequence[Evaluation]:
        """Evaluations of one agency or of all, by time.

        Raises:
            StoreError: the store cannot be read.
        """
        return self._select("coalesce(?, agency) = agency", agency)

    def _select(self, condition: str, *values: str | None) -> Sequence[Evaluation]:
        rows = self._store.select(
            "SELECT agency, item, level, given_at, words, number, ticket, evaluator IS NOT NULL "  # noqa: S608 -- our own conditions
            f"FROM evaluations WHERE {condition} ORDER BY given_at, number",
            *values,
        )
        return [
            Evaluation(
                agency=unit, item=item, level=level, given_at=given_at, words=words,
                case=number, ticket=ticket, is_known=bool(is_known),
            )
            for unit, item, level, given_at, words, number, ticket, is_known in rows
        ]  # fmt: skip

    def totals(self, agency: str | None) -> Sequence[EvaluationTotal]:
        """Counts by unit, item and month, newest month first; of one agency or of all.

        Raises:
            StoreError: the store cannot be read.
        """
        return [
            EvaluationTotal(unit, item, month, (one, two, three, four, five))
            for unit, item, month, one, two, three, four, five in self._store.select(
                _TOTALS, agency, _TOTAL_COUNT
            )
        ]


def _ticket(draft: EvaluationDraft, due_on: date) -> MatterDraft:
    """Without the case: whoever mends it would know from it who evaluated."""
    return MatterDraft(
        kind="rating",
        agency=draft.agency,
        words=draft.words or LEVELS[draft.level],
        by="evaluation",
        due_on=due_on,
        item=draft.item,
    )
