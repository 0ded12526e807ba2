# SPDX-License-Identifier: Apache-2.0
"""`[cache]` of `gateway.toml`: what each worker keeps, and the store that nodes share."""

from typing import Annotated, Final

import msgspec
from msgspec import Meta

_URL: Final = r"^valkeys?://(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.-]+)(:[0-9]{1,5})?(/[0-9]{1,3})?$"


class CacheSection(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`[cache]`: sealed answers kept in a worker's memory, and in a store that nodes share."""

    max_entries: Annotated[int, Meta(ge=1, description="Answers per worker.")] = 100_000
    max_bytes: Annotated[
        int, Meta(ge=1_048_576, description="Bytes per worker, approximately.")
    ] = 256 * 1024 * 1024
    url: Annotated[
        Annotated[str, Meta(pattern=_URL)] | None,
        Meta(
            description="Valkey or Redis server that all nodes share, `valkey://host:port/db`, or "
            "`valkeys://` for TLS. Needs the extra `cluster`. None: each node by itself.",
        ),
    ] = None
    username: Annotated[str | None, Meta(description="User of that server, if it has any.")] = None
    password: Annotated[
        str | None, Meta(description="Its password: `file:<path>` or `env:<NAME>`.")
    ] = None
    ca: Annotated[
        str | None,
        Meta(
            description="PEM file, in the site folder, of who vouches for the server of "
            "`valkeys://`. None: whom the system trusts."
        ),
    ] = None
    key: Annotated[
        str,
        Meta(
            pattern=r"^(file|env):.+$",
            description="Reference to the 32 bytes (base64) that all nodes share; `keys init` "
            "makes the file.",
        ),
    ] = "file:keys/shared-cache.key"
