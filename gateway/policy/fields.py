# SPDX-License-Identifier: Apache-2.0
"""Which fields a request asks about, and whether the certificate type has them.

A query names `fields`, a verification gives `claims`; never both, never neither, no field twice.
A name that is unknown is told by its place: it is the caller's own text.
"""

from collections.abc import Collection

from gateway.model.certificate import CertificateType
from gateway.model.grant import Deny
from gateway.model.lookup import LookupRequest
from gateway.policy.rules import deny


def refuse_fields(request: LookupRequest, certificate: CertificateType) -> Deny | None:
    """Refuse fields that do not fit the operation or the certificate type."""
    if request.operation == "query":
        member, stray = "fields", "claims" if request.claims else ""
    else:
        member, stray = "claims", "fields" if request.fields else ""
    asked: Collection[str] = request.fields if member == "fields" else request.claims
    if stray:
        return deny(
            "fields.shape", f"`{stray}` has to be empty: {request.operation} uses `{member}`"
        )
    if not asked:
        return deny("fields.shape", f"`{member}` has to name at least one field")
    if len(set(asked)) < len(asked):
        return deny("fields.shape", f"`{member}` names a field twice")
    known = certificate.field_names
    for place, name in enumerate(asked):
        if name not in known:
            return deny(
                "fields.known", f"`{member}`, entry {place}: no field of {certificate.name}"
            )
    return None
