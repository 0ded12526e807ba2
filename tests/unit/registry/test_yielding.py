# SPDX-License-Identifier: Apache-2.0
"""Loading that takes the processor from nobody, and leaves the process what it was."""

import os
import sys
import threading

import pytest

from gateway.registry.isolation.yielding import load_at

_NICEST = 19


def _nice() -> int:
    return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())


@pytest.mark.skipif(sys.platform != "linux", reason="a thread has no priority of its own")
@pytest.mark.parametrize("nice", [0, 5])
def test_what_loads_is_nicer_and_the_process_is_not(nice: int) -> None:
    before = _nice()
    assert load_at(nice, _nice) == min(before + nice, _NICEST)
    assert _nice() == before


def test_what_loading_raises_is_raised() -> None:
    with pytest.raises(ZeroDivisionError):
        load_at(0, lambda: 1 // 0)
