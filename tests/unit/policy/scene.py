# SPDX-License-Identifier: Apache-2.0
"""Everything that one decision is made from. `PERMITTED` is; each test changes what it is about."""

from datetime import date
from typing import Any

import msgspec

from gateway.errors import Text
from gateway.model.agency import Agency, Operator
from gateway.model.certificate import CertificateType, Field
from gateway.model.grant import Decision, Deny, Grant
from gateway.model.holder import Holder
from gateway.model.item import Material, ServiceItem
from gateway.model.lookup import Attribution, HolderReference, LookupRequest, OperatorReference
from gateway.model.share import Share
from gateway.policy.policy import GrantPolicy

TITLE = Text("Title", "标题")
replace = msgspec.structs.replace


class Scene(msgspec.Struct, frozen=True):
    agency: Agency
    request: LookupRequest
    holder: Holder
    item: ServiceItem | None
    certificate: CertificateType | None
    grants: tuple[Grant, ...]
    today: date = date(2026, 11, 22)
    minute: int = 10 * 60
    shares: tuple[Share, ...] = ()
    address: str = "10.20.30.40"

    def decide(self, policy: GrantPolicy | None = None) -> Decision:
        """By these grants; `policy` is of the same, made before."""
        return (policy or GrantPolicy(self.grants, self.shares)).decide(
            self.agency,
            self.request,
            self.holder,
            self.item,
            self.certificate,
            today=self.today,
            minute=self.minute,
            address=self.address,
        )

    def refusal(self) -> tuple[str, str, str]:
        """Rule, code and detail of a refusal that repeats nothing that the caller wrote."""
        decision = self.decide()
        assert isinstance(decision, Deny), "permitted"
        attribution = self.request.attribution
        for written in (
            *(self.holder.number, self.holder.name, attribution.purpose, attribution.case),
            *(attribution.operator.id, attribution.operator.name, attribution.terminal),
        ):
            assert not written or len(written) < 3 or written not in decision.detail
        assert decision.detail
        return decision.rule, decision.refusal.code, decision.detail

    def rule(self) -> str:
        """The rule of whatever is decided."""
        return self.decide().rule

    def changed(self, **changes: Any) -> "Scene":
        return replace(self, **changes)

    def asking(self, **changes: Any) -> "Scene":
        return self.changed(request=replace(self.request, **changes))

    def attributed(self, **changes: Any) -> "Scene":
        return self.asking(attribution=replace(self.request.attribution, **changes))

    def granting(self, *changes: dict[str, Any]) -> "Scene":
        """The one grant, once for each set of changes."""
        return self.changed(grants=tuple(replace(self.grants[0], **change) for change in changes))


ITEM = ServiceItem(
    code="yq-gjj-001",
    name="住房公积金提取（租房）",
    certificate_name="居民身份证",
    item_type="公共服务",
    department="公积金中心（提取科）",
    time_limit="即办",
    materials=(Material("身份证复印件", "public_security.identity"),),
)
PERMITTED = Scene(
    agency=Agency(
        "yq-gjj", "阳泉市住房公积金管理中心", operators=(Operator("yq-0417", "测试经办"),)
    ),
    request=LookupRequest(
        holder=HolderReference("cn-id", "140302190001010017", "测试甲"),
        certificate="public_security.identity",
        attribution=Attribution(
            item="yq-gjj-001",
            case="YQ20261122-0001",
            purpose="housing fund withdrawal",
            operator=OperatorReference("yq-0417", "测试经办"),
            terminal="window-03",
            division="140300",
        ),
        fields=("name", "valid_to"),
    ),
    holder=Holder("cn-id", "140302190001010017", "测试甲"),
    item=ITEM,
    certificate=CertificateType(
        name="public_security.identity",
        title=TITLE,
        schemes=("cn-id",),
        fields=tuple(Field(name, TITLE) for name in ("name", "sex_code", "valid_to")),
    ),
    grants=(
        Grant(
            id="yq-gjj",
            version=3,
            agency="yq-gjj",
            certificate="public_security.identity",
            operations=("query", "verify"),
            fields=("name", "valid_to"),
            items=("yq-gjj-001",),
            valid_from=date(2026, 1, 1),
            valid_until=date(2026, 12, 31),
            basis="synthetic",
        ),
    ),
)
