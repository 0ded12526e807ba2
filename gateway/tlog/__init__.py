# SPDX-License-Identifier: Apache-2.0
"""The formats of a transparency log (RFC 6962, C2SP): no clock, no I/O, no gateway nouns."""
