# SPDX-License-Identifier: Apache-2.0
"""Tables as CSV (RFC 4180): UTF-8 with a byte order mark, every cell in quotes, no formula."""

import csv
import io
from collections.abc import Iterable, Sequence

from gateway.model.cell import harmless


def write_csv(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> bytes:
    """One table as CSV (RFC 4180)."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, quoting=csv.QUOTE_ALL)
    writer.writerow(titles)
    writer.writerows([harmless(cell) for cell in row] for row in rows)
    return text.getvalue().encode("utf-8-sig")
