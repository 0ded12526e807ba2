# SPDX-License-Identifier: Apache-2.0
"""From what is known of a holder to what this caller is told: compared, or disclosed."""

from collections.abc import Mapping

import msgspec

from gateway.exchange.access import Access
from gateway.exchange.compare import compare_claims
from gateway.model.answer import Absent, Sealed
from gateway.model.asked import claims_of, keys_of
from gateway.model.certificate import CertificateType
from gateway.model.discreet import Discreet
from gateway.model.lookup import ClaimResult, LookupAnswer, LookupRequest
from gateway.ports import Cached, Sealer


class Compared(Discreet, msgspec.Struct, frozen=True):
    """A verification that the department did by itself.

    Attributes:
        results: of each claim that was asked about.
        as_of: RFC 3339 UTC, seconds.
    """

    results: Mapping[str, ClaimResult]
    as_of: str


def make_answer(
    access: Access,
    request: LookupRequest,
    certificate: CertificateType,
    known: Cached | Compared,
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
    if isinstance(known, Compared):
        results = dict(known.results)
    else:
        results = _compare(request, certificate, known, sealer)
    if "mismatch" in results.values():
        return LookupAnswer(access.request_id, "mismatch", *common, results=results)
    if request.operation == "verify":
        return LookupAnswer(access.request_id, "match", *common, results=results)
    assert isinstance(known, Sealed)  # only a verification is answered without a record
    shown = [name for name in request.fields if name in known.names]
    return LookupAnswer(
        access.request_id,
        "found",
        *common,
        fields=sealer.reveal(known, shown),
        sealed=sealer.disclose(known, shown),
    )


def _compare(
    request: LookupRequest, certificate: CertificateType, sealed: Sealed, sealer: Sealer
) -> dict[str, ClaimResult]:
    """Compare claims with the record.

    What the record was asked by and does not repeat has been compared by the department.
    """
    claims = claims_of(request, certificate)
    if not claims:
        return {}
    values = sealer.reveal(sealed, claims)
    for name, key in keys_of(request, certificate).items():
        if values.get(name) is None:
            values[name] = key
    return compare_claims(claims, values, certificate)
