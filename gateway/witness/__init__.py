# SPDX-License-Identifier: Apache-2.0
"""A witness (c2sp.org/tlog-witness): vouches that a log has only ever grown.

Whoever runs it is another body than the gateway's, on another machine. So this package knows no
site and no configuration: a folder holds its key, the logs that it watches and what it has seen.

::

    server ─▶ witness: is it the log's word, does it continue what was seen?
                └─▶ state: compare and store, durable ─▶ cosignature
"""
