# SPDX-License-Identifier: Apache-2.0
"""From what is known of a holder to what this caller is told: compared, or disclosed."""

from gateway.exchange.access import Access
from gateway.exchange.compare import compare_claims
from gateway.model.answer import Absent
from gateway.model.asked import claims_of
from gateway.model.certificate import CertificateType
from gateway.model.lookup import LookupAnswer, LookupRequest
from gateway.ports import Cached, Sealer


def make_answer(
    access: Access,
    request: LookupRequest,
    certificate: CertificateType,
    known: Cached,
    sealer: Sealer,
) -> LookupAnswer:
    """Answer a permitted request; a name or a claim that does not match discloses nothing."""
    assert access.permit is not None
    assert access.served_from is not None
    access.as_of = known.as_of
    common = (
        certificate.name,
        known.as_of,
        access.served_from,
        access.permit.grant.reference,
    )
    if isinstance(known, Absent):
        return LookupAnswer(access.request_id, "not_found", *common)
    results = {}
    if claims := claims_of(request, certificate):
        results = compare_claims(claims, sealer.reveal(known, claims), certificate)
    if "mismatch" in results.values():
        return LookupAnswer(access.request_id, "mismatch", *common, results=results)
    if request.operation == "verify":
        return LookupAnswer(access.request_id, "match", *common, results=results)
    shown = [name for name in request.fields if name in known.names]
    return LookupAnswer(
        access.request_id,
        "found",
        *common,
        fields=sealer.reveal(known, shown),
        sealed=sealer.disclose(known, shown),
    )
