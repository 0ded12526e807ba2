# SPDX-License-Identifier: Apache-2.0
"""Cases in the office store.

Rules:

1. A registration whose content is the last one's changes nothing; another content is a new version.
   Old versions stay.
2. The item of a case never changes, and whom the lookup that opened it was about has to be one of
   its holders: else an agency could look first and fit the case to it later.
3. What a lookup is checked against is remembered by case as long as nobody writes to the store.
4. Content is compared by its keyed digest, since the holders in it are only kept sealed.
5. What changes a case puts its event beside it (`gateway.office.outbox`); nothing else does.
6. With a case all its deferrals end.
"""

import sqlite3
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final, final

import msgspec

from gateway.crypto.office import OfficeCipher
from gateway.errors import RequestError
from gateway.model.case import (
    CaseDraft,
    CaseFacts,
    CaseRecord,
    CaseResult,
    CaseState,
    Mandate,
    Party,
    Role,
    ShownParty,
)
from gateway.model.holder import Holder
from gateway.model.instant import format_unix_s
from gateway.model.office_event import CaseClosed, CaseRegistered
from gateway.office.deferral_steps import withdraw_deferrals
from gateway.office.outbox import put_event
from gateway.office.store import OfficeStore
from gateway.office_port import CaseBook
from gateway.sdk import Deadline

_MAX_REMEMBERED: Final = 4096
_FACTS: Final = """
    SELECT c.state, c.item, c.first_seen_s, v.mandate, h.ix, h.role
    FROM cases c
    JOIN case_versions v USING (agency, number, version)
    JOIN case_holders h USING (agency, number, version)
    WHERE c.agency = ? AND c.number = ?
"""
_SHOWN: Final = """
    SELECT c.agency, c.number, c.state, c.version, c.item, c.first_seen_s, c.closed_at,
           c.result, c.reason, v.situation, v.operator, v.opened_at, v.mandate, v.written_s
    FROM cases c JOIN case_versions v USING (agency, number, version)
"""
_SHOWN_PARTIES: Final = """
    SELECT role, scheme, masked FROM case_holders
    WHERE agency = ? AND number = ? AND version = ? ORDER BY place
"""
_SEALED_PARTIES: Final = """
    SELECT h.version, h.place, h.role, h.scheme, h.sealed
    FROM cases c JOIN case_holders h USING (agency, number, version)
    WHERE c.agency = ? AND c.number = ? ORDER BY h.place
"""
_encode: Final = msgspec.json.Encoder(order="deterministic").encode
_parse_mandate: Final = msgspec.json.Decoder(Mandate).decode


class _Sealed(msgspec.Struct, frozen=True):
    """What of a holder stands sealed."""

    number: str
    name: str | None


_parse_sealed: Final = msgspec.json.Decoder(_Sealed).decode


@final
class SqliteCaseBook(CaseBook):
    """The cases of a site.

    Args:
        clock_s: UNIX seconds.
    """

    def __init__(
        self, store: OfficeStore, cipher: OfficeCipher, *, clock_s: Callable[[], float]
    ) -> None:
        self._store: Final = store
        self._cipher: Final = cipher
        self._clock_s: Final = clock_s
        self._remembered: Final[dict[tuple[str, str], CaseFacts | None]] = {}
        self._change_count = -1

    def facts(self, agency: str, number: str) -> CaseFacts | None:
        """What a lookup is checked against, as of now; None for an unknown case."""
        change_count, key = self._store.change_count(), (agency, number)
        if change_count != self._change_count or len(self._remembered) >= _MAX_REMEMBERED:
            self._remembered.clear()
            self._change_count = change_count
        elif key in self._remembered:
            return self._remembered[key]
        facts = _facts_of(self._store.select(_FACTS, agency, number))
        self._remembered[key] = facts
        return facts

    def roles_of(self, facts: CaseFacts, holder: Holder) -> tuple[Role, ...]:
        """As what the holder belongs to the case; empty when not at all."""
        return facts.roles.get(self._cipher.index_of(holder.scheme, holder.number), ())

    def show(self, agency: str, number: str) -> CaseRecord | None:
        """A case with its holders masked."""
        rows = self._store.select(f"{_SHOWN} WHERE c.agency = ? AND c.number = ?", agency, number)
        return self._shown(rows[0]) if rows else None

    def list_cases(
        self,
        agency: str | None = None,
        state: CaseState | None = None,
        *,
        after: tuple[str, str] = ("", ""),
        limit: int = 100,
        closed_since: str | None = None,
    ) -> Sequence[CaseRecord]:
        """Cases by agency and number, from behind `after` on.

        Args:
            closed_since: only those that were closed then or later; RFC 3339 UTC.
        """
        rows = self._store.select(
            f"{_SHOWN} WHERE (c.agency, c.number) > (?, ?) AND coalesce(?, c.agency) = c.agency "
            "AND coalesce(?, c.state) = c.state AND coalesce(c.closed_at >= ?, ? IS NULL) "
            "ORDER BY c.agency, c.number LIMIT ?",
            *(*after, agency, state, closed_since, closed_since, limit),
        )
        return [self._shown(row) for row in rows]

    def parties(self, agency: str, number: str) -> tuple[Party, ...]:
        """The holders of a case with their numbers, to ask departments about; never to show.

        Raises:
            TrustError: a row was changed, or is under another key.
        """
        found = []
        for version, place, role, scheme, sealed in self._store.select(
            _SEALED_PARTIES, agency, number
        ):
            name = _place(agency, number, version, place)
            inside = _parse_sealed(self._cipher.open(name, sealed))
            found.append(Party(role, Holder(scheme, inside.number, inside.name)))
        return tuple(found)

    async def register(self, draft: CaseDraft, deadline: Deadline) -> CaseRecord:
        """Keep a registration; the same content again changes nothing.

        Raises:
            RequestError: CASE_CLOSED, CASE_ITEM_FIXED, CASE_HOLDER_MISMATCH.
            StoreError: it is not known to be kept.
        """
        await self._store.write(lambda connection: self._register(connection, draft), deadline)
        return self._known(draft.agency, draft.number)

    async def open_provisionally(self, draft: CaseDraft, deadline: Deadline) -> CaseFacts:
        """Keep what the first lookup of a case was about; what is known already stays.

        Raises:
            StoreError: it is not known to be kept.
        """

        def work(connection: sqlite3.Connection) -> None:
            if _state_of(connection, draft) is None:
                self._add(connection, draft, "provisional", 0)

        await self._store.write(work, deadline)
        facts = self.facts(draft.agency, draft.number)
        assert facts is not None  # it was written, and nothing is ever deleted
        return facts

    async def close_case(
        self,
        agency: str,
        number: str,
        closed_at: str,
        deadline: Deadline,
        *,
        result: CaseResult | None = None,
        reason: str = "",
    ) -> CaseRecord:
        """End a case; one that is closed stays as it was closed.

        Raises:
            RequestError: CASE_ABSENT.
            StoreError: it is not known to be closed.
        """

        def work(connection: sqlite3.Connection) -> None:
            known = connection.execute(
                "SELECT item, state FROM cases WHERE agency = ? AND number = ?", (agency, number)
            ).fetchone()
            if known is None:
                raise RequestError("CASE_ABSENT")
            item, state = known
            if state == "closed":
                return
            connection.execute(
                "UPDATE cases SET state = 'closed', closed_at = ?, result = ?, reason = ? "
                "WHERE agency = ? AND number = ?",
                (closed_at, result, reason, agency, number),
            )
            now_s = self._clock_s()
            withdraw_deferrals(connection, agency, number, now_s=now_s)
            closed = CaseClosed(number, item, closed_at)
            put_event(connection, closed, agency=agency, now_s=now_s)

        await self._store.write(work, deadline)
        return self._known(agency, number)

    def _register(self, connection: sqlite3.Connection, draft: CaseDraft) -> None:
        """Inside the transaction."""
        known = _state_of(connection, draft)
        if known is None:
            self._add(connection, draft, "open", 1)
            self._tell(connection, draft, 1)
            return
        state, version, item, digest = known
        if state == "closed":
            raise RequestError("CASE_CLOSED", "a closed case is not registered again")
        if item != draft.item:
            raise RequestError("CASE_ITEM_FIXED", f"the case is of item {item}")
        if version and digest == self._digest(draft):
            return
        self._refuse_left_out(connection, draft, version)
        connection.execute(
            "UPDATE cases SET state = 'open', version = ? WHERE agency = ? AND number = ?",
            (version + 1, draft.agency, draft.number),
        )
        self._add_version(connection, draft, version + 1)
        self._tell(connection, draft, version + 1)

    def _tell(self, connection: sqlite3.Connection, draft: CaseDraft, version: int) -> None:
        registered = CaseRegistered(draft.number, draft.item, version)
        put_event(connection, registered, agency=draft.agency, now_s=self._clock_s())

    def _refuse_left_out(
        self, connection: sqlite3.Connection, draft: CaseDraft, version: int
    ) -> None:
        """Of a provisional case: the holder that was asked about has to be one of its holders."""
        if version:
            return
        asked = connection.execute(
            "SELECT ix FROM case_holders WHERE agency = ? AND number = ? AND version = 0",
            (draft.agency, draft.number),
        ).fetchall()
        own = {self._cipher.index_of(p.holder.scheme, p.holder.number) for p in draft.parties}
        if not {row[0] for row in asked} <= own:
            raise RequestError(
                "CASE_HOLDER_MISMATCH", "the first lookup of this case was about somebody else"
            )

    def _add(
        self, connection: sqlite3.Connection, draft: CaseDraft, state: CaseState, version: int
    ) -> None:
        connection.execute(
            "INSERT INTO cases (agency, number, state, version, item, first_seen_s) "
            "VALUES (?, ?, ?, ?, ?, ?)",
            (draft.agency, draft.number, state, version, draft.item, int(self._clock_s())),
        )
        self._add_version(connection, draft, version)

    def _add_version(self, connection: sqlite3.Connection, draft: CaseDraft, version: int) -> None:
        mandate = None if draft.mandate is None else _encode(draft.mandate).decode()
        connection.execute(
            "INSERT INTO case_versions VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (draft.agency, draft.number, version, draft.situation, draft.operator,
             draft.opened_at, mandate, int(self._clock_s()), draft.act, self._digest(draft)),
        )  # fmt: skip
        connection.executemany(
            "INSERT INTO case_holders VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            self._rows(draft, version),
        )

    def _rows(self, draft: CaseDraft, version: int) -> Iterable[tuple[Any, ...]]:
        for place, party in enumerate(draft.parties):
            holder, name = party.holder, _place(draft.agency, draft.number, version, place)
            sealed = self._cipher.seal(name, _encode(_Sealed(holder.number, holder.name)))
            index = self._cipher.index_of(holder.scheme, holder.number)
            yield (
                *(draft.agency, draft.number, version, place, party.role, holder.scheme),
                *(index, sealed, holder.masked),
            )

    def _digest(self, draft: CaseDraft) -> bytes:
        """Of all that the agency said; not of the request that said it."""
        return self._cipher.digest(_encode(msgspec.structs.replace(draft, act="")))

    def _known(self, agency: str, number: str) -> CaseRecord:
        record = self.show(agency, number)
        assert record is not None  # it was written, and nothing is ever deleted
        return record

    def _shown(self, row: Sequence[Any]) -> CaseRecord:
        agency, number, state, version, item, first_seen_s, closed_at, *content = row
        result, reason, situation, operator, opened_at, mandate, written_s = content
        parties = self._store.select(_SHOWN_PARTIES, agency, number, version)
        return CaseRecord(
            agency=agency,
            number=number,
            state=state,
            version=version,
            item=item,
            holders=tuple(ShownParty(*party) for party in parties),
            first_seen_at=format_unix_s(first_seen_s),
            situation=situation,
            operator=operator,
            opened_at=opened_at,
            registered_at=format_unix_s(written_s) if version else None,
            closed_at=closed_at,
            mandate=None if mandate is None else _parse_mandate(mandate),
            result=result,
            reason=reason,
        )


def _state_of(
    connection: sqlite3.Connection, draft: CaseDraft
) -> tuple[CaseState, int, str, bytes] | None:
    """State, version, item and digest of what is known of the case."""
    found: tuple[CaseState, int, str, bytes] | None = connection.execute(
        "SELECT c.state, c.version, c.item, v.digest "
        "FROM cases c JOIN case_versions v USING (agency, number, version) "
        "WHERE c.agency = ? AND c.number = ?",
        (draft.agency, draft.number),
    ).fetchone()
    return found


def _facts_of(rows: Sequence[Any]) -> CaseFacts | None:
    if not rows:
        return None
    state, item, first_seen_s, mandate = rows[0][:4]
    roles: dict[bytes, tuple[Role, ...]] = {}
    for *_, index, role in rows:
        roles[index] = (*roles.get(index, ()), role)
    parsed = None if mandate is None else _parse_mandate(mandate)
    return CaseFacts(state, item, first_seen_s, roles, parsed)


def _place(agency: str, number: str, version: int, place: int) -> str:
    """What a sealed holder is bound to; an agency's id has no `|`."""
    return f"case_holders|{agency}|{number}|{version}|{place}"
