# SPDX-License-Identifier: Apache-2.0
"""Items for tests of the catalogue, and sites to keep them in."""

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from gateway.catalog.item_folder import ItemFolder
from gateway.model.item import ServiceItem, Situation
from gateway.model.material import Commitment, Deferral, Material
from gateway.model.toml_text import format_tables

NOW = datetime(2026, 11, 25, 4, tzinfo=UTC)
TODAY = date(2026, 11, 25)

MARRIAGE = Material(
    "结婚证",
    "civil_affairs.marriage",
    fields=("op_type", "op_date"),
    deferral=Deferral(5, "本人承诺五个工作日内补交。", 2),
    commitment=Commitment("本人承诺情况属实。", 30, ("有不良信用记录的申请人",)),
    prefill={"op_date": "married_on"},
)


def make_item(code: str = "yq-gjj-001", **changes: Any) -> ServiceItem:
    members: dict[str, Any] = {
        "name": "住房公积金提取",
        "certificate_name": "居民身份证",
        "item_type": "公共服务",
        "department": "公积金中心（提取科）",
        "time_limit": "3个工作日",
        "level": "city",
        "division": "140300",
        "domain": "housing_fund",
        "legal_basis": ("《住房公积金管理条例》第二十四条、第二十五条", "地方规定"),
        "materials": (
            Material("身份证复印件", "public_security.identity", fields=("name",)),
            MARRIAGE,
            Material("购房发票", necessity="optional"),
            Material("完税证明", source="department", holder="spouse"),
        ),
        "situations": (Situation("married", "已婚", ("结婚证", "完税证明")),),
    }
    return ServiceItem(code, **(members | changes))


def make_site(folder: Path, *items: ServiceItem) -> Path:
    (folder / "items").mkdir()
    if items:
        text = "# 人工维护，请勿删除本行\n" + format_tables("items", items) + "# end\n"
        (folder / "items/all.toml").write_text(text)
    (folder / "gateway.toml").write_text(
        '[site]\nname = "测试网关"\nissuer = "https://g.example"\norigin = "g.example/log"\n'
    )
    return folder


def folder_of(site: Path, by: str) -> ItemFolder:
    return ItemFolder(site, by=by, note="测试", clock=lambda: NOW)
