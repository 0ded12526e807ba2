# SPDX-License-Identifier: Apache-2.0
"""Sealed answers of the recent past (DESIGN §8). Policy and audit see a hit like a miss."""
