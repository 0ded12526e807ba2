# SPDX-License-Identifier: Apache-2.0
"""The system benchmark: the real gateway beside its floor and beside what one would build instead.

Rules:

1. What is measured is what is run: `yizheng serve` with its sequencer, fsync, sealing, policy,
   caps, rate limits and metrics; caps and limits are set where no shot reaches them.
2. Only ratios of shots taken in turns mean anything; absolute figures are told beside them.
3. A shot counts when every answer was what its scenario expects. One that others disturbed is
   taken again; when the machine does not become idle, the result says so.
4. Each server's answers are verified in full, signature and all, before and after its shots.
"""
