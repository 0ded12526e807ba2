# SPDX-License-Identifier: Apache-2.0
"""清单: the published list of service items."""
