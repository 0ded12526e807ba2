# SPDX-License-Identifier: Apache-2.0
"""Loading code without taking the processor from anybody who works.

An adapter and its libraries are half a second of a core. After a crash that half second would be
taken from requests to all other departments, which have done nothing.
"""

import os
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")


def load_at(nice: int, load: Callable[[], T]) -> T:
    """Do `load` in a thread that is so much nicer to all others, and wait for it.

    On Linux a thread has a priority of its own. Elsewhere it keeps that of the process, which could
    not take back what it gave away.

    Raises:
        Exception: what `load` raises.
    """
    with ThreadPoolExecutor(1, initializer=_yield_to_others, initargs=(nice,)) as pool:
        return pool.submit(load).result()


def _yield_to_others(nice: int) -> None:
    if sys.platform == "linux":
        os.nice(nice)
