# SPDX-License-Identifier: Apache-2.0
"""Reckons one thing from the log: `python -m gateway.reckoning SITE SECONDS`, asked on stdin.

Rules:

1. A process of its own, because it keeps a processor busy: on a worker's loop, or in a thread
   beside it, it would hold up lookups (docs/adr/0029).
2. The index must have every record that the log had when it was asked; so long it waits, SECONDS at
   most. One that is not there or lags behind is INDEX_UNAVAILABLE, and never an empty log.
3. One question, one answer, no state: whoever kills it loses nothing.
"""

import os
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import Final

import msgspec

from gateway.audit.index.rows import IndexReader
from gateway.audit.seen import SeenLog
from gateway.audit.store.reader import LogReader
from gateway.config import Site, load_site
from gateway.errors import GatewayError, StoreError
from gateway.model.reckoning import FigureWanted, Reckoned, ReplayWanted, Wanted
from gateway.supervising import Supervision

_NICENESS: Final = 5
_LOOK_S: Final = 0.05
_parse: Final[msgspec.json.Decoder[Wanted]] = msgspec.json.Decoder(Wanted)


def reckon(site: Site, wanted: Wanted, *, patience_s: float) -> Reckoned:
    """Answer one question.

    Args:
        patience_s: for an index that lags behind.
    """
    try:
        with (
            closing(open_whole_index(site, patience_s)) as index,
            closing(Supervision.open(site)) as opened,
        ):
            log = SeenLog(index)
            match wanted:
                case ReplayWanted():
                    replay = opened.replay(log, **msgspec.structs.asdict(wanted))
                    return Reckoned(replay=replay)
                case FigureWanted(department, metric, days):
                    return Reckoned(figure=opened.figure(log, department, metric, days))
    except GatewayError as error:
        return Reckoned(code="INDEX_UNAVAILABLE", detail=error.code)


def open_whole_index(site: Site, patience_s: float) -> IndexReader:
    """The index, once it has every record that the log has now.

    Raises:
        SetupError: there is none.
        StoreError: INDEX_UNAVAILABLE; it lags behind.
        AuditError: log or index cannot be read.
    """
    until_s = time.monotonic() + patience_s
    with closing(LogReader.open(site.state / "audit")) as reader:
        size = reader.size()
    index = IndexReader.open(site.state / "index")
    while index.size() < size:
        if time.monotonic() >= until_s:
            index.close()
            raise StoreError("INDEX_UNAVAILABLE")
        time.sleep(_LOOK_S)
    return index


def main() -> None:
    """Read the question, write the answer."""
    folder, patience_s = sys.argv[1:]
    os.nice(_NICENESS)
    wanted = _parse.decode(sys.stdin.buffer.read())
    answer = reckon(load_site(Path(folder)), wanted, patience_s=float(patience_s))
    sys.stdout.buffer.write(msgspec.json.encode(answer))


if __name__ == "__main__":
    main()
