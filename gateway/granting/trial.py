# SPDX-License-Identifier: Apache-2.0
"""What the policy would say of a request that nobody made.

The decision is `GrantPolicy.decide`'s, by the grants, share types, items and operators of the site
as it is on disk. What a question leaves open is filled in so that it passes: a synthetic holder,
the agency's first operator, a purpose, a case number, and values of the right form.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from gateway.catalog.catalog import ItemCatalog
from gateway.config import Site
from gateway.errors import RequestError
from gateway.model.agency import Agency
from gateway.model.certificate import CertificateType, FieldType, Value
from gateway.model.grant import Decision
from gateway.model.holder import Holder, Scheme
from gateway.model.lookup import (
    Attribution,
    HolderReference,
    LookupRequest,
    Operation,
    OperatorReference,
)
from gateway.model.site import Division
from gateway.policy.policy import GrantPolicy

#: Synthetic holders of each scheme; no person and no organisation has these numbers.
_NUMBERS: Final[Mapping[Scheme, str]] = {
    "cn-id": "140302190001010017",
    "cn-uscc": "91140300MA0TE0T12P",
}
_VALUES: Final[Mapping[FieldType, Value]] = {
    "string": "x",
    "code": "x",
    "boolean": True,
    "integer": 1,
    "decimal": "1",
    "month": "2026-01",
    "date": "2026-01-01",
}
_HOUR: Final = 60


class Question(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A request, as far as the policy looks at it.

    Attributes:
        agency: id of who asks.
        certificate: name of the certificate type.
        item: code of the item.
        fields: that are asked for, or compared.
        operation: `query` or `verify`.
        division: of the place that asks.
        at: ISO 8601; without a zone it is the site's. None is now.
        address: of the caller; empty is none.
        purpose: as the caller would write it.
        case: as the caller would write it.
        operator: id of an operator of the agency; None is its first.
        scheme: of the holder's number; None is the first that the certificate is asked by.
    """

    agency: str
    certificate: str
    item: str
    fields: tuple[str, ...] = ()
    operation: Operation = "query"
    division: Division | None = None
    at: Annotated[str, Meta(min_length=1)] | None = None
    address: str = ""
    purpose: str = "核对授权 checking a grant"
    case: str = "TRIAL-0001"
    operator: str | None = None
    scheme: Scheme | None = None


class Trial:
    """Asks the policy of a site.

    Args:
        site: as it was read.
        certificates: of its adapters.
        now: what `at` is where a question does not say.

    Raises:
        SetupError: a grant that cannot be used.
    """

    def __init__(
        self, site: Site, certificates: Mapping[str, CertificateType], *, now: datetime
    ) -> None:
        self._policy: Final = GrantPolicy(site.grants, site.shares)
        self._catalog: Final = ItemCatalog(site.items)
        self._agencies: Final = {agency.id: agency for agency in site.agencies}
        self._certificates: Final = certificates
        self._zone: Final = timezone(timedelta(hours=site.config.site.utc_offset_h))
        self._now: Final = now

    def decide(self, question: Question) -> Decision:
        """Decide one question.

        Raises:
            RequestError: AGENCY_UNKNOWN, PERIOD_INVALID.
        """
        agency = self._agencies.get(question.agency)
        if agency is None:
            raise RequestError("AGENCY_UNKNOWN", f"there is no agencies/{question.agency}.toml")
        certificate = self._certificates.get(question.certificate)
        at = self._time(question.at)
        scheme = question.scheme or (certificate.schemes[0] if certificate else "cn-id")
        return self._policy.decide(
            agency,
            _request(question, agency, certificate, scheme),
            Holder(scheme, _NUMBERS[scheme]),
            self._catalog.find(question.item),
            certificate,
            today=at.date(),
            minute=at.hour * _HOUR + at.minute,
            address=question.address,
        )

    def _time(self, text: str | None) -> datetime:
        if text is None:
            return self._now.astimezone(self._zone)
        try:
            at = datetime.fromisoformat(text)
        except ValueError:
            raise RequestError("PERIOD_INVALID", "the time is not one of ISO 8601") from None
        return at.replace(tzinfo=self._zone) if at.tzinfo is None else at.astimezone(self._zone)


def _request(
    question: Question, agency: Agency, certificate: CertificateType | None, scheme: Scheme
) -> LookupRequest:
    types = {field.name: field.type for field in certificate.fields} if certificate else {}
    keys = certificate.key_fields if certificate else ()
    claimed = keys if question.operation == "query" else (*question.fields, *keys)
    return LookupRequest(
        holder=HolderReference(scheme, _NUMBERS[scheme]),
        certificate=question.certificate,
        attribution=Attribution(
            item=question.item,
            case=question.case,
            purpose=question.purpose,
            operator=_operator(question.operator, agency),
            division=question.division,
        ),
        operation=question.operation,
        fields=question.fields if question.operation == "query" else (),
        claims={name: _VALUES[types.get(name, "string")] for name in claimed},
    )


def _operator(operator: str | None, agency: Agency) -> OperatorReference:
    for known in agency.operators:
        if operator in {None, known.id}:
            return OperatorReference(known.id, known.name)
    return OperatorReference(operator or "", "")
