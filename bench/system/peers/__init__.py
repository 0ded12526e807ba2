# SPDX-License-Identifier: Apache-2.0
"""What one would build instead; each does less than the gateway, and its docstring says what."""
