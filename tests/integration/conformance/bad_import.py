# SPDX-License-Identifier: Apache-2.0
"""A module that starts a thread and burns the processor as soon as it is imported."""

import threading
import time

from tests.integration.conformance.desk import Desk

threading.Thread(target=time.sleep, args=(0,)).start()
while time.process_time() < 1.5:
    pass


class Hasty(Desk):
    """A good adapter in a bad module."""
