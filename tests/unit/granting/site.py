# SPDX-License-Identifier: Apache-2.0
"""A small site on disk: one agency, one item, one grant; and two certificates."""

from datetime import UTC, date, datetime
from pathlib import Path

from gateway.errors import Text
from gateway.granting.procedure import Hand
from gateway.model.application import Application
from gateway.model.certificate import CertificateType, Field

TITLE = Text("Title", "标题")
DAY = date(2026, 11, 25)
HAND = Hand("民政局测试乙", datetime(2026, 11, 25, 2, 0, tzinfo=UTC), DAY)
MARRIAGE = CertificateType(
    name="civil_affairs.marriage",
    title=TITLE,
    schemes=("cn-id",),
    fields=(Field("op_type", TITLE, sensitivity="sensitive"), Field("op_date", TITLE, "date")),
)
BIRTH = CertificateType(
    name="health.birth_certificate",
    title=TITLE,
    schemes=("cn-id",),
    fields=(Field("born_at", TITLE), Field("mother_id", TITLE)),
    key_fields=("mother_id",),
)
CERTIFICATES = {MARRIAGE.name: MARRIAGE, BIRTH.name: BIRTH}
APPLICATION = Application(
    id="gjj-marriage",
    grant="gjj-marriage",
    agency="yq-gjj",
    certificate=MARRIAGE.name,
    operations=("verify",),
    fields=("op_date",),
    items=("yq-gjj-001",),
    basis="住房公积金管理条例（演示）",
    scenario="提取审核",
    valid_from=date(2026, 12, 1),
    valid_until=date(2027, 11, 30),
    divisions=("140300",),
)
_GATEWAY = """\
[site]
name = "演示"
issuer = "https://gateway.example"
origin = "gateway.example/log"
"""
_AGENCY = """\
id = "yq-gjj"
name = "阳泉公积金中心（演示）"
[[operators]]
id = "yq-0417"
name = "测试经办"
"""
_ITEM = """\
[[items]]
code = "yq-gjj-001"
name = "住房公积金提取"
certificate_name = "居民身份证"
item_type = "公共服务"
department = "公积金中心（提取科）"
time_limit = "即办"
[[items.materials]]
name = "结婚证"
certificate = "civil_affairs.marriage"
[[items.materials]]
name = "出生医学证明"
certificate = "health.birth_certificate"
"""
GRANTS = """\
# Written by a person, and kept.
[[grants]]
id = "gjj-birth"
version = 1
agency = "yq-gjj"
certificate = "health.birth_certificate"
operations = ["query", "verify"]
fields = ["born_at", "mother_id"]
items = ["yq-gjj-001"]
valid_from = 2026-01-01
valid_until = 2026-12-31
hours = ["08:00-18:00"]
basis = "母婴保健法（演示）"
"""


def make_site(folder: Path, *, grants: str = GRANTS, shares: str = "") -> Path:
    """Write it; returns its folder."""
    files = {
        "gateway.toml": _GATEWAY,
        "agencies/yq-gjj.toml": _AGENCY,
        "items/gjj.toml": _ITEM,
        "grants/demo.toml": grants,
        "shares/demo.toml": shares or "shares = []\n",
    }
    for name, text in files.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return folder
