# SPDX-License-Identifier: Apache-2.0
"""A corridor with real rooms where they are pure, and a log and a department that do as told."""

import asyncio
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from typing import Any

import msgspec

from gateway.admission.rate import AgencyLimits
from gateway.cache.memory import MemoryCache
from gateway.catalog.catalog import ItemCatalog
from gateway.crypto.digest import sha256
from gateway.crypto.identity import EpochCipher
from gateway.crypto.keys import generate_private_key, load_signer, public_pem
from gateway.errors import AuditError
from gateway.exchange.lookup import Lookup
from gateway.exchange.reply import Reply
from gateway.httpsig import (
    SignedRequest,
    content_digest,
    parse_request_signature,
    request_signature_headers,
)
from gateway.model.agency import Agency, Operator
from gateway.model.answer import Found, NotFound, Verified
from gateway.model.certificate import CertificateType, Field
from gateway.model.entry import Entry, parse_entry
from gateway.model.grant import Decision, Grant
from gateway.model.item import ServiceItem
from gateway.model.limits import LimitsSection
from gateway.model.material import Material
from gateway.office_port import CaseGate, Ladder
from gateway.policy.policy import GrantPolicy
from gateway.ports import (
    AccessPolicy,
    AdapterDirectory,
    Appended,
    AuditLog,
    Caller,
    Claim,
    Epochs,
    Held,
    Verdict,
)
from gateway.sdk import Deadline, Query, Text
from gateway.sealing.sealer import DepartmentSealer

NUMBER = "140302190001010017"
NAME = "测试甲"
CIPHER = EpochCipher("2026-11", bytes(32))


class Month(Epochs):
    """An epoch that a test may change."""

    def __init__(self) -> None:
        self.current = CIPHER


NOW = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)
IDENTITY = CertificateType(
    name="public_security.identity",
    title=Text("identity", "身份"),
    schemes=("cn-id",),
    fields=(
        Field("id_number", Text("number", "号码"), sensitivity="sensitive"),
        Field("name", Text("name", "姓名")),
        Field("valid_to", Text("valid to", "有效期止"), "date"),
    ),
    ttl_s=600,
    cache_scope="case",
    holder_field="id_number",
    name_field="name",
)
RECORD = Found({"id_number": NUMBER, "name": NAME, "valid_to": "2099-01-01"})
ITEM = ServiceItem(
    code="yq-gjj-001",
    name="提取",
    certificate_name="居民身份证",
    item_type="公共服务",
    department="公积金中心",
    time_limit="即办",
    materials=(Material("身份证复印件", "public_security.identity"),),
)
GRANT = Grant(
    id="yq-gjj",
    version=3,
    agency="yq-gjj",
    certificate="public_security.identity",
    operations=("query", "verify"),
    fields=("name", "valid_to"),
    items=("yq-gjj-001",),
    valid_from=date(2026, 1, 1),
    valid_until=date(2026, 12, 31),
    basis="依据",
    daily_cap=100,
)
AGENCY = Agency("yq-gjj", "公积金中心", operators=(Operator("yq-0417", "测试经办"),))


class Log(AuditLog):
    """Remembers entries; gives the verdict, or fails, as told."""

    origin = "test/log"

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.lines: list[bytes] = []
        self.claims: list[Claim] = []
        self.verdict: Verdict | None = None
        self.fails = False
        self.remaining_s = self.claimed_within_s = 0.0

    async def claim(self, claim: Claim, deadline: Deadline) -> Held | Verdict:
        if self.fails:
            raise AuditError("AUDIT_UNAVAILABLE")
        self.claimed_within_s = deadline.remaining_s
        self.claims.append(claim)
        return self.verdict or Held(1)

    async def append(
        self, entry: bytes, deadline: Deadline, *, claim: Claim | None, held: Held | None = None
    ) -> Appended | Verdict:
        raise NotImplementedError  # the corridor has no use for it

    def append_soon(
        self,
        entry: bytes,
        deadline: Deadline,
        done: Callable[[Appended | Verdict | AuditError], None],
        *,
        claim: Claim | None,
        held: Held | None = None,
    ) -> None:
        if self.fails:
            done(AuditError("AUDIT_UNAVAILABLE"))
        else:
            done(self._take(entry, deadline, claim, held))

    def _take(
        self, entry: bytes, deadline: Deadline, claim: Claim | None, held: Held | None
    ) -> Appended | Verdict:
        self.remaining_s = deadline.remaining_s
        if claim is not None and held is None:
            self.claims.append(claim)
            if self.verdict is not None:
                return self.verdict
        self.lines.append(entry)
        self.entries.append(parse_entry(entry))
        return Appended(len(self.entries) - 1)


class Department(AdapterDirectory):
    """One department that answers, or raises, as told."""

    certificates: Mapping[str, CertificateType] = {}

    def __init__(self, certificate: CertificateType = IDENTITY) -> None:
        self.certificates = {certificate.name: certificate}
        self.serves: str | None = None
        self.answer: Found | NotFound | Exception = RECORD
        self.verified: Verified | NotFound | Exception | None = None
        self.compares = False
        self.queries: list[Query] = []
        self.delay_s = 0.0

    def adapter_of(self, certificate: str, division: str | None) -> str | None:
        return "public_security" if self.serves in {None, division} else None

    def certificates_of(self, adapter: str) -> frozenset[str]:
        return frozenset(self.certificates if adapter == "public_security" else ())

    def verifies(self, adapter: str) -> bool:
        return self.compares

    async def lookup(self, query: Query, deadline: Deadline) -> Found | NotFound:
        self.queries.append(query)
        await asyncio.sleep(self.delay_s)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    async def verify(self, query: Query, deadline: Deadline) -> Verified | NotFound | None:
        self.queries.append(query)
        if isinstance(self.verified, Exception):
            raise self.verified
        return self.verified

    async def health(self) -> Mapping[str, str]:
        return {}


class ChangingPolicy(AccessPolicy):
    """One grant, which a test may change; counts what it has to decide."""

    def __init__(self, grant: Grant) -> None:
        self.rules = GrantPolicy([grant])
        self.decided_count = 0

    @property
    def version(self) -> object:
        return self.rules

    def decide(self, *args: Any, **named: Any) -> Decision:
        self.decided_count += 1
        return self.rules.decide(*args, **named)


class Corridor:
    """`ask` walks it once."""

    def __init__(
        self,
        grant: Grant = GRANT,
        *,
        certificate: CertificateType = IDENTITY,
        departments: AdapterDirectory | None = None,
        limits: LimitsSection | None = None,
        x509_required: bool = False,
        cases: CaseGate | None = None,
        ladder: Ladder | None = None,
    ) -> None:
        self.now_ns = 0
        self.now_s = NOW.timestamp()
        self.address = "127.0.0.1"
        self.cache_clock_s = 0.0
        self.log = Log()
        self.department = Department(certificate)
        self.epochs = Month()
        self.faults: list[BaseException] = []
        self._key = generate_private_key("ecdsa-p256-sha256")
        seal = generate_private_key("ecdsa-p256-sha256")
        self.policy = ChangingPolicy(grant)
        self.cache = MemoryCache(
            max_entries=100, max_bytes=1 << 20, clock_s=lambda: self.cache_clock_s
        )
        self.lookup = Lookup(
            catalog=ItemCatalog([ITEM]),
            policy=self.policy,
            cache=self.cache,
            departments=departments or self.department,
            sealer=DepartmentSealer(
                {"public_security": load_signer(seal, "seal")},
                {"seal": public_pem(seal)},
                issuer="https://gateway.example",
                clock=lambda: NOW,
            ),
            audit=self.log,
            limits=AgencyLimits(limits or LimitsSection(), workers=1, clock_ns=lambda: self.now_ns),
            epochs=self.epochs,
            clock_s=lambda: self.now_s,
            utc_offset_h=8,
            nonce_life_s=65,
            x509_required=x509_required,
            cases=cases,
            ladder=ladder,
            on_fault=self.faults.append,
        )

    async def ask(
        self, body: bytes | None = None, *, deadline_s: float = 5.0, **changes: Any
    ) -> tuple[Reply, dict[str, Any]]:
        content = request_body(**changes) if body is None else body
        deadline = Deadline.after(deadline_s)
        reply = await self.lookup(self.caller(content), "r" * 32, content, deadline)
        return reply, msgspec.json.decode(reply.body)

    def caller(self, body: bytes) -> Caller:
        lines = {
            "content-type": ("application/json",),
            "content-digest": (content_digest(body),),
        }
        request = SignedRequest(
            method="POST",
            authority="127.0.0.1:8080",
            path="/v1/lookups",
            query="?",
            lines=lambda name: lines.get(name, ()),
            has_body=True,
        )
        added = request_signature_headers(
            request,
            signer=load_signer(self._key, "yq-gjj-p256"),
            created=int(NOW.timestamp()),
            nonce="A" * 24,
        )
        lines |= {name.lower(): (value,) for name, value in added.items()}
        return Caller(AGENCY, parse_request_signature(request), sha256(body), self.address)


def request_body(**changes: Any) -> bytes:
    """A permitted query; `attribution__x` changes a member of `attribution`."""
    attribution = {
        "item": "yq-gjj-001",
        "case": "YQ20261122-0001",
        "purpose": "住房公积金提取",
        "operator": {"id": "yq-0417", "name": "测试经办"},
    }
    for name in [name for name in changes if name.startswith("attribution__")]:
        attribution[name.removeprefix("attribution__")] = changes.pop(name)
    request = {
        "holder": {"scheme": "cn-id", "number": NUMBER},
        "certificate": IDENTITY.name,
        "fields": ["name"],
        "attribution": attribution,
    }
    return msgspec.json.encode(request | changes)
