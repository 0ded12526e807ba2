# SPDX-License-Identifier: Apache-2.0
"""Which of the seven domains are sorted out at which of the three levels (clause 4.3)."""

from collections.abc import Iterable
from datetime import date

from gateway.catalog.words import DOMAINS, LEVELS
from gateway.model.item import ServiceItem


def coverage(items: Iterable[ServiceItem], day: date) -> dict[str, dict[str, list[str]]]:
    """Codes of the items in force, by domain and level; a pair without any is there, and empty.

    Args:
        items: all of a site.
        day: in the site's time zone.
    """
    found: dict[str, dict[str, list[str]]] = {
        domain: {level: [] for level in LEVELS} for domain in DOMAINS
    }
    for item in items:
        if item.status == "published" and item.is_in_force(day) and item.level is not None:
            found[item.domain][item.level].append(item.code)
    return found
