# SPDX-License-Identifier: Apache-2.0
"""What members of events are made of."""

from typing import Annotated

from msgspec import Meta

#: Of a case, a certificate, a material, an item: as requests and the site name them.
Word = Annotated[str, Meta(min_length=1, max_length=64)]
#: Of a material, as long as an item may write it.
MaterialName = Annotated[str, Meta(min_length=1, max_length=200)]
#: RFC 3339 UTC, seconds.
Instant = Annotated[str, Meta(min_length=20, max_length=20)]
#: First three and last two characters of a number.
Masked = Annotated[str, Meta(pattern=r"^[0-9A-Z]{3}\*+[0-9A-Z]{2}$")]
