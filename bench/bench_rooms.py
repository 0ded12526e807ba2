# SPDX-License-Identifier: Apache-2.0
"""What policy, cache and sealing cost a request; each answer is asserted before it is timed."""

import asyncio
from datetime import UTC, date, datetime

from pytest_benchmark.fixture import BenchmarkFixture

from gateway.cache.memory import MemoryCache
from gateway.crypto.keys import generate_private_key, load_signer, load_verifier, public_pem
from gateway.crypto.sdjwt import verify_sd_jwt
from gateway.errors import Text
from gateway.exchange.compare import compare_claims
from gateway.model.agency import Agency, Operator
from gateway.model.answer import Found, Sealed
from gateway.model.certificate import CertificateType, Field, Value
from gateway.model.grant import Decision, Deny, Grant, Permit
from gateway.model.holder import Holder
from gateway.model.item import Material, ServiceItem
from gateway.model.lookup import Attribution, HolderReference, LookupRequest, OperatorReference
from gateway.policy.policy import GrantPolicy
from gateway.ports import Cached
from gateway.sealing.sealer import DepartmentSealer

TITLE = Text("Title", "标题")
NAMES = (
    "name",
    "sex_code",
    "birth_date",
    "address",
    "issuer",
    "valid_from",
    "valid_to",
    "person_status",
)
VALUES: dict[str, Value] = dict.fromkeys(NAMES, "测试甲")
IDENTITY = CertificateType(
    name="public_security.identity",
    title=TITLE,
    schemes=("cn-id",),
    fields=tuple(Field(name, TITLE) for name in NAMES),
    ttl_s=600,
    cache_scope="case",
)
HOLDER = Holder("cn-id", "140302190001010017", "测试甲")
ITEM = ServiceItem(
    code="yq-gjj-001",
    name="住房公积金提取（租房）",
    certificate_name="居民身份证",
    item_type="公共服务",
    department="公积金中心（提取科）",
    time_limit="即办",
    materials=(Material("身份证复印件", IDENTITY.name),),
)
AGENCY = Agency(
    "yq-gjj",
    "测试单位",
    operators=tuple(Operator(f"yq-{number:04}", "测试经办") for number in range(1_000)),
)
GRANTS = tuple(
    Grant(
        id=f"grant-{number}",
        version=1,
        agency="yq-gjj" if number == 500 else f"agency-{number}",
        certificate=IDENTITY.name,
        operations=("query", "verify"),
        fields=NAMES,
        items=(ITEM.code,),
        valid_from=date(2026, 1, 1),
        valid_until=date(2026, 12, 31),
        basis="synthetic",
        networks=("10.20.0.0/16",),
    )
    for number in range(1_000)
)
POLICY = GrantPolicy(GRANTS)
PRIVATE = generate_private_key("ecdsa-p256-sha256")
SEALER = DepartmentSealer(
    {"public-security": load_signer(PRIVATE, "ps-2026")},
    {"ps-2026": public_pem(PRIVATE)},
    issuer="https://gateway.example",
    clock=lambda: datetime(2026, 11, 22, 8, tzinfo=UTC),
)


def request(purpose: str) -> LookupRequest:
    return LookupRequest(
        holder=HolderReference("cn-id", HOLDER.number, HOLDER.name),
        certificate=IDENTITY.name,
        attribution=Attribution(
            item=ITEM.code,
            case="YQ20261122-0001",
            purpose=purpose,
            operator=OperatorReference("yq-0417", "测试经办"),
        ),
        fields=("name", "valid_to"),
    )


def decide(asked: LookupRequest) -> Decision:
    return POLICY.decide(
        AGENCY, asked, HOLDER, ITEM, IDENTITY, today=date(2026, 11, 22), address="10.20.30.40"
    )


def seal() -> Sealed:
    return SEALER.seal(IDENTITY, "public-security", Found(VALUES))


def test_decide_permit(benchmark: BenchmarkFixture) -> None:
    asked = request("住房公积金提取")
    assert isinstance(decide(asked), Permit)
    benchmark(decide, asked)


def test_decide_deny(benchmark: BenchmarkFixture) -> None:
    asked = request("测试")
    assert isinstance(decide(asked), Deny)
    benchmark(decide, asked)


def test_cache_key(benchmark: BenchmarkFixture) -> None:
    cache = MemoryCache(max_entries=100_000, max_bytes=500_000_000)

    def key() -> bytes | None:
        return cache.key(
            HOLDER, IDENTITY, agency="yq-gjj", item=ITEM.code, case="YQ1", grant="grant-500@1"
        )

    assert key() == key()
    assert key() is not None
    benchmark(key)


def test_cache_get(benchmark: BenchmarkFixture) -> None:
    cache = MemoryCache(max_entries=100_000, max_bytes=500_000_000)
    sealed = seal()

    async def source() -> Cached:
        return sealed

    async def fill() -> None:
        for number in range(10_000):
            await cache.load(number.to_bytes(32, "big"), IDENTITY, source)

    asyncio.run(fill())
    key = (5_000).to_bytes(32, "big")
    assert cache.get(key, 600) is sealed
    benchmark(cache.get, key, 600)


def test_seal_eight_fields(benchmark: BenchmarkFixture) -> None:
    assert seal().names == tuple(NAMES)
    benchmark(seal)


def test_disclose_two_of_eight_fields(benchmark: BenchmarkFixture) -> None:
    sealed = seal()
    shown = ("name", "valid_to")
    verifiers = {"ps-2026": load_verifier(public_pem(PRIVATE), "ecdsa-p256-sha256")}
    assert set(verify_sd_jwt(SEALER.disclose(sealed, shown), verifiers.get).fields) == set(shown)
    benchmark(SEALER.disclose, sealed, shown)


def test_verify_a_token_with_two_fields(benchmark: BenchmarkFixture) -> None:
    token = SEALER.disclose(seal(), ("name", "valid_to"))
    verifiers = {"ps-2026": load_verifier(public_pem(PRIVATE), "ecdsa-p256-sha256")}
    assert verify_sd_jwt(token, verifiers.get).certificate == IDENTITY.name
    benchmark(verify_sd_jwt, token, verifiers.get)


def test_compare_two_claims(benchmark: BenchmarkFixture) -> None:
    claims: dict[str, Value] = {"name": "测试 甲", "valid_to": "长期"}
    assert compare_claims(claims, VALUES, IDENTITY) == {"name": "match", "valid_to": "mismatch"}
    benchmark(compare_claims, claims, VALUES, IDENTITY)
