# SPDX-License-Identifier: Apache-2.0
"""Why a signed request is refused: the first check that fails, and the mistake behind it.

`capture` reads what was caught, `inspect` runs the gateway's own checks over it, and when one fails
the suspicions of `fields`, `digest` and `base` are tried one by one, until a mended request passes
the check or the signature verifies over other bytes. `causes` says how to mend each mistake.
"""
