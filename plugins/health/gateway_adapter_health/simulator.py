# SPDX-License-Identifier: Apache-2.0
"""A health commission's database to try the declaration with: a SQLite file that a process keeps.

A father who is not named is `—`, as its forms print him.
"""

import argparse
import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any, Final

from gateway.sdk.kits.simulator import announce, read_records, stop_event

_SCHEMA: Final = """
CREATE TABLE csyxzm (
    csyxzmbh TEXT PRIMARY KEY, -- 编号
    xsexm TEXT,                -- 新生儿姓名
    xsexb TEXT,                -- 新生儿性别
    cssj TEXT,                 -- 出生时间
    csd TEXT,                  -- 出生地
    mqxm TEXT,                 -- 母亲姓名
    mqzjhm TEXT NOT NULL,      -- 母亲证件号码
    fqxm TEXT,                 -- 父亲姓名
    fqzjhm TEXT                -- 父亲证件号码
);
CREATE INDEX csyxzm_mq ON csyxzm (mqzjhm);
"""
_COLUMNS: Final = (
    "certificate_no", "child_name", "child_sex_code", "born_at", "birth_area", "mother_name",
    "mother_id", "father_name", "father_id",
)  # fmt: skip
_NOBODY: Final = "—"


def _fill(file: Path, records: tuple[dict[str, Any], ...]) -> None:
    file.unlink(missing_ok=True)
    file.touch(mode=0o600)
    with closing(sqlite3.connect(file)) as database, database:
        database.executescript(_SCHEMA)
        database.executemany(
            f"INSERT INTO csyxzm VALUES ({','.join('?' * len(_COLUMNS))})",  # noqa: S608 - question marks
            ([record[name] or _NOBODY for name in _COLUMNS] for record in records),
        )


async def _keep(file: Path) -> None:
    stop = stop_event()
    announce({"dsn": f"sqlite://{file}"})
    await stop.wait()


def main() -> None:
    """`python -m gateway_adapter_health.simulator`."""
    parser = argparse.ArgumentParser(description="A simulated health commission's database.")
    parser.add_argument("--records", type=Path, required=True, help="JSON array of certificates")
    parser.add_argument("--folder", type=Path, required=True, help="for the database")
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    file = given.folder.resolve() / "births.db"
    _fill(file, read_records(given.records))
    asyncio.run(_keep(file))
    file.unlink(missing_ok=True)


if __name__ == "__main__":
    main()
