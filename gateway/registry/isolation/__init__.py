# SPDX-License-Identifier: Apache-2.0
"""`isolation = "process"`: an adapter in a child of its worker, under the same contract.

::

    worker                                          child
    Guard ─ IsolatedAdapter ─ Life ══ socketpair ══ serve ─ the department's Adapter

The child has its own interpreter and event loop. It may hang or crash, also in native code, and the
worker goes on: whoever waits gets AdapterUnavailable, and the child is started again.
"""
