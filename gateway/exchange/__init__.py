# SPDX-License-Identifier: Apache-2.0
"""The corridor that every request walks: it knows ports, and no room."""
