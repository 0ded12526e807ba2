# SPDX-License-Identifier: Apache-2.0
"""The HTTP edge for systems: bytes to rooms and back, and nothing decided here."""
