# SPDX-License-Identifier: Apache-2.0
"""TOML files of a site, decoded strictly: every mistake names file, path and remedy."""

import difflib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

import msgspec

from gateway.errors import SetupError

T = TypeVar("T")


def toml_files(folder: Path, name: str) -> list[Path]:
    """The TOML files of one of the site's folders, by name."""
    return sorted((folder / name).glob("[!.]*.toml"))


def toml_files_again(folder: Path, name: str, *, had_some: bool) -> list[Path]:
    """The TOML files of a folder that was read before.

    Args:
        had_some: there were files then. They may all be changed, but a folder without any is one
            that is being deployed or mounted, and says nothing.

    Raises:
        SetupError: there are none where there were some.
        OSError: the folder cannot be read.
    """
    files = toml_files(folder, name)
    if had_some and not files:
        raise SetupError(
            "has no file any more" if (folder / name).is_dir() else "is not there any more",
            where=f"{name}/",
            remedy="put its files back.",
        )
    return files


def load_toml(path: Path, kind: type[T], folder: Path) -> T:
    """Decode one TOML file strictly.

    Raises:
        SetupError: unreadable, not TOML, or not of this form.
    """
    name = str(path.relative_to(folder))
    try:
        return msgspec.toml.decode(path.read_bytes(), type=kind)
    except OSError as error:
        raise SetupError(
            f"cannot be read: {error.strerror}", where=name, remedy="check its permissions."
        ) from None
    except msgspec.ValidationError as error:
        raise _located(str(error), name, kind) from None
    except msgspec.DecodeError as error:
        raise SetupError(
            f"is not TOML: {error}", where=name, remedy="mend the line that is named."
        ) from None
    except UnicodeDecodeError:
        raise SetupError("is not UTF-8", where=name, remedy="save it as UTF-8.") from None


def _located(message: str, name: str, kind: object) -> SetupError:
    what, _, path = message.partition(" - at ")
    where = f"{name}: {path.strip('`')}" if path else name
    remedy = "give a value of the form that is named."
    if unknown := re.search(r"unknown field `([^`]*)`", what):
        known = sorted(_field_names(kind))
        near = difflib.get_close_matches(unknown[1], known, n=1)
        remedy = (
            f"did you mean `{near[0]}`?"
            if near
            else "remove it; docs/reference/config.md lists the keys."
        )
    elif "missing required field" in what:
        remedy = "add it; docs/reference/config.md describes it."
    return SetupError(what, where=where, remedy=remedy)


def _field_names(kind: object) -> Iterator[str]:
    """All field names of a struct and of the structs inside it."""
    found = msgspec.json.schema(kind)  # walks nested types for us
    for definition in found.get("$defs", {}).values():
        yield from definition.get("properties", {})
