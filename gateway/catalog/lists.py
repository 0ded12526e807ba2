# SPDX-License-Identifier: Apache-2.0
"""The three lists of clause 4.6, and what stands in their columns.

==================  ================  ==========================================
name                title             made of
==================  ================  ==========================================
`one-id-items`      一证通办清单        the items in force
`materials`         申请材料清单        their materials
`intermediaries`    中介服务机构清单     `lists/*.toml`
==================  ================  ==========================================
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from typing import Final

from gateway.catalog.words import HOLDERS, LEVELS, NECESSITIES, SOURCES
from gateway.errors import Text
from gateway.model.intermediary import Intermediary, ListName
from gateway.model.item import ServiceItem
from gateway.model.material import Material

Rows = tuple[dict[str, str], ...]

TITLES: Final[Mapping[ListName, Text]] = {
    "one-id-items": Text("One-ID items", "一证通办清单"),
    "materials": Text("Application materials", "申请材料清单"),
    "intermediaries": Text("Intermediary services", "中介服务机构清单"),
}
#: Of each list: member of its rows → title of the column.
COLUMNS: Final[Mapping[ListName, Mapping[str, Text]]] = {
    "one-id-items": {
        "code": Text("Item code", "事项编码"),
        "name": Text("Item", "事项名称"),
        "certificate_name": Text("“One certificate”", "“一证”名称"),
        "item_type": Text("Type", "事项类型"),
        "department": Text("Department (section)", "办理部门（科室）"),
        "time_limit": Text("Time limit", "办理时限"),
        "level": Text("Level", "层级"),
        "division": Text("Division", "行政区划"),
        "effective_from": Text("In force from", "生效日期"),
        "version": Text("Version", "版本"),
    },
    "materials": {
        "item": Text("Item code", "事项编码"),
        "item_name": Text("Item", "事项名称"),
        "name": Text("Material", "材料名称"),
        "necessity": Text("Necessity", "必要性"),
        "source": Text("Source", "材料来源"),
        "holder": Text("Whose", "持证主体"),
        "situations": Text("Only in", "适用情形"),
        "deferral": Text("May be handed in later", "容缺受理"),
        "commitment": Text("A commitment will do", "告知承诺"),
    },
    "intermediaries": {
        "code": Text("Credit code", "统一社会信用代码"),
        "name": Text("Body", "机构名称"),
        "service": Text("Service", "中介服务事项"),
        "items": Text("For items", "所涉事项"),
        "basis": Text("Basis", "设定依据"),
        "fee": Text("Fee", "收费标准"),
        "contact": Text("Contact", "联系方式"),
    },
}


def list_rows(
    name: ListName,
    items: Iterable[ServiceItem],
    intermediaries: Iterable[Intermediary],
    day: date,
) -> Rows:
    """What a list says on a day."""
    in_force = (i for i in items if i.status == "published" and i.is_in_force(day))
    open_items = sorted(in_force, key=lambda item: item.code)
    match name:
        case "one-id-items":
            return tuple(map(item_row, open_items))
        case "materials":
            return tuple(row for item in open_items for row in material_rows(item))
        case "intermediaries":
            return tuple(map(_intermediary_row, intermediaries))


def item_row(item: ServiceItem) -> dict[str, str]:
    """A row of 一证通办清单."""
    return {
        "code": item.code,
        "name": item.name,
        "certificate_name": item.certificate_name,
        "item_type": item.item_type,
        "department": item.department,
        "time_limit": item.time_limit,
        "level": LEVELS[item.level].zh if item.level else "",
        "division": item.division,
        "effective_from": str(item.effective_from or ""),
        "version": str(item.version),
    }


def material_rows(item: ServiceItem) -> Iterator[dict[str, str]]:
    """Rows of 申请材料清单, one for each material."""
    for material in item.materials:
        situations = [each.name for each in item.situations if material.name in each.materials]
        yield {
            "item": item.code,
            "item_name": item.name,
            "name": material.name,
            "necessity": NECESSITIES[material.necessity].zh,
            "source": SOURCES[material.obtained_from].zh,
            "holder": HOLDERS[material.holder].zh,
            "situations": "；".join(situations),
            "deferral": _deferral(material),
            "commitment": "可以" if material.commitment else "",
        }


def _deferral(material: Material) -> str:
    deferral = material.deferral
    return f"{deferral.due_working_days}个工作日内补正" if deferral else ""


def _intermediary_row(body: Intermediary) -> dict[str, str]:
    return {
        "code": body.uscc,
        "name": body.name,
        "service": body.service,
        "items": "；".join(body.items),
        "basis": body.basis,
        "fee": body.fee,
        "contact": body.contact,
    }
