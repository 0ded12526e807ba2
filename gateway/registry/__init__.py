# SPDX-License-Identifier: Apache-2.0
"""Departments: load the adapters that config names, guard each of them, ask by certificate."""
