# SPDX-License-Identifier: Apache-2.0
"""The certificate types of a gateway, each with what one agency is granted of it."""

from collections.abc import Iterable, Sequence
from datetime import date

from gateway.model.certificate import CertificateType
from gateway.model.grant import Grant, newest_versions
from gateway.model.offer import GrantedScope, Offered, OfferedCertificate, OfferedField
from gateway.model.share import DEFAULT_SHARE, Share


def list_offers(
    agency: str,
    certificates: Iterable[CertificateType],
    grants: Iterable[Grant],
    shares: Iterable[Share],
    *,
    today: date,
) -> Offered:
    """List every type, and of each the agency's grants that are or will be in force.

    Args:
        agency: id of who asks; nobody is shown what others are granted.
        today: the day in the site's time zone.
    """
    own = [
        grant
        for grant in newest_versions(grants)
        if grant.agency == agency and grant.revoked is None and today <= grant.valid_until
    ]
    said = {share.certificate: share for share in shares}
    by_name = sorted(certificates, key=lambda certificate: certificate.name)
    return Offered(agency, tuple(_offer(each, said.get(each.name), own) for each in by_name))


def _offer(
    certificate: CertificateType, share: Share | None, own: Sequence[Grant]
) -> OfferedCertificate:
    return OfferedCertificate(
        name=certificate.name,
        title=certificate.title,
        share=share.type if share else DEFAULT_SHARE,
        share_reason=share.reason if share and share.type == "none" else "",
        schemes=certificate.schemes,
        fields=tuple(
            OfferedField(field.name, field.title, field.type, field.sensitivity)
            for field in certificate.fields
        ),
        key_fields=certificate.key_fields,
        grants=tuple(_scope(grant) for grant in own if grant.certificate == certificate.name),
    )


def _scope(grant: Grant) -> GrantedScope:
    return GrantedScope(
        grant=grant.reference,
        operations=grant.operations,
        fields=grant.fields,
        items=grant.items,
        valid_from=grant.valid_from,
        valid_until=grant.valid_until,
        daily_cap=grant.daily_cap,
        divisions=grant.divisions,
        hours=grant.hours,
        networks=grant.networks,
    )
