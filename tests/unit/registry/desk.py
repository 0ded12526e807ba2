# SPDX-License-Identifier: Apache-2.0
"""An adapter whose department is a Python function, for the tests of this room."""

from collections.abc import Awaitable, Callable
from typing import Any, ClassVar

import msgspec

from gateway.model.certificate import CertificateType, Field
from gateway.model.holder import Holder
from gateway.sdk import Adapter, AdapterContext, Deadline, Found, NotFound, Query, Text

NUMBER = "140302190001010017"
OTHER = "140303190001020027"


def certificate(name: str = "desk.note", **changes: Any) -> CertificateType:
    note = CertificateType(
        name=name,
        title=Text("Note", "便条"),
        schemes=("cn-id",),
        fields=(
            Field("id_number", Text("Number", "号码"), "string", "sensitive"),
            Field("name", Text("Name", "姓名")),
            Field("status", Text("Status", "状态"), "code"),
            Field("until", Text("Until", "期限"), "date"),
            Field("month", Text("Month", "月份"), "month"),
            Field("open", Text("Open", "开放"), "boolean"),
            Field("count", Text("Count", "次数"), "integer"),
            Field("sum", Text("Sum", "金额"), "decimal"),
        ),
        holder_field="id_number",
        name_field="name",
    )
    return msgspec.structs.replace(note, **changes)


NOTE = certificate()
FOUND = Found({"id_number": NUMBER, "name": "测试甲"})


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    url: str = "http://desk.example"
    secret: str | None = None
    tries: int = 1


class Desk(Adapter[Settings]):
    plugin: ClassVar[str] = "desk"
    api_version: ClassVar[int] = 1
    certificates: ClassVar[tuple[CertificateType, ...]] = (NOTE,)
    settings_type: ClassVar[type[msgspec.Struct]] = Settings

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self.calls: list[str] = []
        self.answer: Callable[[], Awaitable[object]] = self._found

    async def _found(self) -> object:
        return FOUND

    async def open(self, context: AdapterContext) -> None:
        self.calls.append("open")
        if self.settings.secret is not None:
            context.secret(self.settings.secret)

    async def lookup(self, query: Query, deadline: Deadline) -> Found | NotFound:
        self.calls.append("lookup")
        return await self.answer()  # type: ignore[return-value] # some tests answer nonsense

    async def ping(self) -> None:
        self.calls.append("ping")
        await self.answer()

    async def aclose(self) -> None:
        self.calls.append("aclose")


def query(number: str = NUMBER, name: str | None = None) -> Query:
    return Query(
        holder=Holder("cn-id", number, name),
        certificate=NOTE,
        request_id="r-1",
        agency="yq-gjj",
        operator="yq-0417",
        item="yq-gjj-001",
        case="YQ-1",
        purpose="housing fund withdrawal",
    )
