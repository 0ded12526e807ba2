# SPDX-License-Identifier: Apache-2.0
"""Items and lists in the form in which they are public.

What an item says about a holder's own report, and which form fields it fills, is between the
gateway and agencies: it is not published.
"""

from gateway.catalog.lists import COLUMNS, TITLES
from gateway.errors import Text
from gateway.model.intermediary import ListVersion
from gateway.model.item import ServiceItem
from gateway.model.material import Material
from gateway.model.published import (
    Limit,
    PublishedItem,
    PublishedList,
    PublishedMaterial,
    Words,
)


def published_item(item: ServiceItem) -> PublishedItem:
    """An item that is not a draft."""
    limit = item.limit
    return PublishedItem(
        code=item.code,
        name=item.name,
        certificate_name=item.certificate_name,
        item_type=item.item_type,
        department=item.department,
        time_limit=item.time_limit,
        limit=Limit(limit.unit, limit.number),
        version=item.version,
        level=item.level,
        division=item.division,
        domain=item.domain,
        legal_basis=item.legal_basis,
        effective_from=item.effective_from.isoformat() if item.effective_from else None,
        effective_until=item.effective_until.isoformat() if item.effective_until else None,
        materials=tuple(map(_material, item.materials)),
        situations=item.situations,
    )


def published_list(version: ListVersion) -> PublishedList:
    """A version of a list, with its titles."""
    return PublishedList(
        version.list,
        _words(TITLES[version.list]),
        version.version,
        version.published_on,
        version.note,
        {member: _words(title) for member, title in COLUMNS[version.list].items()},
        version.rows,
    )


def _material(material: Material) -> PublishedMaterial:
    return PublishedMaterial(
        name=material.name,
        necessity=material.necessity,
        source=material.obtained_from,
        holder=material.holder,
        certificate=material.certificate,
        operation=material.operation if material.certificate else None,
        fields=material.fields,
        deferral=material.deferral,
        commitment=material.commitment,
    )


def _words(text: Text) -> Words:
    return Words(text.en, text.zh)
