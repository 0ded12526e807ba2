# SPDX-License-Identifier: Apache-2.0
"""May they: attribution and grants → Permit | Deny(rule). Deny by default."""
