# SPDX-License-Identifier: Apache-2.0
"""The published list of service items."""

from typing import Literal

import pytest

from gateway.catalog.catalog import ItemCatalog
from gateway.errors import SetupError
from gateway.model.item import ServiceItem
from gateway.model.material import Material


def item(code: str, status: Literal["draft", "published", "retired"] = "published") -> ServiceItem:
    return ServiceItem(
        code=code,
        name="住房公积金提取",
        certificate_name="居民身份证",
        item_type="公共服务",
        department="公积金中心（提取科）",
        time_limit="3 工作日",
        status=status,
        materials=(Material("身份证复印件", "public_security.identity"),),
    )


def test_a_published_item_is_found_by_its_code() -> None:
    published = item("yq-gjj-001")
    assert ItemCatalog([item("yq-gjj-002"), published]).find("yq-gjj-001") is published


@pytest.mark.parametrize("code", ["yq-gjj-002", "YQ-GJJ-001", "", " yq-gjj-001"])
def test_another_code_is_not_found(code: str) -> None:
    assert ItemCatalog([item("yq-gjj-001")]).find(code) is None


@pytest.mark.parametrize("status", ["draft", "retired"])
def test_an_item_that_is_not_published_is_not_found(status: Literal["draft", "retired"]) -> None:
    assert ItemCatalog([item("yq-gjj-001", status)]).find("yq-gjj-001") is None


def test_one_code_is_one_item_whatever_its_status() -> None:
    with pytest.raises(SetupError, match="item yq-gjj-001: two items"):
        ItemCatalog([item("yq-gjj-001"), item("yq-gjj-001", "retired")])


def test_an_item_needs_the_certificates_of_its_materials_and_no_other() -> None:
    assert item("yq-gjj-001").needs("public_security.identity")
    assert not item("yq-gjj-001").needs("public_security")
    assert not item("yq-gjj-001").needs("housing_fund.account")
