# SPDX-License-Identifier: Apache-2.0
"""From a department's signal to no older answer on any worker, in a running gateway.

    python -m bench.invalidation [COUNT [WORKERS]]

The signal's answer is sent when every worker has forgotten, so its time is the time looked for, and
the client's connection and signatures besides. Prints one JSON line.
"""

import sys
import tempfile
import time
from pathlib import Path

import msgspec

from fixtures.world import World
from gateway.crypto.keys import load_signer
from tests.integration.wire import send, sign


def measure(count: int, workers: int) -> dict[str, object]:
    with (
        tempfile.TemporaryDirectory(prefix="yz-", dir="/tmp") as folder,  # short, for the sockets
        World(Path(folder), workers=workers) as world,
    ):
        signer = load_signer(world.department_key().read_bytes(), "yq-ga-1")
        body = msgspec.json.encode(
            {
                "holder": {"scheme": "cn-id", "number": world.citizens[0].id_number},
                "changed_at": "2026-11-22T08:00:00Z",
            }
        )
        times_ms = []
        for _ in range(count):
            draft = sign(world, body, signer=signer, target="/v1/invalidations")
            began_s = time.perf_counter()
            answer = send(world, draft)
            times_ms.append((time.perf_counter() - began_s) * 1000)
            assert answer.status == 200, answer.document
    times_ms.sort()
    return {
        "workers": workers,
        "signals": count,
        **{f"p{part}_ms": round(times_ms[count * part // 100], 2) for part in (50, 99)},
        "max_ms": round(times_ms[-1], 2),
    }


if __name__ == "__main__":
    asked = [int(text) for text in sys.argv[1:]]
    print(msgspec.json.encode(measure(*(asked + [500, 4][len(asked) :]))).decode())
