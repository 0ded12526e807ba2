# SPDX-License-Identifier: Apache-2.0
"""A window for plans: an item of ten materials, a case, departments that do as they are told."""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Literal, cast

import msgspec

from gateway.admission.rate import AgencyLimits
from gateway.audit.cases import CaseActs
from gateway.cache.memory import MemoryCache
from gateway.calendars import load_working_days
from gateway.catalog.catalog import ItemCatalog
from gateway.crypto.keys import generate_private_key, load_signer, public_pem
from gateway.crypto.office import OfficeCipher
from gateway.errors import AuditError
from gateway.exchange.lookup import Lookup
from gateway.exchange.materials import Materials
from gateway.exchange.reply import Reply
from gateway.model.act import Act
from gateway.model.answer import Found, NotFound, Verified
from gateway.model.case import Party
from gateway.model.certificate import CertificateType, Field
from gateway.model.entry import Entry
from gateway.model.grant import Grant
from gateway.model.holder import Holder
from gateway.model.item import ServiceItem, Situation
from gateway.model.limits import LimitsSection
from gateway.model.material import Commitment, Deferral, Material
from gateway.model.office_section import OrdersSection
from gateway.model.record import parse_record
from gateway.office.cases import SqliteCaseBook
from gateway.office.commitments import CommitmentBook
from gateway.office.deferrals import SqliteDeferralBook
from gateway.office.obtained import ObtainedBook
from gateway.office.order_book import SqliteOrderBook
from gateway.office.store import OfficeStore
from gateway.policy.cases import CasePolicy
from gateway.policy.policy import GrantPolicy
from gateway.ports import AdapterDirectory, Appended, AuditLog, Caller, Claim, Held, Verdict
from gateway.sdk import Deadline, Query, Text
from gateway.sealing.sealer import DepartmentSealer
from tests.unit.exchange.rooms import AGENCY, GRANT, NOW, NUMBER, Corridor, Month
from tests.unit.office.drafts import CASE, SPOUSE, draft

CHILDREN = (Holder("cn-id", "110105194912310046"), Holder("cn-id", "11010519491231002X"))
CERTIFICATES = ("a.identity", "a.account", "b.marriage", "b.title", "c.degree", "c.birth")
#: Of a family's: materials that a department is asked about, once for each child.
MOST_AT_ONCE = 8
PROMISE = "本人承诺补交。"
DEFERRAL = Deferral(due_working_days=2, promise=PROMISE)
COMMITMENT = Commitment("本人承诺属实。", 30, ("有不良信用记录的申请人",))
ITEM = ServiceItem(
    code="yq-gjj-001",
    name="提取",
    certificate_name="居民身份证",
    item_type="公共服务",
    department="公积金中心",
    time_limit="3个工作日",
    materials=(
        Material("身份证", "a.identity", fields=("name",)),
        Material("缴存证明", "a.account", operation="verify", fields=("name",)),
        Material(
            "结婚证", "b.marriage", fields=("name",), deferral=DEFERRAL, commitment=COMMITMENT
        ),
        Material("产权证", "b.title", fields=("name",), commitment=COMMITMENT),
        Material("学历", "c.degree", fields=("name",), necessity="optional"),
        Material("配偶身份证", "a.identity", fields=("name",), holder="spouse"),
        Material("出生证明", "c.birth", fields=("name",), holder="child"),
        Material("发票", deferral=DEFERRAL),
        Material("未婚声明", commitment=COMMITMENT),
        Material("照片"),
    ),
    situations=(
        Situation("married", "已婚", ("结婚证", "配偶身份证")),
        Situation("single", "未婚", ("未婚声明",)),
    ),
)
Answer = Found | NotFound | Exception


def certificate(name: str) -> CertificateType:
    return CertificateType(
        name=name,
        title=Text(name, name),
        schemes=("cn-id",),
        fields=(Field("id_number", Text("number", "号码")), Field("name", Text("name", "姓名"))),
        ttl_s=600,
        cache_scope="case",
        holder_field="id_number",
    )


class Log(AuditLog):
    """Entries and acts as they come; a nonce counts once, and a cap as often as it says."""

    origin = "test/log"

    def __init__(self) -> None:
        self.lines: list[bytes] = []
        self.claims: list[Claim] = []
        self.refused: dict[str, Verdict] = {}
        self.fails_at: int | None = None
        self.generation = 1
        self.on_append: Callable[[], None] = lambda: None

    @property
    def entries(self) -> list[Entry]:
        return [each for each in map(parse_record, self.lines) if isinstance(each, Entry)]

    @property
    def acts(self) -> list[Act]:
        return [each for each in map(parse_record, self.lines) if isinstance(each, Act)]

    async def claim(self, claim: Claim, deadline: Deadline) -> Held | Verdict:
        if claim.quota is not None and claim.quota.grant in self.refused:
            return self.refused[claim.quota.grant]
        if any(each.nonce == claim.nonce for each in self.claims):
            return "replayed"
        self.claims.append(claim)
        return Held(self.generation)

    async def append(
        self, entry: bytes, deadline: Deadline, *, claim: Claim | None, held: Held | None = None
    ) -> Appended | Verdict:
        await asyncio.sleep(0)
        self.on_append()
        if self.fails_at is not None and len(self.lines) >= self.fails_at:
            raise AuditError("AUDIT_UNAVAILABLE")
        if claim is not None and (held is None or held.generation != self.generation):
            decided = await self.claim(claim, deadline)
            if not isinstance(decided, Held):
                return decided
        self.lines.append(entry)
        return Appended(len(self.lines) - 1)

    def append_soon(
        self,
        entry: bytes,
        deadline: Deadline,
        done: Callable[[Appended | Verdict | AuditError], None],
        *,
        claim: Claim | None,
        held: Held | None = None,
    ) -> None:
        async def write() -> None:
            try:
                done(await self.append(entry, deadline, claim=claim, held=held))
            except AuditError as error:
                done(error)

        self._writing = asyncio.create_task(write())


class Departments(AdapterDirectory):
    """Each certificate's department, by the part before its dot."""

    certificates: Mapping[str, CertificateType] = {name: certificate(name) for name in CERTIFICATES}

    def __init__(self) -> None:
        self.answers: dict[str, Answer] = {}
        self.hanging: set[str] = set()
        self.queries: list[Query] = []
        self.at_once = self.most_at_once = 0
        self.all_asked = asyncio.Event()

    def adapter_of(self, certificate: str, division: str | None) -> str | None:
        return self.certificates[certificate].name.partition(".")[0]  # as the real one: no guess

    def certificates_of(self, adapter: str) -> frozenset[str]:
        return frozenset(name for name in CERTIFICATES if name.startswith(f"{adapter}."))

    def verifies(self, adapter: str) -> bool:
        return False

    async def lookup(self, query: Query, deadline: Deadline) -> Found | NotFound:
        self.queries.append(query)
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        if self.at_once == MOST_AT_ONCE:
            self.all_asked.set()
        try:
            await asyncio.sleep(3600 if query.certificate.name in self.hanging else 0.001)
        finally:
            self.at_once -= 1
        number = query.holder.number
        answer = self.answers.get(
            query.certificate.name, Found({"id_number": number, "name": "测试甲"})
        )
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def verify(self, query: Query, deadline: Deadline) -> Verified | NotFound | None:
        raise NotImplementedError  # `verifies` said so

    async def health(self) -> Mapping[str, str]:
        return {}


class Counter:
    """A window at which all materials of a case are asked for."""

    def __init__(
        self, folder: Path, *, granted: Iterable[str] = CERTIFICATES, item: ServiceItem = ITEM
    ) -> None:
        self.store = OfficeStore.open(folder)
        self.book = SqliteCaseBook(self.store, OfficeCipher(b"o" * 32), clock_s=NOW.timestamp)
        self.deferrals = SqliteDeferralBook(
            self.store, OfficeCipher(b"o" * 32), clock_s=NOW.timestamp
        )
        self.orders = SqliteOrderBook(
            self.store, OfficeCipher(b"o" * 32), OrdersSection(), keep_s=60, clock_s=NOW.timestamp
        )
        self.commitments = CommitmentBook(
            self.store,
            days=load_working_days(None),
            exclusion_years=3,
            clock=lambda: NOW,
            utc_offset_h=8,
        )
        self.log, self.departments, self.faults = Log(), Departments(), list[BaseException]()
        self.deadline_s = 5.0
        self._signed = Corridor()
        self._count = 0
        seals = {name: generate_private_key("ecdsa-p256-sha256") for name in "abc"}
        catalog, epochs = ItemCatalog([item]), Month()
        limits = AgencyLimits(LimitsSection(), workers=1)
        lookup = Lookup(
            catalog=catalog,
            policy=GrantPolicy([_grant(name) for name in granted]),
            cache=MemoryCache(max_entries=100, max_bytes=1 << 20, clock_s=lambda: 0.0),
            departments=self.departments,
            sealer=DepartmentSealer(
                {name: load_signer(key, name) for name, key in seals.items()},
                {name: public_pem(key) for name, key in seals.items()},
                issuer="https://gateway.example",
                clock=lambda: NOW,
            ),
            audit=self.log,
            limits=limits,
            epochs=epochs,
            clock_s=NOW.timestamp,
            utc_offset_h=8,
            nonce_life_s=65,
            cases=CasePolicy(
                self.book, registration="required", within_minutes=30, clock_s=NOW.timestamp
            ),
            on_fault=self.faults.append,
        )
        self.lookup = lookup
        self.materials = Materials(
            lookup=lookup,
            log=CaseActs(self.log, epochs=epochs, clock=lambda: NOW, nonce_life_s=65),
            book=self.book,
            commitments=self.commitments,
            deferrals=self.deferrals,
            catalog=catalog,
            departments=self.departments,
            limits=limits,
            obtained=ObtainedBook(self.store, clock_s=NOW.timestamp),
            days=load_working_days(None),
            clock=lambda: NOW,
            utc_offset_h=8,
            nonce_life_s=65,
            on_fault=self.faults.append,
        )

    async def register(
        self, *others: tuple[str, Holder], situation: str | None = "married"
    ) -> None:
        parties = [Party("applicant", Holder("cn-id", NUMBER))]
        parties += [Party(cast(Literal["spouse", "child"], role), one) for role, one in others]
        made = draft(parties=tuple(parties), situation=situation)
        await self.book.register(made, Deadline.after(5))

    async def register_family(self) -> None:
        await self.register(("spouse", SPOUSE), *(("child", child) for child in CHILDREN))

    def caller(self, body: bytes) -> Caller:
        """Each has a nonce of its own."""
        caller, self._count = self._signed.caller(body), self._count + 1
        signature = msgspec.structs.replace(caller.signature, nonce=f"{self._count:024}")
        return msgspec.structs.replace(caller, signature=signature)

    async def send(self, caller: Caller, body: bytes) -> Reply:
        request_id = f"{len(self.log.lines):032x}"
        return await self.materials(caller, request_id, body, Deadline.after(self.deadline_s))

    async def ask(self, **changes: Any) -> tuple[Reply, dict[str, Any]]:
        body = body_of(**changes)
        reply = await self.send(self.caller(body), body)
        return reply, msgspec.json.decode(reply.body)

    async def outcomes(self, **changes: Any) -> dict[str, str]:
        """By material, of the applicant's and the spouse's."""
        _, said = await self.ask(**changes)
        return {each["material"]: each["outcome"] for each in said["materials"]}


def _grant(name: str) -> Grant:
    cap = 100 if name == "a.identity" else None
    return msgspec.structs.replace(
        GRANT, id=f"g-{name}", certificate=name, fields=("id_number", "name"), daily_cap=cap
    )


def body_of(**changes: Any) -> bytes:
    """A request; `attribution__x` changes a member of `attribution`."""
    attribution = {
        "item": ITEM.code,
        "case": CASE,
        "purpose": "住房公积金提取",
        "operator": {"id": AGENCY.operators[0].id, "name": AGENCY.operators[0].name},
    }
    for name in [name for name in changes if name.startswith("attribution__")]:
        attribution[name.removeprefix("attribution__")] = changes.pop(name)
    claims = {"缴存证明": {"name": "测试甲"}}
    return msgspec.json.encode({"attribution": attribution, "claims": claims} | changes)
