# SPDX-License-Identifier: Apache-2.0
"""The room of signatures that outlive us: an answer becomes a sealed certificate (DESIGN §4)."""
