# SPDX-License-Identifier: Apache-2.0
"""`POST /v1/materials` as values: everything that an item requires of a case's holders, at once.

Wire format v1, docs/reference/materials.md.
"""

from datetime import date
from typing import Annotated, Final, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from gateway.errors import Text
from gateway.model.commitment import ShownCommitment
from gateway.model.deferral import OpenDeferral
from gateway.model.discreet import Discreet
from gateway.model.lookup import Attribution, Claims, Short
from gateway.model.material import Filled, MaterialHolder, Necessity

#: Materials of one call; as many entries are written for it, and its own record names each.
MAX_MATERIALS: Final = 32

#: What became of one material. *Not found* is a department's answer, *unavailable* is none.
MaterialOutcome = Literal[
    "shared",
    "verified",
    "mismatch",
    "not_found",
    "unavailable",
    "deferrable",
    "promisable",
    "applicant_must_supply",
]
#: What stands embedded as bytes, for the interface's document.
ANSWER_SCHEMA: Final = {
    "anyOf": [
        {"$ref": "#/components/schemas/LookupAnswer"},
        {"$ref": "#/components/schemas/Problem"},
    ]
}
#: Nothing is left to do about these.
SETTLED: Final[frozenset[MaterialOutcome]] = frozenset({"shared", "verified"})


class MaterialsRequest(Discreet, msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All materials of one case. Its holders are those that the case was registered with.

    Attributes:
        situation: 情形, a code of the item's; None is the case's own.
        claims: by name of the material: values to compare, and key fields.
        max_age_s: as of a lookup; for every material.
    """

    attribution: Attribution
    situation: Short | None = None
    claims: Annotated[dict[Filled, Claims], Meta(max_length=MAX_MATERIALS)] = {}
    max_age_s: Annotated[int, Meta(ge=0, le=31_536_000)] | None = None


class DeferralOffer(msgspec.Struct, frozen=True):
    """容缺受理: the material may come later.

    Attributes:
        due_on: the last day, in the site's time zone; None where the calendar has no table of it.
        due_working_days: working days after acceptance, as the catalogue says.
        promise: what the applicant promises, word for word.
    """

    due_on: date | None
    due_working_days: int
    promise: str


class CommitmentOffer(msgspec.Struct, frozen=True):
    """告知承诺: the applicant's word may take the material's place.

    Attributes:
        version: of the item that publishes the text; named when the commitment is kept.
        digest: SHA-256 of the text in UTF-8, hexadecimal; likewise.
    """

    text: str
    check_within_working_days: int
    exclusions: tuple[str, ...]
    version: int
    digest: str


class MaterialAnswer(Discreet, msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """What became of one material of one holder.

    Attributes:
        role: whose it is.
        holder: first three and last two characters of the number; None where the case has nobody
            of that role, or nobody was asked about.
        certificate: that replaces it; None where none does.
        source: the department's adapter that answers for it.
        index: of the entry that records this access; None where nobody was asked.
        answer: what `POST /v1/lookups` would have answered: a `LookupAnswer` or a `Problem`, to
            the byte what the entry's `response.digest` is the digest of.
        code: why it could not be had; the code of the `Problem`, or what the plan
            says (`NO_CERTIFICATE`, `HOLDER_NOT_IN_CASE`, `CLAIMS_MISSING`).
        todo: what the applicant must still do; None where nothing.
        correction: the department's record contradicts what was claimed, and may be corrected.
        deferral: that may be agreed on; None where one waits already.
        deferred: the deferral of it that waits.
        committed: 告知承诺 that was made in this case in the material's place. As long as it was
            not found false, nothing is to be done about the material.
    """

    material: str
    role: MaterialHolder
    necessity: Necessity
    outcome: MaterialOutcome
    holder: str | None = None
    certificate: str | None = None
    source: str | None = None
    index: int | None = None
    answer: Annotated[msgspec.Raw, Meta(extra_json_schema=ANSWER_SCHEMA)] | UnsetType = UNSET
    code: str | None = None
    todo: Text | None = None
    correction: bool = False
    deferral: DeferralOffer | None = None
    deferred: OpenDeferral | None = None
    commitment: CommitmentOffer | None = None
    committed: ShownCommitment | None = None

    @property
    def is_settled(self) -> bool:
        """Whether nothing is left to do about it."""
        return self.outcome in SETTLED or (self.committed is not None and self.committed.stands)


class NoticeLine(msgspec.Struct, frozen=True, omit_defaults=True):
    """One material that is still missing.

    Attributes:
        due_on: by when, where it may be deferred.
    """

    material: str
    role: MaterialHolder
    outcome: MaterialOutcome
    todo: Text
    due_on: date | None = None


class OneOffNotice(msgspec.Struct, frozen=True):
    """一次性告知单: everything that is still missing, said at once (clause 4.11).

    Attributes:
        complete: nothing that is required is missing.
        missing: required materials first.
        text: the same for people, to be printed.
    """

    issued_on: date
    complete: bool
    missing: tuple[NoticeLine, ...]
    text: Text


class MaterialsAnswer(Discreet, msgspec.Struct, frozen=True):
    """A 200 answer: every material has its outcome, in the order of the item's list."""

    request_id: str
    case: str
    item: str
    situation: str | None
    materials: tuple[MaterialAnswer, ...]
    notice: OneOffNotice
