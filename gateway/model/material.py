# SPDX-License-Identifier: Apache-2.0
"""Materials 材料 of an item: what an applicant had to bring, and what takes its place."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from gateway.model.lookup import Operation

Filled = Annotated[str, Meta(min_length=1, max_length=200)]
LongText = Annotated[str, Meta(min_length=1, max_length=2000)]
WorkingDayCount = Annotated[int, Meta(ge=1, le=250)]

Necessity = Literal["required", "optional"]
Source = Literal["applicant", "department", "shared"]
MaterialHolder = Literal["applicant", "spouse", "child", "legal_representative"]


class Deferral(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """容缺受理: the case is accepted without the material, which is handed in later.

    Attributes:
        due_working_days: working days after acceptance by which it has to be there.
        before_limit_working_days: working days before the item's own due date by which it has to
            be there at the latest; 0 is no such rule. The earlier of the two counts.
        promise: what the applicant promises, word for word.
    """

    due_working_days: WorkingDayCount
    promise: LongText
    before_limit_working_days: Annotated[int, Meta(ge=0, le=250)] = 0


class Commitment(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """告知承诺: the applicant's signed word takes the material's place, and is checked later.

    Attributes:
        text: of the commitment, word for word: duty, content, liability.
        check_within_working_days: working days after it was given within which it is checked.
        exclusions: who may not commit, in words.
    """

    text: LongText
    check_within_working_days: WorkingDayCount
    exclusions: tuple[Filled, ...] = ()


class Material(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One material of an item.

    Attributes:
        name: 材料名称; an item has it once.
        certificate: the certificate type that replaces it; empty unless `source` is `shared`.
        operation: `query` where fields are needed, `verify` where a yes or no will do.
        fields: those that the item needs.
        necessity: 必要 or 非必要.
        source: `applicant` 申请人自备, `department` 部门核发 (another body issues it on paper),
            `shared` 数据共享. None is `shared` where a certificate is named, else `applicant`.
        holder: whose it is: the applicant's 申请人, the spouse's 配偶, a child's 子女 or the
            legal representative's 法定代表人.
        deferral: 容缺受理, where it is allowed.
        commitment: 告知承诺, where it is allowed.
        prefill: field of the certificate → field of the application form that it fills.
    """

    name: Filled
    certificate: Annotated[str, Meta(max_length=200)] = ""
    operation: Operation = "query"
    fields: tuple[str, ...] = ()
    necessity: Necessity = "required"
    source: Source | None = None
    holder: MaterialHolder = "applicant"
    deferral: Deferral | None = None
    commitment: Commitment | None = None
    prefill: dict[str, Filled] = {}

    def __post_init__(self) -> None:
        """Find what contradicts itself."""
        if self.source == "shared" and not self.certificate:
            raise ValueError(
                "`certificate` is missing, yet the material is shared / 数据共享的材料须填替代证照"
            )
        if self.certificate and self.source not in {None, "shared"}:
            raise ValueError(
                "`source` is not shared, yet a certificate is named / "
                "填有替代证照的材料来源须为数据共享"
            )
        if not self.certificate and (self.fields or self.prefill or self.operation != "query"):
            raise ValueError(
                "`certificate` is missing, yet fields are named / "
                "填有共享方式、字段或预填的材料须填替代证照"
            )
        if unknown := sorted(self.prefill.keys() - set(self.fields)):
            raise ValueError(
                f"`prefill` names {unknown[0]}, which is no field of it / 预填的字段不在所需字段中"
            )
        if self.prefill and self.operation == "verify":
            raise ValueError(
                "`prefill` is there, yet a verification returns no fields / "
                "核验不返回字段，无法预填"
            )
        if self.source == ("shared" if self.certificate else "applicant"):
            # Said or not, it is the same material, and has to compare so.
            msgspec.structs.force_setattr(self, "source", None)

    @property
    def obtained_from(self) -> Source:
        """`source`, said or not."""
        return self.source or ("shared" if self.certificate else "applicant")
