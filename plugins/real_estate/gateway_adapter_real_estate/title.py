# SPDX-License-Identifier: Apache-2.0
"""The certificates of the real estate registry, and the columns of its view that hold them.

`real_estate.title` is one owner's share in one home. `real_estate.no_home` is the answer to the
only question that most items ask: whether somebody has none. It gives no list away, so that an
agency that needs the one is never granted the other for it.

A mortgage or a seizure may be entered at any moment, so an answer lives ten minutes, in its case.
"""

from collections.abc import Mapping
from typing import Final

from gateway.sdk import CertificateType, Field, Text
from gateway.sdk.kits.convert import Origin

_BASIS: Final = Text(
    "Interim Regulations on Real Estate Registration", "不动产登记暂行条例（演示）"
)
_FORMS: Final = {
    "单独所有": Text("Sole", "单独所有"),
    "共同共有": Text("Joint", "共同共有"),
    "按份共有": Text("In shares", "按份共有"),
}
_STATUSES: Final = {"现势": Text("Current", "现势"), "历史": Text("Historical", "历史")}

TITLE: Final = CertificateType(
    name="real_estate.title",
    title=Text("Real estate title", "不动产权证书"),
    schemes=("cn-id",),
    fields=(
        Field("id_number", Text("Owner's ID number", "权利人证件号码"), "string", "sensitive"),
        Field("owner_name", Text("Owner", "权利人"), "string", "sensitive"),
        Field("share", Text("Share", "共有份额"), "string", "sensitive"),
        Field("unit_no", Text("Unit number", "不动产单元号"), "string", "personal"),
        Field("title_no", Text("Title number", "不动产权证号"), "string", "personal"),
        Field("location", Text("Location", "坐落"), "string", "sensitive"),
        Field(
            "ownership_form",
            Text("Form of ownership", "共有方式"),
            "code",
            "personal",
            codes=_FORMS,
        ),
        Field("right_type", Text("Kind of right", "权利类型"), "string", "normal"),
        Field("planned_use", Text("Planned use", "规划用途"), "string", "normal"),
        Field("structure", Text("Structure", "房屋结构"), "string", "normal"),
        Field("floor_area", Text("Floor area, square metres", "建筑面积"), "decimal", "personal"),
        Field("inner_area", Text("Inner area, square metres", "套内面积"), "decimal", "personal"),
        Field("shared_area", Text("Shared area, square metres", "分摊面积"), "decimal", "personal"),
        Field("completed_on", Text("Completed on", "竣工日期"), "date", "normal"),
        Field("land_from", Text("Land use from", "土地使用起"), "date", "normal"),
        Field("land_to", Text("Land use to", "土地使用止"), "date", "normal"),
        Field("price", Text("Price, yuan", "交易价格"), "decimal", "sensitive"),
        Field("registered_on", Text("Registered on", "登记时间"), "date", "personal"),
        Field("mortgaged", Text("Mortgaged", "是否抵押"), "boolean", "sensitive"),
        Field("sealed", Text("Seized", "是否查封"), "boolean", "sensitive"),
        Field("title_status", Text("Status", "权属状态"), "code", "normal", codes=_STATUSES),
        Field("title_count", Text("Current titles", "现势产权数"), "integer", "sensitive"),
    ),
    ttl_s=600,
    cache_scope="case",
    holder_field="id_number",
    name_field="owner_name",
    legal_basis=_BASIS,
)

NO_HOME: Final = CertificateType(
    name="real_estate.no_home",
    title=Text("Has no home", "无房证明"),
    schemes=("cn-id",),
    fields=(
        Field("id_number", Text("ID number", "证件号码"), "string", "sensitive"),
        Field(
            "has_no_home", Text("Owns no home in this city", "本市无住房"), "boolean", "personal"
        ),
    ),
    ttl_s=600,
    cache_scope="case",
    holder_field="id_number",
    legal_basis=_BASIS,
)

#: The view's column for each field, in the order of the certificate.
ORIGINS: Final[Mapping[str, Origin]] = {
    "id_number": Origin(source="qlrzjh", upper=True),
    "owner_name": Origin(source="qlr"),
    "share": Origin(source="gyfe"),
    "unit_no": Origin(source="bdcdyh"),
    "title_no": Origin(source="bdcqzh"),
    "location": Origin(source="fdzl"),
    "ownership_form": Origin(source="gyfs"),
    "right_type": Origin(source="qllx"),
    "planned_use": Origin(source="ghyt"),
    "structure": Origin(source="fwjg"),
    "floor_area": Origin(source="jzmj"),
    "inner_area": Origin(source="zyjzmj"),
    "shared_area": Origin(source="ftjzmj"),
    "completed_on": Origin(source="jgsj"),
    "land_from": Origin(source="tdsyqx_q"),
    "land_to": Origin(source="tdsyqx_z"),
    "price": Origin(source="fdcjyjg"),
    "registered_on": Origin(source="djsj"),
    "mortgaged": Origin(source="sfdy"),
    "sealed": Origin(source="sfcf"),
    "title_status": Origin(source="qszt"),
    "title_count": Origin(source="xsqs"),
}
