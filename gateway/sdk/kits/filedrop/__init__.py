# SPDX-License-Identifier: Apache-2.0
"""A department that delivers a file every night, and has no service to ask.

A delivery is two files in one folder, the checksum written last::

    licences-20261121.csv           the data; the day in its name is the day for which it vouches
    licences-20261121.csv.sha256    `<64 hexadecimal digits>  licences-20261121.csv`

Rules:

1. A data file without its checksum is still on its way, and is not looked at.
   Neither is one of a day that is still to come, until it has. One that is corrected under the
   same name, with its new checksum, is taken anew.
2. A delivery is taken whole or refused whole: one wrong checksum, character, row or value refuses
   it, and what is said names row and column, never a value. The last good one stays in use.
3. It becomes an index in a process of its own (`load`), row by row, so that neither its size nor
   its mistakes reach a worker; the index takes the old one's place in one step (`rename`).
4. Workers read the index through the SQLite driver (`source`), and never the delivery.
5. An answer states `as_of`. A delivery that is older than `max_age_s` answers nothing:
   *unavailable* is honest, and a stale *found* or *not found* is not.
"""
