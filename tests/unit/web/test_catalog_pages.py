# SPDX-License-Identifier: Apache-2.0
"""The public catalogue: to everybody, of nobody, in four forms, made ahead."""

import asyncio
import csv
import io
import re
from collections.abc import Mapping
from datetime import timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import msgspec
import pytest

from gateway.catalog.list_folder import ListFolder
from gateway.catalog.lists import list_rows
from gateway.config import load_site
from gateway.crypto.keys import generate_private_key, load_signer
from gateway.errors import RequestError
from gateway.model.item import MANDATORY
from gateway.model.published import PublishedItem, PublishedItems, PublishedList
from gateway.web.catalog_pages import CatalogPages
from gateway.web.openapi import document
from gateway.web.request import Peer, Request
from gateway.web.respond import Responder
from tests.unit.catalog.stock import NOW, TODAY, make_item, make_site

WICKED = '<script>alert("1")</script>'


class Reply(msgspec.Struct):
    status: int
    head: Mapping[str, str]
    body: bytes


class Scene:
    """Pages of a site that a test may change."""

    def __init__(self, site: Path) -> None:
        self.site = load_site(site)
        self.day = TODAY
        self.pages = CatalogPages(lambda: self.site, today=lambda: self.day)
        signer = load_signer(generate_private_key("ecdsa-p256-sha256"), "gateway")
        responder = Responder(signer, origin="g.example/log", clock=NOW.timestamp)
        self._folders = self.pages.folders(responder)
        self._paths = self.pages.handlers(responder)

    def change(self, **changes: Any) -> None:
        self.site = msgspec.structs.replace(self.site, **changes)

    def get(self, target: str, **fields: str) -> Reply:
        asyncio.run(self.pages.refresh())
        request = Request(
            Peer(), "GET", target, "1.1", {n.replace("_", "-"): [v] for n, v in fields.items()}
        )
        folder = next((each for each in self._folders if request.path.startswith(each)), None)
        page = self._folders[folder] if folder else self._paths[request.path][1]

        async def ask() -> bytes:
            return (await page(request, "id")).encode(close=False)

        head, _, body = asyncio.run(ask()).partition(b"\r\n\r\n")
        first, *lines = head.decode().split("\r\n")
        fields_ = dict(line.split(": ", 1) for line in lines)
        return Reply(int(first.split()[1]), fields_, body)


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    items = [
        make_item(disclosure="never"),
        make_item("yq-wicked", name=WICKED, department="=1+1"),
        make_item("yq-draft", status="draft"),
        make_item("yq-gone", status="retired"),
        make_item("yq-later", effective_from=TODAY + timedelta(days=1)),
    ]
    make_site(tmp_path, *items)
    rows = list_rows("materials", items[:1], [], TODAY)
    ListFolder(tmp_path).publish("materials", rows, by="wang", note="第一批", on=TODAY)
    return Scene(tmp_path)


class Tags(HTMLParser):
    """Which elements and addresses a page has."""

    def __init__(self, page: bytes) -> None:
        super().__init__()
        self.names, self.addresses = set[str](), set[str]()
        self.feed(page.decode())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.add(tag)
        self.addresses |= {value or "" for name, value in attrs if name in {"href", "src"}}


def test_clause_7_1_1_everybody_may_read_the_items_in_force_with_the_five_columns(
    scene: Scene,
) -> None:
    reply = scene.get("/v1/items")
    found = msgspec.json.decode(reply.body, type=PublishedItems)
    assert (reply.status, reply.head["Content-Type"]) == (200, "application/json")
    assert [item.code for item in found.items] == ["yq-gjj-001", "yq-wicked"]
    assert (found.day, found.count) == ("2026-11-25", 2)
    assert all(getattr(found.items[0], member) for member in MANDATORY)
    limit = found.items[0].limit
    assert (limit.unit, limit.number) == ("working_day", 3)


def test_clause_7_1_1_the_list_is_a_page_and_a_file_too(scene: Scene) -> None:
    page = scene.get("/v1/items", accept="text/html").body.decode()
    assert all(title in page for title in MANDATORY.values())
    content = scene.get("/v1/items?format=csv").body
    rows = list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"))))
    assert rows[0]["事项名称"] == "住房公积金提取"
    assert rows[1]["办理部门（科室）"] == "'=1+1"


def test_clause_7_2_1_a_portal_finds_every_item_and_what_it_takes_at_one_address(
    scene: Scene,
) -> None:
    listed = msgspec.json.decode(scene.get("/v1/items").body, type=PublishedItems).items
    for item in listed:
        found = msgspec.json.decode(scene.get(f"/v1/items/{item.code}").body, type=PublishedItem)
        assert (found.code, found.name) == (item.code, item.name)
        assert [material.name for material in found.materials] == [
            material.name for material in item.materials
        ]
    described = document()["paths"].keys()
    assert {"/v1/items", "/v1/items/{code}", "/v1/cases/{case}", "/v1/materials"} <= described


def test_what_is_between_the_gateway_and_agencies_is_not_published(scene: Scene) -> None:
    for target in ("/v1/items", "/v1/items/yq-gjj-001", "/v1/items/yq-gjj-001?format=html"):
        body = scene.get(target).body.decode()
        assert not {"disclosure", "never", "prefill", "married_on"} & set(body.split('"'))
        assert "married_on" not in body


def test_clause_3_1_an_item_says_which_materials_need_not_be_brought(scene: Scene) -> None:
    item = msgspec.json.decode(scene.get("/v1/items/yq-gjj-001").body, type=PublishedItem)
    sources = {material.name: material.source for material in item.materials}
    assert sources == {
        "身份证复印件": "shared",
        "结婚证": "shared",
        "购房发票": "applicant",
        "完税证明": "department",
    }
    page = scene.get("/v1/items/yq-gjj-001", accept="text/html").body.decode()
    assert page.count("无需提交") == 2
    assert "本人承诺五个工作日内补交。" in page
    assert "适用情形： 已婚" in page


@pytest.mark.parametrize("code", ["yq-draft", "yq-gone", "yq-later", "none", "", "yq-gjj-001/x"])
def test_what_is_not_in_force_is_not_there(code: str, scene: Scene) -> None:
    with pytest.raises(RequestError, match="PATH_UNKNOWN"):
        scene.get(f"/v1/items/{code}")


def test_clause_4_6_a_published_list_is_there_and_an_unpublished_one_is_not(scene: Scene) -> None:
    found = msgspec.json.decode(scene.get("/v1/lists/materials").body, type=PublishedList)
    assert (found.version, found.title.zh, found.note) == (1, "申请材料清单", "第一批")
    assert found.rows[0]["name"] == "身份证复印件"
    assert (
        scene.get("/v1/lists/materials?format=csv")
        .body.decode("utf-8-sig")
        .startswith('"事项编码","事项名称","材料名称"')
    )
    with pytest.raises(RequestError, match="PATH_UNKNOWN"):
        scene.get("/v1/lists/intermediaries")


def test_a_page_is_in_the_language_that_is_asked_for(scene: Scene) -> None:
    zh = scene.get("/v1/items", accept="text/html")
    en = scene.get("/v1/items", accept="text/html", accept_language="en-GB")
    assert (zh.head["Content-Language"], en.head["Content-Language"]) == ("zh", "en")
    assert b'<html lang="en">' in en.body
    assert b"Department (section)" in en.body
    assert scene.get("/v1/items?lang=zh&format=html", accept_language="en").body == zh.body
    assert zh.head["Vary"] == "Accept, Accept-Language"


def test_who_has_it_already_is_told_so_without_a_body(scene: Scene) -> None:
    for target in (
        "/v1/items",
        "/v1/items?format=html",
        "/v1/lists/materials",
        "/assets/catalog.css",
    ):
        tag = scene.get(target).head["ETag"]
        again = scene.get(target, if_none_match=tag)
        assert (again.status, again.body) == (304, b"")
        assert again.head["ETag"] == tag
        assert "Content-Length" not in again.head
    assert scene.get("/v1/items").head["ETag"] != scene.get("/v1/items?format=csv").head["ETag"]


def test_a_page_has_no_script_and_nothing_of_anybody_else(scene: Scene) -> None:
    for target in ("/v1/items", "/v1/items/yq-wicked", "/v1/lists/materials"):
        reply = scene.get(f"{target}?format=html")
        tags = Tags(reply.body)
        assert not {"script", "img", "iframe", "style", "form"} & tags.names
        assert all(re.match(r"/[a-z]", address) for address in tags.addresses)
        assert reply.head["Content-Security-Policy"] == (
            "default-src 'none'; style-src 'self'; frame-ancestors 'none'"
        )


def test_a_page_escapes_what_it_is_given(scene: Scene) -> None:
    for target in ("/v1/items", "/v1/items/yq-wicked"):
        page = scene.get(f"{target}?format=html").body.decode()
        assert WICKED not in page
        assert "&lt;script&gt;" in page


def test_a_change_of_the_site_and_a_new_day_show(scene: Scene) -> None:
    before = scene.get("/v1/items").body
    scene.day = TODAY + timedelta(days=1)
    assert b"yq-later" in scene.get("/v1/items").body
    assert b"yq-later" not in before
    scene.change(items=())
    assert msgspec.json.decode(scene.get("/v1/items").body, type=PublishedItems).count == 0


@pytest.mark.parametrize("content", [b"{", b'{"list": "\xff"}'])
def test_a_list_that_cannot_be_read_leaves_the_last_good_ones(content: bytes, scene: Scene) -> None:
    before = scene.get("/v1/lists/materials").body
    (scene.site.folder / "lists/versions/materials-1.json").write_bytes(content)
    scene.change(items=())
    assert scene.get("/v1/lists/materials").body == before
    assert b'"count":0' in scene.get("/v1/items").body


def test_asking_makes_nothing(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    scene.get("/v1/items")

    async def fail(*_: object) -> None:
        raise AssertionError

    monkeypatch.setattr("gateway.web.catalog_render.CatalogRenderer.render", fail)
    assert scene.get("/v1/items/yq-gjj-001").status == 200
