# SPDX-License-Identifier: Apache-2.0
"""Evidence about one access: a case file 证据包 that verifies offline, without this software.

::

    case      what belongs into it, from the log, the keys and the messages that the caller kept
    messages  a request and a response as they were captured, and what was signed in them
    archive   one canonical ZIP, so that no byte of it can change unseen
    words     what people read: summaries in Chinese and English, and how to verify

Verifying is `gateway/audit/standalone/verify_case.py`, which stands in every case and shares no
code with this package. docs/how-to/evidence.md describes the files.
"""
