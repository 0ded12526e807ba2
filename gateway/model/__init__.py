# SPDX-License-Identifier: Apache-2.0
"""The nouns: frozen structs without I/O. See docs/glossary.md for the Chinese of each."""
