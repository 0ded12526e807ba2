# SPDX-License-Identifier: Apache-2.0
"""How a grant comes to be: applications, their deadlines, and the versions made from them."""
