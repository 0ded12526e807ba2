# SPDX-License-Identifier: Apache-2.0
"""用证归因 is checked, not just written down."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.model.agency import Operator
from gateway.model.grant import Permit
from gateway.model.lookup import OperatorReference
from gateway.policy.attribution import PLACEHOLDERS
from tests.unit.policy.scene import PERMITTED, Scene, replace


def operated(id_: str, name: str) -> Scene:
    return PERMITTED.attributed(operator=OperatorReference(id_, name))


def test_a_registered_operator_with_a_purpose_and_a_case_passes() -> None:
    assert isinstance(PERMITTED.decide(), Permit)


@pytest.mark.parametrize(
    ("id_", "name"),
    [
        ("yq-0418", "测试经办"),
        ("yq-0417", "测试乙"),
        ("YQ-0417", "测试经办"),
        ("测试经办", "yq-0417"),
    ],
)
def test_an_operator_is_known_by_id_and_name_together(id_: str, name: str) -> None:
    rule, code, _ = operated(id_, name).refusal()
    assert (rule, code) == ("attribution.operator", "OPERATOR_UNKNOWN")


def test_two_operators_cannot_be_mixed() -> None:
    agency = replace(
        PERMITTED.agency, operators=(Operator("yq-1", "测试甲乙"), Operator("yq-2", "测试丙丁"))
    )
    mixed = operated("yq-1", "测试丙丁").changed(agency=agency)
    assert mixed.rule() == "attribution.operator"


@pytest.mark.parametrize(
    "word",
    [
        *("1", "admin", "test", "123456", "测试", "system", "管理员", "null"),
        *("ADMIN", " Te st ", "ａｄｍｉｎ", "１２３４５６", "测 试", "测\u3000试", "N/A"),
    ],
)
def test_a_placeholder_is_refused_however_it_is_written_even_when_registered(word: str) -> None:
    for operator in (Operator(word, "测试经办"), Operator("yq-0417", word)):
        agency = replace(PERMITTED.agency, operators=(operator,))
        rule, code, detail = operated(operator.id, operator.name).changed(agency=agency).refusal()
        assert (rule, code) == ("attribution.operator_placeholder", "OPERATOR_PLACEHOLDER")
        assert (".id`" in detail) is (operator.id == word)
    rule, code, _ = PERMITTED.attributed(purpose=word).refusal()
    assert (rule, code) == ("attribution.purpose", "PURPOSE_PLACEHOLDER")


@pytest.mark.parametrize(
    "purpose", ["测试设备采购备案", "administration of estates", "1号楼公积金提取"]
)
def test_a_word_that_only_holds_a_placeholder_is_none(purpose: str) -> None:
    assert isinstance(PERMITTED.attributed(purpose=purpose).decide(), Permit)


@pytest.mark.parametrize("purpose", ["", " ", "\u3000\t", "用", "-", "———", "a.", "……。", "()"])
def test_a_purpose_that_says_nothing_is_refused(purpose: str) -> None:
    rule, code, _ = PERMITTED.attributed(purpose=purpose).refusal()
    assert (rule, code) == ("attribution.purpose", "PURPOSE_PLACEHOLDER")


@pytest.mark.parametrize("purpose", ["提取", "退休", "公积金 提取"])
def test_two_characters_can_be_a_purpose(purpose: str) -> None:
    assert isinstance(PERMITTED.attributed(purpose=purpose).decide(), Permit)


@given(st.from_regex(r"[A-Za-z0-9._/-]{4,64}", fullmatch=True))
def test_a_well_formed_case_number_passes(case: str) -> None:
    assert isinstance(PERMITTED.attributed(case=case).decide(), Permit)


@pytest.mark.parametrize(
    "case", ["", "123", "x" * 65, "YQ 0001", "YQ0001\n", "晋阳2026-1", "ＹＱ０００１", "YQ#0001"]
)
def test_a_case_number_of_another_form_is_refused(case: str) -> None:
    rule, code, _ = PERMITTED.attributed(case=case).refusal()
    assert (rule, code) == ("attribution.case", "CASE_MALFORMED")


def test_operator_comes_before_purpose_and_purpose_before_case() -> None:
    wrong = PERMITTED.attributed(purpose="测试", case="?")
    assert wrong.rule() == "attribution.purpose"
    assert wrong.attributed(operator=OperatorReference("yq-9", "测试乙")).rule() == (
        "attribution.operator"
    )


def test_placeholders_are_written_in_the_form_in_which_they_are_compared() -> None:
    assert all(word == "".join(word.casefold().split()) for word in PLACEHOLDERS)
