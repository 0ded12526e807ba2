# SPDX-License-Identifier: Apache-2.0
"""Ask the insurance centre, SOAP 1.1 over HTTP, under a municipal gateway's header sign-in.

The answer's `total` says whether there is a record: 0 is *not found*, 1 comes with one `record`.
"""

from typing import ClassVar, Final

import msgspec

from gateway.sdk import (
    Adapter,
    AdapterContext,
    AdapterContractBroken,
    AdapterRefused,
    AdapterUnavailable,
    CertificateType,
    Deadline,
    DepartmentError,
    Found,
    NotFound,
    Query,
    Text,
)
from gateway.sdk.kits.convert import fields_of
from gateway.sdk.kits.http_settings import HttpSettings, http_source
from gateway.sdk.kits.soap import SoapSource, element, text_of
from gateway_adapter_social_insurance.enrollment import ORIGINS, PROOF

PATH: Final = "/services/enrollment"
NAMESPACE: Final = "urn:yizheng:demo:social-insurance"
_PING_S: Final = 5.0
#: The centre's own fault codes.
_FAULTS: Final = {"Client.NotAuthorized": AdapterRefused, "Server.Busy": AdapterUnavailable}


class SocialInsurance(Adapter[HttpSettings]):
    """A person's enrolment, from the insurance centre (SOAP 1.1)."""

    plugin = "social_insurance"
    api_version = 1
    department = Text("Social insurance", "人力资源和社会保障部门")
    certificates: ClassVar[tuple[CertificateType, ...]] = (PROOF,)
    settings_type: ClassVar[type[msgspec.Struct]] = HttpSettings

    def __init__(self, settings: HttpSettings) -> None:
        super().__init__(settings)
        self._source: SoapSource | None = None

    async def open(self, context: AdapterContext) -> None:
        """Make the session; connects to nothing."""
        self._source = SoapSource(http_source(self.settings, context), PATH, faults=_fault)
        await self._source.open()

    async def lookup(self, query: Query, deadline: Deadline) -> Found | NotFound:
        """Ask for one person's enrolment."""
        assert self._source is not None, "open() comes first"
        question = {
            "AAC002": query.holder.number,
            "caller": query.agency,
            "operator": query.operator,
            "item": query.item,
            "case": query.case,
            "reason": query.purpose,
            "serial": query.request_id,
        }
        answer = await self._source.call(
            f"{NAMESPACE}#queryEnrollment",
            element(f"{{{NAMESPACE}}}queryEnrollment", question),
            f"{{{NAMESPACE}}}queryEnrollmentResponse",
            deadline,
            idempotent=True,
        )
        records = answer.findall(f"{{{NAMESPACE}}}record")
        if text_of(answer, "total") != str(len(records)) or len(records) > 1:
            raise AdapterContractBroken("not exactly one record or none")
        if not records:
            return NotFound()
        texts = {origin.source: text_of(records[0], origin.source) for origin in ORIGINS.values()}
        return Found(fields_of(texts, PROOF, ORIGINS))

    async def ping(self) -> None:
        """Ask the service whether it is up, about nobody."""
        assert self._source is not None, "open() comes first"
        await self._source.call(
            f"{NAMESPACE}#ping",
            element(f"{{{NAMESPACE}}}ping", {}),
            f"{{{NAMESPACE}}}pingResponse",
            Deadline.after(_PING_S),
        )

    async def aclose(self) -> None:
        """Close the session."""
        if self._source is not None:
            await self._source.aclose()


def _fault(code: str) -> DepartmentError | None:
    kind = _FAULTS.get(code)
    return None if kind is None else kind(f"SOAP fault {code}")
