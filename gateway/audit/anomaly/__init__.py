# SPDX-License-Identifier: Apache-2.0
"""What in the log is worth a person's look: explainable rules, no scores.

::

    run ─▶ rules ─▶ pace, holders, places, words   one small function a rule
      │                └──▶ finding                what every rule says
      └──▶ view ─▶ the search index (read-only);  numbers of suspicious days from the log

A finding is a question to somebody, never a verdict (docs/explanation/anomalies.md).
"""
