# SPDX-License-Identifier: Apache-2.0
"""The search index as commands read it: as far as the log is, or saying what is missing."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from gateway.audit.index.rows import IndexReader
    from gateway.config import Site

#: Seconds that a running gateway is given to index what was just recorded.
_PATIENCE_S: Final = 2.0


@contextmanager
def opened_index(
    site: "Site", *, shown: bool, patience_s: float = _PATIENCE_S
) -> "Iterator[tuple[IndexReader, int]]":
    """The index, brought up to date if no gateway does; and how many records it lacks.

    Args:
        shown: whether progress is.
        patience_s: for as long a running gateway may take to bring it up to date.
    """
    import time
    from contextlib import closing, suppress

    from gateway.audit.index.follow import catch_up
    from gateway.audit.index.rows import IndexReader
    from gateway.audit.store.reader import LogReader
    from gateway.cli.output import print_error
    from gateway.cli.progress import Progress
    from gateway.errors import SetupError, TrustError
    from gateway.keyring import kept_epochs, log_verifier

    log, folder = site.state / "audit", site.state / "index"
    try:
        with suppress(SetupError), Progress("index", shown=shown) as progress:
            catch_up(
                log,
                folder,
                log_verifier(site),
                lambda: kept_epochs(site),
                progress=progress.update,
            )
    except TrustError as error:  # what is proved can be searched
        print_error(error, as_json=False)
    with closing(LogReader.open(log)) as reader:
        size = reader.size()
    until_s = time.monotonic() + patience_s
    with closing(IndexReader.open(folder)) as index:
        while (behind := max(0, size - index.size())) and time.monotonic() < until_s:
            time.sleep(0.05)
        yield index, behind
