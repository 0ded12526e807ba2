# SPDX-License-Identifier: Apache-2.0
"""The command `yizheng`."""

from gateway.cli.main import main

__all__ = ["main"]
