# SPDX-License-Identifier: Apache-2.0
"""A claim's value need not stand where process lists show it."""

import io

import pytest

from gateway.cli.lookup import _parse_claim, _request
from gateway.errors import RequestError

ATTRIBUTION = {
    "item": "yq-gjj-001",
    "case": "YQ20261122-0001",
    "purpose": "住房公积金提取",
    "operator": {"id": "yq-0417", "name": "测试经办"},
}


def test_a_value_may_stand_in_the_argument() -> None:
    assert _parse_claim("name=测试甲") == ("name", "测试甲")
    assert _parse_claim("name=a=b") == ("name", "a=b")
    assert _parse_claim("name=") == ("name", "")


def test_a_name_alone_takes_a_line_of_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("140303190001020027\nnext\n"))
    assert _parse_claim("mother_id") == ("mother_id", "140303190001020027")
    assert _parse_claim("father_id") == ("father_id", "next")


def test_a_claim_has_a_name() -> None:
    with pytest.raises(RequestError, match="NAME=VALUE"):
        _parse_claim("=测试甲")


@pytest.mark.parametrize(("fields", "operation"), [([], "verify"), (["child_name"], "query")])
def test_claims_beside_fields_are_key_fields_of_a_query(fields: list[str], operation: str) -> None:
    request = _request(
        number="140302190001010017",
        scheme="cn-id",
        certificate="health.birth_certificate",
        fields=fields,
        claims={"mother_id": "140303190001020027"},
        attribution=ATTRIBUTION,
    )
    assert request.operation == operation
