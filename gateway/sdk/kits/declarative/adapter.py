# SPDX-License-Identifier: Apache-2.0
"""A class from a declaration, to be registered as if it had been written.

In a distribution, beside the module that registers it::

    register(declared_adapter("education", Path(__file__).with_name("adapter.toml")))

or, where a method is to be added, as a base::

    class CivilAffairs(DeclaredAdapter):
        plugin = "civil_affairs"
        declaration = read_declaration(Path(__file__).with_name("adapter.toml"))

In a site, `adapters/<name>.toml` has `plugin = "declarative"` and the declaration itself under
`[declarative]`; the gateway calls `declared_in_site`.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Final

import msgspec

from gateway.errors import SetupError
from gateway.model.answer import Found, NotFound
from gateway.sdk.adapter import Adapter, AdapterContext, Deadline, Query
from gateway.sdk.kits.declarative.declaration import (
    Declaration,
    Kind,
    check_declaration,
    decode_declaration,
)
from gateway.sdk.kits.declarative.questions import (
    FileQuestions,
    FileSettings,
    HttpQuestions,
    Questions,
    SqlQuestions,
    SqlSettings,
)
from gateway.sdk.kits.http_settings import HttpSettings

#: `plugin = ` of a site's own declarations.
PLUGIN: Final = "declarative"

_SETTINGS: Final[Mapping[Kind, type[msgspec.Struct]]] = {
    "http": HttpSettings,
    "sql": SqlSettings,
    "file": FileSettings,
}
_QUESTIONS: Final[Mapping[Kind, Any]] = {
    "http": HttpQuestions,
    "sql": SqlQuestions,
    "file": FileQuestions,
}


class DeclaredAdapter(Adapter[Any]):
    """Base of classes that are made from declarations.

    Attributes:
        declaration: what the class is made from; everything else that an adapter class sets, but
            `plugin`, follows from it.
        made_from: the declaration as JSON, of a class that stands in no module; `remade` makes it
            again in another process.
        questions: how the department is asked, after `open`.
    """

    declaration: ClassVar[Declaration]
    made_from: ClassVar[str | None] = None

    def __init_subclass__(cls) -> None:
        """Take from the declaration what the contract asks of a class."""
        declared = cls.declaration
        cls.api_version = declared.api_version
        cls.department = declared.department
        cls.certificates = tuple(certificate.type() for certificate in declared.certificates)
        cls.settings_type = _SETTINGS[declared.kind]

    def __init__(self, settings: Any) -> None:
        super().__init__(settings)
        self.questions: Questions | None = None

    async def open(self, context: AdapterContext) -> None:
        """Build what asks; connects to nothing."""
        make = _QUESTIONS[self.declaration.kind]
        self.questions = make(self.declaration, self.settings, context)
        assert self.questions is not None
        await self.questions.open()

    async def lookup(self, query: Query, deadline: Deadline) -> Found | NotFound:
        """Ask as declared."""
        assert self.questions is not None, "open() comes first"
        return await self.questions.lookup(query, deadline)

    async def ping(self) -> None:
        """Ask as declared."""
        assert self.questions is not None, "open() comes first"
        await self.questions.ping()

    async def aclose(self) -> None:
        """Release everything."""
        if self.questions is not None:
            await self.questions.aclose()


def declared_adapter(plugin: str, file: Path) -> type[DeclaredAdapter]:
    """The class of a declaration that a distribution brings.

    Args:
        plugin: name of the entry point.
        file: the declaration.

    Raises:
        SetupError: names file, key and remedy.
    """
    return _make(plugin, read_declaration(file))


def read_declaration(file: Path) -> Declaration:
    """Read a declaration that a distribution brings.

    Raises:
        SetupError: names file, key and remedy.
    """
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        raise SetupError(
            "cannot be read", where=file.name, remedy="install the distribution again."
        ) from None
    return decode_declaration(text, file.name)


def declared_in_site(members: object, where: str) -> type[DeclaredAdapter]:
    """The class of a declaration that stands in a site's adapters/<name>.toml.

    Args:
        members: its table `[declarative]`.
        where: file and table, for messages.

    Raises:
        SetupError: names key and remedy.
    """
    return _make(PLUGIN, check_declaration(members, where))


def remade(made_from: str) -> type[DeclaredAdapter]:
    """The same class once more, for a process that cannot import it."""
    return _make(PLUGIN, msgspec.json.decode(made_from, type=Declaration))


def _make(plugin: str, declaration: Declaration) -> type[DeclaredAdapter]:
    members = {
        "__doc__": declaration.description,
        "__module__": __name__,
        "plugin": plugin,
        "declaration": declaration,
        "made_from": msgspec.json.encode(declaration).decode(),
    }
    made = type("Declared", (DeclaredAdapter,), members)
    assert issubclass(made, DeclaredAdapter)
    return made
