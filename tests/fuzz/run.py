# SPDX-License-Identifier: Apache-2.0
"""One target under atheris: `python -m tests.fuzz.run <target> [seconds]`; ends with what broke.

The corpus is kept in `.fuzz/<target>/`, so that the next run goes on from there. A finding is
written to `.fuzz/<target>.crash-…`: make it a regression test.
"""

import sys
from pathlib import Path
from typing import Final

import atheris  # type: ignore[import-untyped] # of the group `fuzz`, and without types

with atheris.instrument_imports(include=["gateway", "tests.fuzz.targets"]):
    from tests.fuzz.targets import TARGETS

from tests.fuzz.seeds import seeds

KEPT: Final = Path(".fuzz")
MAX_BYTES: Final = 4096


def main(name: str, seconds: str = "180") -> None:
    corpus = KEPT / name
    corpus.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(seeds()[name]):
        (corpus / f"seed-{number}").write_bytes(seed)
    options = [f"-max_total_time={seconds}", f"-max_len={MAX_BYTES}", "-timeout=10"]
    atheris.Setup([name, *options, f"-artifact_prefix={KEPT / name}.", str(corpus)], TARGETS[name])
    atheris.Fuzz()


if __name__ == "__main__":
    main(*sys.argv[1:])
