# SPDX-License-Identifier: Apache-2.0
"""What a request asks about, in all: what policy has to cover, and what the log has to name.

A holder's name that is given with the number is a question, too: the answer tells whether it is
right. So it is granted, compared and recorded like any claim. Key fields are claims, too: they say
by what else the department is asked.
"""

from collections.abc import Mapping

from gateway.model.certificate import CertificateType, Value
from gateway.model.lookup import LookupRequest


def claims_of(request: LookupRequest, certificate: CertificateType) -> Mapping[str, Value]:
    """Values to compare: claims, key fields among them, and the holder's name where it is given."""
    claims = request.claims if request.operation == "verify" else keys_of(request, certificate)
    name, field = request.holder.name, certificate.name_field
    if name is None or field is None or field in claims:
        return claims
    return {**claims, field: name}


def keys_of(request: LookupRequest, certificate: CertificateType) -> Mapping[str, Value]:
    """The claims by which the department is asked, besides the holder's number."""
    claims = request.claims
    return {name: claims[name] for name in certificate.key_fields if name in claims}


def asked_fields(request: LookupRequest, certificate: CertificateType) -> tuple[str, ...]:
    """Names of all fields that the answer would tell something about."""
    shown = request.fields if request.operation == "query" else ()
    compared = claims_of(request, certificate)
    return (*shown, *(name for name in compared if name not in shown))
