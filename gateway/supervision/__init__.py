# SPDX-License-Identifier: Apache-2.0
"""Supervision 监督与评价 (clause 8): complaints, evaluations, what is mended, how departments do.

Everything here is a pure function over values: what is kept is in `gateway.office`, what happened
is in the log.
"""
