# SPDX-License-Identifier: Apache-2.0
"""Kits for the usual work of an adapter. Imported one by one, so that nobody pays for another's."""
