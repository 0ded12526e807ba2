# SPDX-License-Identifier: Apache-2.0
"""Yizheng Gateway 一证网关: certificates shared between government bodies, with proof."""

__version__ = "0.1.0"
