# SPDX-License-Identifier: Apache-2.0
"""One file a question; each has `measure`, which adds its figures to the run's."""
