# SPDX-License-Identifier: Apache-2.0
"""The office 办件: what is going on, not what has happened: one SQLite file of the site."""
