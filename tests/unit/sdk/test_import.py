# SPDX-License-Identifier: Apache-2.0
"""What a department imports is light."""

import subprocess
import sys

HEAVY = (
    *("aiohttp", "asyncpg", "cryptography", "structlog", "ssl", "asyncio"),
    *("gateway.crypto", "gateway.registry"),
)


def test_the_sdk_loads_no_heavy_module() -> None:
    code = "import sys, gateway.sdk; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True
    ).stdout.split()
    assert "gateway.sdk" in loaded
    assert [name for name in loaded if name.startswith(HEAVY)] == []


def test_a_sign_in_loads_no_cryptography() -> None:
    code = "import sys, gateway.sdk.kits.signin; sys.exit('cryptography' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
