# SPDX-License-Identifier: Apache-2.0
"""`POST /v1/lookups` as values (wire format v1, docs/reference/wire.md)."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from gateway.errors import Attribution as Fault
from gateway.errors import Text
from gateway.model.certificate import Value
from gateway.model.discreet import Discreet

Operation = Literal["query", "verify"]
Outcome = Literal["found", "not_found", "match", "mismatch"]
ClaimResult = Literal["match", "mismatch"]
ServedFrom = Literal["source", "cache", "stale"]

# Bounds keep every audit entry inside its 4 KiB (DESIGN §5); lengths are in characters.
Short = Annotated[str, Meta(min_length=1, max_length=64)]
Purpose = Annotated[str, Meta(max_length=200)]
FieldName = Annotated[str, Meta(min_length=1, max_length=40)]
#: An integer has 64 bits: a larger one could not be passed on to an adapter's process.
ClaimedValue = str | Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)] | bool | None
Claims = Annotated[dict[FieldName, ClaimedValue], Meta(max_length=32)]


class HolderReference(Discreet, msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A holder as the caller wrote it; nothing is checked yet."""

    scheme: Literal["cn-id", "cn-uscc"]
    number: Annotated[str, Meta(max_length=64)]
    name: Annotated[str, Meta(min_length=1, max_length=100)] | None = None


class OperatorReference(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The person at the agency who handles the case."""

    id: Short
    name: Short


class Attribution(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Why the certificate is asked for 用证归因. Recorded, so free of personal data."""

    item: Short
    case: Annotated[str, Meta(max_length=64)]
    purpose: Purpose
    operator: OperatorReference
    terminal: Short | None = None
    division: Annotated[str, Meta(pattern=r"^([0-9]{6}|[0-9]{12})$")] | None = None
    mandate: Short | None = None


class LookupRequest(Discreet, msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One certificate of one holder.

    `query` returns `fields`; `verify` compares `claims` and returns no value.
    """

    holder: HolderReference
    certificate: Short
    attribution: Attribution
    operation: Operation = "query"
    fields: Annotated[tuple[FieldName, ...], Meta(max_length=32)] = ()
    claims: Claims = {}
    max_age_s: Annotated[int, Meta(ge=0, le=31_536_000)] | None = None


class LookupAnswer(Discreet, msgspec.Struct, frozen=True, omit_defaults=True):
    """A 200 answer. `not_found` is one: the source answered, and it has no such record."""

    request_id: str
    outcome: Outcome
    certificate: str
    as_of: str
    served_from: ServedFrom
    grant: str
    fields: dict[str, Value] = {}
    results: dict[str, ClaimResult] = {}
    sealed: str | None = None


class Check(msgspec.Struct, frozen=True):
    """One line of `Problem.checks`."""

    name: str
    result: Literal["passed", "failed", "not_reached"]


class Problem(msgspec.Struct, frozen=True, omit_defaults=True):
    """An RFC 9457 problem document with this project's members.

    Attributes:
        signature_base: as the gateway built it; sent in sandbox mode only.
    """

    type: str
    title: str
    status: int
    detail: str
    code: str
    attribution: Fault
    retryable: bool
    retry_after_s: int | None
    request_id: str
    hint: Text
    checks: tuple[Check, ...]
    signature_base: str | None = None
