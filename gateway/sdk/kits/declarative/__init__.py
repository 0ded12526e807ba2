# SPDX-License-Identifier: Apache-2.0
"""An adapter as one TOML file, for a department whose system is ordinary: no Python.

`declaration` says what may stand in the file, `template` fills in what is asked, `questions` asks
over HTTP, SQL or a file drop with the other kits, and `adapter` makes a class of it all, which is
loaded, guarded and checked as any other. docs/how-to/declare-an-adapter.md shows how.
"""
