# SPDX-License-Identifier: Apache-2.0
"""A declaration is checked whole before anything is asked; a mistake names key and remedy."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.errors import SetupError
from gateway.model.site import AdapterSite
from gateway.registry.loader import load_adapter_class
from gateway.sdk.kits.declarative.adapter import declared_adapter
from gateway.sdk.kits.declarative.declaration import decode_declaration
from gateway.sdk.kits.http_settings import HttpSettings
from tests.unit.sdk.declared import FILE, HTTP, SQL

Edit = Callable[[str], str]


def swap(before: str, after: str) -> Edit:
    def edit(text: str) -> str:
        assert before in text
        return text.replace(before, after, 1)

    return edit


@pytest.mark.parametrize(("text", "kind"), [(HTTP, "http"), (SQL, "sql"), (FILE, "file")])
def test_each_kind_is_understood(text: str, kind: str) -> None:
    declared = decode_declaration(text, "adapter.toml")
    assert declared.kind == kind
    [certificate] = declared.certificates
    made = certificate.type()
    assert (made.name, made.ttl_s, made.cache_scope) == ("desk.card", 60, "case")
    assert (made.holder_field, made.name_field, made.key_fields) == ("number", "name", ("card_no",))
    assert [field.type for field in made.fields][3:] == ["date", "decimal", "code", "boolean"]
    assert set(made.fields[5].codes) == {"一级", "二级"}


def test_a_declared_answer_is_served_stale_only_where_the_declaration_says_for_how_long() -> None:
    [plain] = decode_declaration(HTTP, "adapter.toml").certificates
    assert plain.type().stale_s == 0
    text = HTTP.replace("ttl_s = 60", "ttl_s = 60\nstale_s = 300")
    [allowing] = decode_declaration(text, "adapter.toml").certificates
    assert (allowing.type().ttl_s, allowing.type().stale_s) == (60, 300)


@pytest.mark.parametrize(
    ("base", "edit", "where", "detail", "remedy"),
    [
        (HTTP, swap("api_version = 1", "api_version = "), "adapter.toml", "not TOML", "mend the line"),
        (HTTP, swap("api_version = 1\n", ""), "adapter.toml", "`api_version`", "lists what may"),
        (HTTP, swap("schemes", "shemes"), "certificates[0]", "`shemes`", "lists what may"),
        (HTTP, swap('type = "date"', 'type = "day"'), "certificates[0].fields[3].type", "'day'", "lists"),
        (HTTP, swap('"YYYYMMDD"', '"DDMMYY"'), "certificates[0].fields[3].form", "match", "lists"),
        (HTTP, swap('path = "/cards"', 'path = "/cards?n={number}"'), "certificates[0].http.path", "match", "lists"),
        (HTTP, swap('"refused"', '"ignored"'), "certificates[0].http.failures", "'ignored'", "lists"),
        (HTTP, swap('holder_field = "number"', 'holder_field = "nr"'), "certificates[0].holder_field", "`nr`", "declare the field"),
        (HTTP, swap('name_field = "name"', 'name_field = "nm"'), "certificates[0].name_field", "`nm`", "declare the field"),
        (HTTP, swap('["card_no"]', '["card"]'), "certificates[0].key_fields", "`card`", "declare the field"),
        (HTTP, swap('newest = "issued_on"', 'newest = "issued"'), "certificates[0].http.newest", "`issued`", "declare the field"),
        (HTTP, swap('newest = "issued_on"', 'newest = "card_no"'), "certificates[0].http.newest", "`card_no`, which is a string", "an integer"),
        (HTTP, swap('newest = "issued_on"', 'newest = "grade"'), "certificates[0].http.newest", "`grade`, which is a code", "an integer"),
        (HTTP, swap('newest = "issued_on"', 'newest = "is_open"'), "certificates[0].http.newest", "`is_open`, which is a boolean", "an integer"),
        (HTTP, swap("{number}", "{nmber}"), "certificates[0].http.body.who", "`nmber`", "write one of number, name"),
        (HTTP, swap("{claims.card_no}", "{claims.amount}"), "certificates[0].http.body.nested[0].card", "`claims.amount`", "claims.card_no"),
        (HTTP, swap('success = ["0"]', ""), "certificates[0].http", "a code needs its path", "write `code` and `success`"),
        (HTTP, swap('code = "code"\n', ""), "certificates[0].http", "values need the code's path", "write `code` and `success`"),
        (HTTP, swap("[certificates.http]", '[certificates.file]\nname = "c-{date}.csv"\n[certificates.http]'), "certificates[0]", "http and file", "exactly one"),
        (SQL, swap("[certificates.sql]", "[certificates.sq]"), "certificates[0]", "`sq`", "lists"),
        (SQL, swap("SELECT * FROM card WHERE", "DELETE FROM card WHERE"), "certificates[0].sql.statement", "match", "lists"),
        (SQL, swap(" AND card_no = $2", ""), "certificates[0].sql.statement", "$2 is not in the statement", "number the parameters"),
        (SQL, swap(', "claims.card_no"', ""), "certificates[0].sql.statement", "$2 has no parameter", "values never stand"),
        (SQL, swap("= $2", "= $7"), "certificates[0].sql.statement", "$2 is not in the statement", "number the parameters"),
        (SQL, swap("= $2", "IN ($2, $7)"), "certificates[0].sql.statement", "$7 has no parameter", "values never stand"),
        (SQL, swap("= $1", "= $10"), "certificates[0].sql.statement", "$1 is not in the statement", "number the parameters"),
        (SQL, swap('"number", ', '"numbr", '), "certificates[0].sql.parameters[0]", "`numbr`", "write one of"),
        (SQL, swap('statement = "SELECT 1 FROM card LIMIT 0"', 'path = "/h"'), "ping", "pinged by statement", "write `ping = { statement"),
        (FILE, swap("cards-{date}.csv", "cards.csv"), "certificates[0].file.name", "match", "lists"),
        (FILE, swap('holder_field = "number"\n', ""), "certificates[0]", "has no holder_field", "rows are asked for"),
        (FILE, swap('.csv"', '.txt"\nformat = "fixed"'), "certificates[0].file.spans", "lacks spans", "for `fixed`"),
        (FILE, swap('.csv"', '.txt"\nformat = "fixed"\nspans = { zjhm = { start = 1, width = 18 } }'), "certificates[0].file.spans", "`name` comes from `xm`", "xm = { start"),
        (FILE, swap("[[certificates]]", 'ping = { path = "/h" }\n[[certificates]]'), "ping", "pinged by nothing", "leave `ping` out"),
    ],
)  # fmt: skip
def test_a_mistake_names_the_key_and_the_remedy(
    base: str, edit: Edit, where: str, detail: str, remedy: str
) -> None:
    with pytest.raises(SetupError) as caught:
        decode_declaration(edit(base), "adapter.toml")
    error = caught.value
    assert error.where.startswith("adapter.toml")
    assert re.sub(r"^adapter\.toml: ", "", error.where).startswith(where)
    assert detail in error.detail
    assert remedy in error.remedy


def test_the_documented_declaration_is_one() -> None:
    import tomllib

    page = (Path(__file__).parents[3] / "docs/how-to/declare-an-adapter.md").read_text()
    text = page.partition("```toml\n")[2].partition("```")[0]
    made = load_adapter_class(AdapterSite(**(tomllib.loads(text) | {"name": "disability"})))
    [certificate] = made.certificates
    assert certificate.field_names == {"id_number", "name", "grade", "valid_to"}


def site(**changes: object) -> AdapterSite:
    import tomllib

    given = {"plugin": "declarative", "name": "desk", "declarative": tomllib.loads(HTTP)}
    return AdapterSite(**(given | changes))  # type: ignore[arg-type]


def test_a_site_may_declare_an_adapter_in_its_own_file() -> None:
    made = load_adapter_class(site())
    assert made.plugin == "declarative"
    assert made.department.zh == "柜台"
    assert [certificate.name for certificate in made.certificates] == ["desk.card"]
    assert made.settings_type is HttpSettings
    assert made.__doc__ == "Cards, JSON over HTTP."


def test_a_mistake_in_a_site_names_its_file() -> None:
    with pytest.raises(SetupError) as caught:
        load_adapter_class(site(declarative={}))
    assert caught.value.where == "adapters/desk.toml: declarative"


def test_a_declaration_for_another_plugin_is_refused() -> None:
    with pytest.raises(SetupError) as caught:
        load_adapter_class(site(plugin="public_security"))
    assert caught.value.where == "adapters/desk.toml: $.declarative"


def test_a_certificate_of_another_form_is_found_at_load_as_with_any_class() -> None:
    import tomllib

    declared = tomllib.loads(HTTP.replace('"desk.card"', '"Card"'))
    with pytest.raises(SetupError, match="is not named"):
        load_adapter_class(site(declarative=declared))


def test_a_declaration_that_a_distribution_lost_is_named(tmp_path: Path) -> None:
    with pytest.raises(SetupError) as caught:
        declared_adapter("desk", tmp_path / "adapter.toml")
    assert caught.value.where == "adapter.toml"
