# SPDX-License-Identifier: Apache-2.0
"""The search index: derived from the log, rebuilt at will, never the truth."""
