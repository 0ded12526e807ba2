# SPDX-License-Identifier: Apache-2.0
"""Who may share an answer with whom."""

from collections.abc import Mapping
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.cache.key import TAG_BYTES, cache_key, holder_tag
from gateway.crypto.digest import KeyedHash
from gateway.errors import Text
from gateway.model.certificate import CacheScope, CertificateType
from gateway.model.holder import Holder

SECRET = bytes(32)
ASKED: dict[str, str | None] = {
    "scheme": "cn-id",
    "number": "140302190001010017",
    "name": "测试甲",
    "certificate": "public_security.identity",
    "agency": "yq-gjj",
    "item": "yq-gjj-001",
    "case": "YQ20261122-0001",
    "grant": "yq-gjj@3",
    "adapter": "public_security",
    "mother_id": "140303190001020027",
}
ALWAYS = {"scheme", "number", "name", "certificate", "adapter", "mother_id"}
PARTS: dict[CacheScope, set[str]] = {
    "case": ALWAYS | {"agency", "item", "case", "grant"},
    "agency_purpose": ALWAYS | {"agency", "item", "grant"},
    "public": ALWAYS,
}


def key(
    scope: CacheScope,
    ttl_s: int = 600,
    secret: bytes = SECRET,
    changed: Mapping[str, str | None] | None = None,
) -> bytes | None:
    asked = {**ASKED, **(changed or {})}
    certificate = CertificateType(
        name=asked["certificate"] or "",
        title=Text("Certificate", "证照"),
        schemes=("cn-id",),
        fields=(),
        ttl_s=ttl_s,
        cache_scope=scope,
    )
    return cache_key(
        KeyedHash(secret),
        Holder(
            "cn-uscc" if asked["scheme"] == "cn-uscc" else "cn-id",
            asked["number"] or "",
            asked["name"],
        ),
        certificate,
        agency=asked["agency"] or "",
        item=asked["item"] or "",
        case=asked["case"] or "",
        grant=asked["grant"] or "",
        adapter=asked["adapter"] or "",
        keys={"mother_id": asked["mother_id"]},
    )


@pytest.mark.parametrize("scope", PARTS)
@pytest.mark.parametrize("part", ASKED)
def test_a_part_tells_keys_apart_exactly_when_the_scope_asks_for_it(
    scope: CacheScope, part: str
) -> None:
    other = "cn-uscc" if part == "scheme" else "another"
    assert (key(scope) != key(scope, changed={part: other})) is (part in PARTS[scope])


@pytest.mark.parametrize("scope", PARTS)
def test_equal_questions_have_equal_keys_of_32_bytes(scope: CacheScope) -> None:
    one = key(scope)
    assert one == key(scope)
    assert one is not None
    assert len(one) == 32


def test_scopes_never_share_keys() -> None:
    assert all(key(one) != key(other) for one, other in combinations(PARTS, 2))


def test_without_a_scope_or_without_a_time_to_live_there_is_no_key() -> None:
    assert key("never") is None
    assert all(key(scope, ttl_s=0) is None for scope in PARTS)


def test_another_process_has_other_keys() -> None:
    assert key("public") != key("public", secret=b"\x01" * 32)


def test_no_name_is_not_the_empty_name() -> None:
    assert key("public", changed={"name": None}) != key("public", changed={"name": ""})


@given(st.text(max_size=8), st.text(min_size=1, max_size=4), st.text(max_size=8))
def test_text_cannot_move_from_one_part_to_the_next(left: str, moved: str, right: str) -> None:
    one = key("case", changed={"item": left + moved, "case": right})
    assert one != key("case", changed={"item": left, "case": moved + right})


def test_a_key_holds_nothing_of_the_holder() -> None:
    one = key("public")
    assert one is not None
    assert b"14030219" not in one


def test_a_key_begins_with_the_tag_of_its_holder_and_certificate() -> None:
    tag = holder_tag(KeyedHash(SECRET), "public_security.identity", "cn-id", "140302190001010017")
    for scope in PARTS:
        one, other = key(scope), key(scope, changed={"name": None})
        assert one is not None
        assert other is not None
        assert one[:TAG_BYTES] == other[:TAG_BYTES] == tag


@pytest.mark.parametrize("part", ["scheme", "number", "certificate"])
def test_another_holder_or_certificate_has_another_tag(part: str) -> None:
    one = key("public")
    other = key("public", changed={part: "cn-uscc" if part == "scheme" else "another"})
    assert one is not None
    assert other is not None
    assert one[:TAG_BYTES] != other[:TAG_BYTES]
