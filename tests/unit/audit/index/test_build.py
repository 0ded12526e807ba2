# SPDX-License-Identifier: Apache-2.0
"""A row says what its record says, column by column."""

from bench.synthetic_log import SyntheticLog
from gateway.audit.index.build import row_of, time_ms_of
from gateway.audit.index.schema import COLUMNS, NAMES
from gateway.crypto.digest import b64url_encode
from gateway.model.act import Act, Event
from gateway.model.entry import Entry
from gateway.model.record import Record

RENAMED = {"case_id": "case", "grant_ref": "grant"}


def columns(record: Record) -> dict[str, object]:
    return dict(zip(NAMES, row_of(7, record), strict=True))


def test_an_access_is_told_whole() -> None:
    for record in SyntheticLog().records(300):
        assert isinstance(record, Entry)
        row = columns(record)
        assert record.holder is not None
        assert row.pop("idx") == 7
        assert row.pop("time_ms") == time_ms_of(record.time)
        assert row.pop("epoch") == record.holder.epoch
        assert row.pop("scheme") == record.holder.scheme
        assert row.pop("masked") == record.holder.masked
        ix = row.pop("ix")
        assert isinstance(ix, bytes)
        assert b64url_encode(ix) == record.holder.ix
        assert row.pop("result") == record.decision.result
        assert row.pop("rule") == record.decision.rule
        for name in ("fields_requested", "fields_released"):
            assert row.pop(name) == (" ".join(getattr(record, name)) or None)
        for name in ("actor", "action", "reason", "subject", "query", "count"):
            assert row.pop(name) is None
        for name, value in row.items():
            assert value == getattr(record, RENAMED.get(name, name)), name


def test_an_act_is_told_with_its_holder() -> None:
    (found,) = [r for r in SyntheticLog().records(2000) if isinstance(r, Act)]
    mark = SyntheticLog().ciphers["2026-11"].mark_holder("cn-id", "0", "140", found.id)
    record = Act(
        **{name: getattr(found, name) for name in found.__struct_fields__ if name != "holder"},
        holder=mark,
    )
    row = columns(record)
    for name in ("id", "kind", "actor", "action", "reason", "query", "count", "keyid", "outcome"):
        assert row[name] == getattr(record, name)
    assert (row["epoch"], row["masked"], row["agency"]) == ("2026-11", "140", None)


def test_an_event_is_told() -> None:
    event = Event(
        id="a", salt="b", time="2026-11-01T00:00:00.001Z", event="clock_step", detail="step_ms=-9"
    )
    row = {name: value for name, value in columns(event).items() if value is not None}
    assert row == {
        "idx": 7,
        "kind": "event",
        "id": "a",
        "time_ms": 1_793_491_200_001,
        "outcome": "clock_step",
        "reason": "step_ms=-9",
    }


def test_columns_that_are_never_null_are_not() -> None:
    needed = [at for at, (_, kind) in enumerate(COLUMNS) if "NOT NULL" in kind]
    for record in SyntheticLog().records(2001):
        row = row_of(1, record)
        assert all(row[at] is not None for at in needed)
