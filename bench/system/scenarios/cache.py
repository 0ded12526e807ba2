# SPDX-License-Identifier: Apache-2.0
"""A million cached certificates: their memory, and the slowest of a hundred gets."""

import subprocess
import sys

import msgspec

from bench.system.cached import Weighed
from bench.system.run import Run
from bench.system.target import WrongAnswer

MILLION = 1_000_000
_GIB = 1 << 30


def measure(run: Run) -> None:
    """One process of its own, once for each run."""
    count = run.sizes.cached_count
    words = [sys.executable, "-m", "bench.system.cached", str(count)]
    done = subprocess.run(words, capture_output=True, check=False)
    if done.returncode:
        raise WrongAnswer(f"the cache could not be filled: {done.stderr[-500:].decode()}")
    weighed = msgspec.json.decode(done.stdout, type=Weighed)
    if count != MILLION:
        run.findings.note(
            f"cache: {count:,} certificates were weighed, and their memory is reckoned up to a "
            "million; among more, a get takes longer"
        )
    run.findings.add("cache_million_gib", [weighed.bytes_each * MILLION / _GIB])
    run.findings.add("cache_bytes_each", [weighed.bytes_each])
    run.findings.add("cache_get_p50_us", [weighed.get_p50_us])
    run.findings.add("cache_get_p99_us", [weighed.get_p99_us])
    run.findings.add("cache_clock_us", [weighed.clock_us])
