# SPDX-License-Identifier: Apache-2.0
"""The five elements 五要素 in the words of four dialects: one attribution, or a clear refusal."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import RequestError
from gateway.model.five_elements import DIALECTS, NAMES, Dialect, parse_five_elements
from gateway.model.lookup import Attribution, OperatorReference
from tests.unit.office.drafts import APPLICANT

OPERATOR = OperatorReference("yq-0417", "测试经办")
POLICE = {
    "SenderId": "C10-00000000",
    "EndUser": {
        "UserCardId": "yq-0417",
        "UserName": "测试经办",
        "UserDept": "140300000000",
        "UserIp": "10.20.30.40",
        "CallReason": "公积金提取核验",
    },
    "RequiredItems": ["XM"],
}
LICENSE = {
    "service_item_code": "yq-gjj-001",
    "service_item_name": "公积金提取",
    "biz_num": "YQ20261122-0001",
    "operator": {
        "account": "yq-0417",
        "name": "测试经办",
        "identity_num": "140302190001010017",
        "role": "经办",
        "service_org_code": "91140300MA0TE01T3N",
        "division_code": "140300",
    },
    "entrust": "WT-2026-07",
}
COUNCIL = {
    "orgName": "公积金中心",
    "username": "yq-0417",
    "itemName": "公积金提取",
    "itemCode": "yq-gjj-001",
    "businessCode": "YQ20261122-0001",
    "UseFor": "公积金提取",
}
FUJIAN = {
    "deptCode": "91140300MA0TE01T3N",
    "operId": "yq-0417",
    "operName": "测试经办",
    "areaCode": "140300",
    "systemName": "窗口系统",
    "taskCode": "yq-gjj-001",
    "projectNo": "YQ20261122-0001",
    "queryCause": "公积金提取",
    "queryResume": "租房",
}
GIVEN = {"item": "yq-gjj-001", "case": "YQ20261122-0001"}


def attribution(**parts: Any) -> Attribution:
    return Attribution("yq-gjj-001", "YQ20261122-0001", **({"operator": OPERATOR} | parts))


@pytest.mark.parametrize(
    ("dialect", "request_", "organisation", "expected"),
    [
        ("police-bus", POLICE, "140300000000",
         attribution(purpose="公积金提取核验", terminal="10.20.30.40")),
        ("license-app", LICENSE, "91140300MA0TE01T3N",
         attribution(purpose="公积金提取", division="140300", mandate="WT-2026-07")),
        ("state-council", COUNCIL, "公积金中心",
         attribution(purpose="公积金提取", operator=OperatorReference("yq-0417", "yq-0417"))),
        ("fujian", FUJIAN, "91140300MA0TE01T3N",
         attribution(purpose="公积金提取；租房", division="140300", terminal="窗口系统")),
    ],
)  # fmt: skip
def test_each_dialect_says_the_same(
    dialect: Dialect, request_: dict[str, Any], organisation: str, expected: Attribution
) -> None:
    found = parse_five_elements(dialect, request_, given=GIVEN)
    assert (found.organisation, found.attribution) == (organisation, expected)


def test_what_a_dialect_has_no_word_for_is_named_as_missing() -> None:
    with pytest.raises(RequestError) as caught:
        parse_five_elements("police-bus", POLICE)
    assert caught.value.detail == (
        "missing: `item` (no word for it in this dialect: give it); "
        "`case` (no word for it in this dialect: give it)"
    )


def test_what_is_given_replaces_nothing() -> None:
    found = parse_five_elements("fujian", FUJIAN, given={"item": "other", "case": "other"})
    assert found.attribution.item == "yq-gjj-001"


@pytest.mark.parametrize("member", ["operId", "projectNo", "queryCause", "taskCode"])
def test_an_identity_number_never_becomes_something_that_is_recorded(member: str) -> None:
    with pytest.raises(RequestError) as caught:
        parse_five_elements("fujian", FUJIAN | {member: APPLICANT.number})
    assert caught.value.code == "ATTRIBUTION_PERSONAL"
    assert member in caught.value.detail
    assert APPLICANT.number not in str(caught.value)


def test_a_value_of_another_form_is_named_in_both_words() -> None:
    with pytest.raises(RequestError) as caught:
        parse_five_elements("fujian", FUJIAN | {"areaCode": "阳泉"})
    assert caught.value.detail == "not of its form: `division` (areaCode)"


@given(
    st.sampled_from(DIALECTS),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=8),
        lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(
            ["EndUser", "operator", "name", "account", "UserName", "itemCode", "operId"]), inner),
        max_leaves=8,
    ),
)  # fmt: skip
def test_whatever_is_sent_is_an_attribution_or_a_refusal(dialect: Dialect, value: Any) -> None:
    request = value if isinstance(value, dict) else {"EndUser": value, "operator": value}
    code = None
    try:
        parse_five_elements(dialect, request, given=GIVEN)
    except RequestError as error:
        code = error.code
    assert code in {None, "BODY_MALFORMED", "ATTRIBUTION_PERSONAL"}


def test_every_dialect_says_who_and_why() -> None:
    for names in NAMES.values():
        assert {"organisation", "operator.id", "operator.name", "purpose"} <= names.keys()
