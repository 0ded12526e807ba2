# SPDX-License-Identifier: Apache-2.0
"""The adapter's process: `python -m gateway.registry.isolation <descriptor> <nice>`."""

import importlib
import sys

from gateway.registry.isolation.yielding import load_at


def _main(descriptor: int, nice: int) -> None:
    child = load_at(nice, lambda: importlib.import_module("gateway.registry.isolation.child"))
    child.main(descriptor, nice)


if __name__ == "__main__":
    _main(int(sys.argv[1]), int(sys.argv[2]))
