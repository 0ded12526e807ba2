# SPDX-License-Identifier: Apache-2.0
"""A registrar that delivers its file, to try the declaration with: once, at start."""

import argparse
import asyncio
import csv
import io
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from gateway.sdk.kits.filedrop.deliver import deliver
from gateway.sdk.kits.filedrop.layout import CHINA
from gateway.sdk.kits.simulator import announce, read_records, stop_event

_COLUMNS: Final = {
    "uscc": "SHTYXYDM", "name": "QYMC", "entity_type": "QYLX", "legal_representative": "FDDBR",
    "registered_capital": "ZCZB", "currency": "BZ", "established_on": "CLRQ",
    "approved_on": "HZRQ", "term_from": "JYQXQ", "term_to": "JYQXZ", "domicile": "ZS",
    "business_scope": "JYFW", "registrar": "DJJG", "entity_status": "QYZT",
}  # fmt: skip
_STATUSES: Final = {"存续": "1", "注销": "2", "吊销": "3"}


def deliver_licences(folder: Path, records: tuple[dict[str, Any], ...], at: datetime) -> Path:
    """Write one delivery, dated by China's calendar; returns its data file."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(_COLUMNS.values())
    for record in records:
        writer.writerow(_cell(name, record[name]) for name in _COLUMNS)
    content = text.getvalue().encode("gb18030")
    file = folder / f"licences-{at.astimezone(CHINA):%Y%m%d%H%M%S}.csv"
    deliver(file, content)
    return file


def _cell(name: str, value: Any) -> str:
    if name == "entity_status":
        return _STATUSES[value]
    if name.endswith(("_on", "_from", "_to")):
        return str(value).replace("-", "")
    return str(value)


async def _keep(folder: Path, records: tuple[dict[str, Any], ...]) -> None:
    stop = stop_event()
    file = deliver_licences(folder, records, datetime.now(CHINA))
    announce({"folder": str(folder), "delivery": file.name})
    await stop.wait()


def main() -> None:
    """`python -m gateway_adapter_market_regulation.simulator`."""
    parser = argparse.ArgumentParser(description="A simulated registrar that delivers files.")
    parser.add_argument("--records", type=Path, required=True, help="JSON array of licences")
    parser.add_argument("--folder", type=Path, required=True, help="where deliveries go")
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    asyncio.run(_keep(given.folder.resolve(), read_records(given.records)))


if __name__ == "__main__":
    main()
