# SPDX-License-Identifier: Apache-2.0
"""Where the log rests: one writer (`sqlite`), any number of readers (`reader`)."""
