# SPDX-License-Identifier: Apache-2.0
"""What supervision may see of the log tells how far it sees."""

from contextlib import closing
from pathlib import Path

from gateway.audit.index.rows import IndexReader
from gateway.audit.seen import SeenLog
from gateway.model.instant import parse_ms
from tests.unit.audit.index.logs import IndexedLog


def test_it_is_told_when_the_newest_indexed_record_was_written(tmp_path: Path) -> None:
    log = IndexedLog(tmp_path)
    log.append(120)
    log.catch_up()
    newest = log.records[-1]
    log.append(10)  # not indexed yet
    with closing(IndexReader.open(log.index)) as reader:
        seen = SeenLog(reader)
        assert (seen.size(), seen.newest_ms()) == (120, parse_ms(newest.time))
