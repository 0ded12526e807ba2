# SPDX-License-Identifier: Apache-2.0
"""From a distribution's folder to its adapter class, installed or not.

A folder whose package is not installed is put on the import path, so that a check needs no
installation; the entry point is read from its `pyproject.toml` then.
"""

import importlib
import sys
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import Distribution, PackageNotFoundError, distribution, entry_points
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote, urlsplit

import msgspec

from gateway.errors import SetupError
from gateway.sdk import Adapter

GROUP: Final = "gateway.adapters"


def plugin_of(folder: Path, name: str | None = None) -> type[Adapter[Any]]:
    """The adapter class that a distribution's entry point registers.

    Args:
        folder: of its `pyproject.toml`, or of an installed package.
        name: of the entry point; None where there is only one.

    Raises:
        SetupError: no entry point, or none of that name, or it registers no single class.
    """
    return _registered(entry_point_of(folder, name), folder)


def entry_point_of(folder: Path, name: str | None = None) -> str:
    """What the entry point names, `module` or `module:attribute`; raises as `plugin_of` does."""
    points = _declared(folder)
    if name is not None and name not in points:
        points = {p.name: p.value for p in entry_points(group=GROUP, name=name)}
    if len(points) != 1 and name not in points:
        raise SetupError(
            f"has {len(points)} entry points of the group {GROUP}",
            where=str(folder / "pyproject.toml"),
            remedy="declare one, or name one as `plugin` in conformance.toml.",
        )
    return points[name] if name is not None else next(iter(points.values()))


def import_folders(folder: Path) -> tuple[Path, ...]:
    """Where a distribution's package may lie in its source."""
    return tuple(path for path in (folder / "src", folder) if path.is_dir())


def folder_of(named: str) -> Path:
    """The folder with the `conformance.toml` of a path, a plugin or a distribution.

    Raises:
        SetupError: nothing of that name is there or installed.
    """
    path = Path(named)
    if path.is_dir():
        return path
    if path.is_file():
        return path.parent
    found = [p.dist for p in entry_points(group=GROUP, name=named) if p.dist is not None]
    try:
        dist = found[0] if found else distribution(named)
    except (PackageNotFoundError, ValueError):
        raise SetupError(
            "is no folder, no installed plugin and no installed distribution",
            where=named,
            remedy="name the adapter's folder, or install it.",
        ) from None
    return _source(dist, named)


def _source(dist: Distribution, named: str) -> Path:
    """Where a distribution was installed from, or where it keeps its `conformance.toml`."""
    url = dist.read_text("direct_url.json")
    if url is not None:
        parts = urlsplit(msgspec.json.decode(url)["url"])
        folder = Path(unquote(parts.path))
        if parts.scheme == "file" and (folder / "conformance.toml").is_file():
            return folder
    for file in dist.files or ():
        if file.name == "conformance.toml":
            return Path(str(file.locate())).parent
    raise SetupError(
        f"the distribution {dist.name} brings no conformance.toml",
        where=named,
        remedy="name the folder of its source, or ship the file inside the package.",
    )


def _declared(folder: Path) -> Mapping[str, str]:
    """Entry points of `pyproject.toml`; empty without the file."""
    try:
        text = (folder / "pyproject.toml").read_text(encoding="utf-8")
        project = tomllib.loads(text).get("project", {})
    except OSError:
        return {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SetupError(
            str(error), where=str(folder / "pyproject.toml"), remedy="write valid TOML."
        ) from None
    declared: Mapping[str, str] = project.get("entry-points", {}).get(GROUP, {})
    return declared


@contextmanager
def _found_first(package: str, folder: Path) -> Iterator[None]:
    """Import a package from this folder, where it lies there, whatever is installed or loaded.

    Two folders may hold two versions of one package; the classes of the first stay as they are.
    """
    source = next((path for path in import_folders(folder) if (path / package).is_dir()), None)
    if source is None:
        yield
        return
    loaded = getattr(sys.modules.get(package), "__file__", None) or ""
    if source.resolve() not in Path(loaded).resolve().parents:
        for name in [n for n in sys.modules if n == package or n.startswith(f"{package}.")]:
            del sys.modules[name]
    sys.path.insert(0, str(source))
    importlib.invalidate_caches()
    try:
        yield
    finally:
        sys.path.remove(str(source))
        if str(source) not in sys.path:
            sys.path.append(str(source))  # for what is imported later; behind what is installed


def _registered(value: str, folder: Path) -> type[Adapter[Any]]:
    """Import what an entry point names, and take the one class that it registers."""
    module, _, attribute = value.partition(":")
    package = module.strip().partition(".")[0]
    try:
        with _found_first(package, folder):
            plugin: Any = importlib.import_module(module.strip())
        for part in filter(None, attribute.strip().split(".")):
            plugin = getattr(plugin, part)
    except Exception as error:
        raise SetupError(
            f"cannot be imported: {type(error).__name__}: {error}",
            where=value,
            remedy="install its dependencies, and mend the entry point.",
        ) from error
    registered: list[type[Adapter[Any]]] = []
    register = getattr(plugin, "register_adapters", None)
    if callable(register):
        register(register=registered.append)
    if len(registered) != 1:
        raise SetupError(
            f"registers {len(registered)} adapters",
            where=value,
            remedy="let `register_adapters(register)` register one class.",
        )
    return registered[0]
