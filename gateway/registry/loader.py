# SPDX-License-Identifier: Apache-2.0
"""From the names in config to adapter classes that may be used.

Rules:

1. Only what config names is imported; an installed plugin that is not named never runs.
2. One plugin manager a call, none global: two sites in one process do not see each other.
3. Hooks are synchronous (pluggy #320): a coroutine would silently register nothing, so it is
   refused.
4. A class is checked whole before it is returned; a mistake names the plugin and the remedy.
5. `plugin = "declarative"` names no distribution: the class is made from the site's own file.
"""

import inspect
from collections.abc import Collection, Mapping
from importlib.metadata import entry_points
from typing import Any, Final

import pluggy

from gateway.errors import SetupError
from gateway.model.site import AdapterSite
from gateway.sdk import Adapter, hookspecs
from gateway.sdk.declaration import check_class

GROUP: Final = "gateway.adapters"
#: `plugin = ` of an adapter that the site itself declares.
DECLARATIVE: Final = "declarative"


def load_adapter_class(site: AdapterSite) -> type[Adapter[Any]]:
    """Load the class of one adapter of a site.

    Raises:
        SetupError: names the file; as `load_adapter_classes`, or a declaration that does not do.
    """
    where = f"adapters/{site.name}.toml"
    if site.plugin != DECLARATIVE:
        if site.declarative:
            raise SetupError(
                "declares an adapter, and names another plugin",
                where=f"{where}: $.declarative",
                remedy=f'write `plugin = "{DECLARATIVE}"`, or remove the declaration.',
            )
        try:
            return load_adapter_classes({site.plugin})[site.plugin]
        except SetupError as error:
            raise SetupError(error.detail, where=f"{where}: $.plugin") from None
    from gateway.sdk.kits.declarative.adapter import declared_in_site  # noqa: PLC0415 - heavy

    adapter = declared_in_site(site.declarative, f"{where}: declarative")
    check_class(DECLARATIVE, adapter, "yizheng-gateway")
    return adapter


def load_adapter_classes(
    names: Collection[str], plugins: Mapping[str, object] | None = None
) -> Mapping[str, type[Adapter[Any]]]:
    """Load the adapter classes of these plugins.

    Args:
        names: plugin names, as `plugin = ` of adapters/*.toml gives them.
        plugins: plugin objects by name that stand in for installed entry points.

    Returns:
        One class for each name.

    Raises:
        SetupError: a plugin is missing, cannot be imported, or declares what cannot work.
    """
    given = plugins or {}
    wanted = sorted(set(names))
    manager = _registered(
        {name: given[name] if name in given else _import(name) for name in wanted}
    )
    classes = {name: _class_of(manager, name) for name in wanted}
    for name, adapter in classes.items():
        check_class(name, adapter, _distribution(name))
    return classes


def _import(name: str) -> object:
    found = list(entry_points(group=GROUP, name=name))
    if not found:
        raise SetupError(
            "the plugin is not installed",
            where=f"plugin {name}",
            remedy=f"install the distribution `{_distribution(name)}`, or mend the name.",
        )
    if len(found) > 1:
        brought_by = ", ".join(sorted(entry.dist.name for entry in found if entry.dist))
        raise SetupError(
            f"several installed distributions bring it: {brought_by}",
            where=f"plugin {name}",
            remedy="uninstall all but one.",
        )
    try:
        return found[0].load()
    except Exception as error:
        raise SetupError(
            f"cannot be imported: {type(error).__name__}: {error}",
            where=f"plugin {name}",
            remedy=f"install the distribution `{_distribution(name)}` again.",
        ) from error


def _distribution(name: str) -> str:
    """The distribution that brings a plugin, or the one that by convention would."""
    for entry in entry_points(group=GROUP, name=name):
        if entry.dist:
            return entry.dist.name
    return f"gateway-adapter-{name.replace('_', '-')}"


def _registered(plugins: Mapping[str, object]) -> pluggy.PluginManager:
    manager = pluggy.PluginManager(hookspecs.PROJECT)
    manager.add_hookspecs(hookspecs)
    for name, plugin in plugins.items():
        try:
            manager.register(plugin, name=name)
        except (pluggy.PluginValidationError, ValueError) as error:
            raise SetupError(
                f"does not fit the hooks: {error}",
                where=f"plugin {name}",
                remedy="see gateway/sdk/hookspecs.py for what a plugin may implement.",
            ) from None
    for impl in manager.hook.register_adapters.get_hookimpls():
        if inspect.iscoroutinefunction(impl.function) or inspect.isasyncgenfunction(impl.function):
            raise SetupError(
                "register_adapters is a coroutine, and hooks are synchronous",
                where=f"plugin {impl.plugin_name}",
                remedy="write `def`, not `async def`; the adapter's own methods may be async.",
            )
    try:
        manager.check_pending()
    except pluggy.PluginValidationError as error:
        raise SetupError(
            f"implements a hook that does not exist: {error}",
            remedy="the only hook is register_adapters.",
        ) from None
    return manager


def _class_of(manager: pluggy.PluginManager, name: str) -> type[Adapter[Any]]:
    """Ask one plugin alone, so that what it registers is known to be its own."""
    mine = manager.get_plugin(name)
    others = [plugin for plugin in manager.get_plugins() if plugin is not mine]
    registered: list[type[Adapter[Any]]] = []
    try:
        manager.subset_hook_caller("register_adapters", others)(register=registered.append)
    except Exception as error:
        raise SetupError(
            f"register_adapters failed: {type(error).__name__}: {error}",
            where=f"plugin {name}",
            remedy="only call `register(AdapterClass)` there; open connections in `open`.",
        ) from error
    if len(registered) != 1:
        raise SetupError(
            f"registers {len(registered)} adapters under one plugin name",
            where=f"plugin {name}",
            remedy="give each adapter its own entry point, and mark the hook with `@hookimpl`.",
        )
    return registered[0]
