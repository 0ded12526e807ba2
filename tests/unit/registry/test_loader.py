# SPDX-License-Identifier: Apache-2.0
"""Only named, well-formed plugins of this contract version come in."""

import subprocess
import sys
from typing import Any

import msgspec
import pytest

from gateway.errors import SetupError
from gateway.registry.loader import load_adapter_classes
from gateway.sdk import Adapter, CertificateType, Field, Text, declaration, hookimpl
from tests.unit.registry.desk import NOTE, Desk, certificate


class Plugin:
    """A plugin object that registers these classes."""

    def __init__(self, *classes: Any) -> None:
        self.classes = classes

    @hookimpl
    def register_adapters(self, register: Any) -> None:
        for adapter in self.classes:
            register(adapter)


def load(*classes: Any, name: str = "desk") -> dict[str, type[Adapter[Any]]]:
    return dict(load_adapter_classes([name], {name: Plugin(*classes)}))


def refusal(*classes: Any, name: str = "desk") -> str:
    with pytest.raises(SetupError) as caught:
        load(*classes, name=name)
    assert caught.value.remedy, "every refusal says what to do"
    assert f"plugin {name}" in str(caught.value)
    return str(caught.value)


def variant(**attributes: Any) -> type[Desk]:
    return type("Variant", (Desk,), attributes)


def test_a_named_plugin_brings_its_class() -> None:
    assert load(Desk) == {"desk": Desk}


def test_no_name_loads_nothing() -> None:
    assert load_adapter_classes([]) == {}


def test_the_installed_plugins_load() -> None:
    classes = load_adapter_classes({"public_security", "housing_fund"})
    assert {name: cls.__name__ for name, cls in classes.items()} == {
        "public_security": "PublicSecurity",
        "housing_fund": "HousingFund",
    }


def test_a_plugin_that_is_not_named_is_not_imported() -> None:
    code = (
        "import sys; from gateway.registry.loader import load_adapter_classes as load;"
        "load(['public_security']);"
        "sys.exit('gateway_adapter_housing_fund' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_two_loads_do_not_know_each_other() -> None:
    assert load(Desk) == load(Desk)


def test_a_missing_plugin_names_the_distribution() -> None:
    with pytest.raises(SetupError, match="gateway-adapter-lost-property"):
        load_adapter_classes(["lost_property"])


def test_a_coroutine_hook_is_refused() -> None:
    class Late:
        @hookimpl
        async def register_adapters(self, register: Any) -> None:
            register(Desk)

    with pytest.raises(SetupError, match="coroutine"):
        load_adapter_classes(["desk"], {"desk": Late()})


def test_an_unknown_hook_is_refused() -> None:
    class Eager(Plugin):
        @hookimpl
        def start_department(self) -> None: ...

    with pytest.raises(SetupError, match="start_department"):
        load_adapter_classes(["desk"], {"desk": Eager(Desk)})


def test_a_hook_with_other_parameters_is_refused() -> None:
    class Other:
        @hookimpl
        def register_adapters(self, registry: Any) -> None: ...

    with pytest.raises(SetupError, match="registry"):
        load_adapter_classes(["desk"], {"desk": Other()})


def test_a_hook_that_fails_is_named() -> None:
    class Broken:
        @hookimpl
        def register_adapters(self, register: Any) -> None:
            raise OSError("no such file")

    with pytest.raises(SetupError, match="plugin desk: register_adapters failed: OSError"):
        load_adapter_classes(["desk"], {"desk": Broken()})


def test_a_plugin_without_a_marked_hook_is_refused() -> None:
    with pytest.raises(SetupError, match="@hookimpl"):
        load_adapter_classes(["desk"], {"desk": object()})


def test_two_adapters_under_one_plugin_name_are_refused() -> None:
    assert "2 adapters" in refusal(Desk, variant())


def test_one_object_under_two_names_is_refused() -> None:
    plugin = Plugin(Desk)
    with pytest.raises(SetupError, match="hooks"):
        load_adapter_classes(["desk", "other"], {"desk": plugin, "other": plugin})


def test_the_class_names_its_entry_point() -> None:
    assert "entry point is `other`" in refusal(Desk, name="other")


@pytest.mark.parametrize("thing", [Desk(Desk.settings_type()), object, None])  # type: ignore[arg-type] # an instance is the point
def test_only_adapter_classes_are_registered(thing: object) -> None:
    assert "not an Adapter class" in refusal(thing)


def test_an_older_gateway_says_which_side_to_upgrade() -> None:
    assert "upgrade yizheng-gateway, or install an older `gateway-adapter-desk`" in refusal(
        variant(api_version=2)
    )


def test_an_older_plugin_says_which_side_to_upgrade() -> None:
    assert "upgrade `gateway-adapter-desk`, or install an older yizheng-gateway" in refusal(
        variant(api_version=0)
    )


@pytest.mark.parametrize("version", [2, 3, 4])
def test_every_contract_of_the_range_is_run(version: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(declaration, "API_VERSIONS", range(2, 5))
    monkeypatch.setattr(declaration, "API_VERSION", 4)
    adapter = variant(api_version=version)
    assert load(adapter) == {"desk": adapter}
    assert "this gateway has 2 to 4" in refusal(variant(api_version=5))
    assert "this gateway has 2 to 4" in refusal(variant(api_version=1))


@pytest.mark.parametrize("version", ["1", 1.0, True, None])
def test_a_version_is_a_whole_number(version: object) -> None:
    assert "whole number" in refusal(variant(api_version=version))


def test_missing_parts_are_listed() -> None:
    class Half(Adapter[Any]):
        plugin = "desk"
        api_version = 1

        async def ping(self) -> None: ...

    assert "certificates, settings_type, aclose, lookup, open" in refusal(Half)


class Loose(msgspec.Struct, frozen=True):
    url: str = ""


class Mutable(msgspec.Struct, forbid_unknown_fields=True):
    url: str = ""


@pytest.mark.parametrize("kind", [Loose, Mutable, dict])
def test_settings_are_frozen_and_refuse_unknown_keys(kind: type) -> None:
    assert "settings_type" in refusal(variant(settings_type=kind))


_FIELD = Field("sum", Text("Sum", "金额"))
_WORD = Text("open", "正常")
_WORDED = Field("sum", Text("Sum", "金额"), codes={"1": _WORD})
_LISTED = Field("status", Text("Status", "状态"), "code", codes={"1": _WORD})


def bare(field: Field) -> CertificateType:
    return certificate(fields=(field,), holder_field=None, name_field=None)


@pytest.mark.parametrize(
    ("certificates", "what"),
    [
        ((), "no certificate"),
        ((NOTE, NOTE), "`desk.note` twice"),
        ((certificate("desk"),), "<department>.<certificate>"),
        ((certificate("Desk.note"),), "<department>.<certificate>"),
        ((certificate("desk.note.more"),), "<department>.<certificate>"),
        ((certificate("desk." + "n" * 60),), "<department>.<certificate>"),
        ((certificate(schemes=()),), "no scheme or no field"),
        ((certificate(fields=(), holder_field=None, name_field=None),), "no scheme or no field"),
        ((certificate(schemes=("passport",)),), "`$.schemes[0]`"),
        ((certificate(cache_scope="always"),), "`$.cache_scope`"),
        ((certificate(fields=(_FIELD, _FIELD)),), "`sum` twice"),
        ((certificate(fields=(msgspec.structs.replace(_FIELD, type="money"),)),), "$.fields[0]"),
        ((certificate(fields=(msgspec.structs.replace(_FIELD, name="s" * 41),)),), "40 characters"),
        ((certificate(fields=(msgspec.structs.replace(_FIELD, name="Sum"),)),), "40 characters"),
        ((certificate(holder_field="number"),), "as holder_field"),
        ((certificate(name_field="title"),), "as name_field"),
        ((certificate(ttl_s=-1),), "negative ttl_s"),
        ((bare(_WORDED),), "code list for `sum`"),
        ((bare(msgspec.structs.replace(_LISTED, codes={"": _WORD})),), "code list"),
        ((bare(msgspec.structs.replace(_LISTED, codes={"1": 1})),), "codes"),
        ((certificate(key_fields=("mother",)),), "`mother` as a key field"),
        ((certificate(key_fields=("id_number",)),), "`id_number` as a key field"),
        ((certificate(key_fields=("name", "name")),), "key field `name` twice"),
        ((certificate(legal_basis="law"),), "legal_basis"),
    ],
)
def test_certificates_that_cannot_work_are_refused(certificates: Any, what: str) -> None:
    assert what in refusal(variant(certificates=certificates))


def test_a_field_name_may_have_40_characters() -> None:
    long = certificate(fields=(*NOTE.fields, msgspec.structs.replace(_FIELD, name="s" * 40)))
    assert load(variant(certificates=(long,)))
