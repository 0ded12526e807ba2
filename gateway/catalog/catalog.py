# SPDX-License-Identifier: Apache-2.0
"""The list of service items as a lookup by code (clause 7.1.2).

1. Only a published item can be found: a draft is not yet, and a retired one no longer, a reason
   to look at anybody.
2. One code, one item, whatever its status: a code of the log must mean the same item for ever.
"""

from collections.abc import Sequence
from typing import Final

from gateway.errors import SetupError
from gateway.model.item import ServiceItem
from gateway.ports import Catalog


class ItemCatalog(Catalog):
    """The items of one site.

    Args:
        items: every item, published or not.

    Raises:
        SetupError: two items have one code.
    """

    def __init__(self, items: Sequence[ServiceItem]) -> None:
        codes = set[str]()
        for item in items:
            if item.code in codes:
                raise SetupError(
                    "two items have this code",
                    where=f"item {item.code}",
                    remedy="give each item a code of its own",
                )
            codes.add(item.code)
        self._published: Final = {item.code: item for item in items if item.status == "published"}

    def find(self, code: str) -> ServiceItem | None:
        """The published item of that code."""
        return self._published.get(code)
