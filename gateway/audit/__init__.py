# SPDX-License-Identifier: Apache-2.0
"""The audit log (DESIGN §5): one process writes it, workers ask that process, anyone verifies.

::

    client ─frames─▶ sequencer ─▶ group ─▶ claims (nonce, quota)
                                    └────▶ log (tree, checkpoint) ─▶ store
    verify ─▶ store/reader          and nothing else of this room
"""
