# SPDX-License-Identifier: Apache-2.0
"""Which fields a request asks about, and whether the certificate type has them.

1. A query names `fields`, a verification gives `claims`; never neither, no field twice.
2. Each key field of the certificate stands in `claims`, in the form of its type; a query's claims
   hold nothing else, so without key fields it has none.
3. A name that is unknown is told by its place: it is the caller's own text.
"""

from collections.abc import Collection

from gateway.model.certificate import CertificateType
from gateway.model.grant import Deny
from gateway.model.lookup import LookupRequest
from gateway.model.value import is_of_type
from gateway.policy.rules import deny


def refuse_fields(request: LookupRequest, certificate: CertificateType) -> Deny | None:
    """Refuse fields that do not fit the operation or the certificate type."""
    if request.operation == "query":
        is_stray = not request.claims.keys() <= set(certificate.key_fields)
        member, stray = "fields", "claims" if is_stray else ""
    else:
        member, stray = "claims", "fields" if request.fields else ""
    asked: Collection[str] = request.fields if member == "fields" else request.claims
    if stray:
        allowed = "hold key fields only" if certificate.key_fields else "be empty"
        return deny(
            "fields.shape", f"`{stray}` has to {allowed}: {request.operation} uses `{member}`"
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
    return _refuse_keys(request, certificate)


def _refuse_keys(request: LookupRequest, certificate: CertificateType) -> Deny | None:
    if not certificate.key_fields:
        return None
    types = {field.name: field.type for field in certificate.fields}
    unusable = []
    for name in certificate.key_fields:
        value = request.claims.get(name)
        if value is None or value == "" or not is_of_type(value, types[name]):
            unusable.append(f"{name} ({types[name]})")
    if unusable:
        return deny("fields.key", f"`claims` has to give {', '.join(unusable)}")
    return None
