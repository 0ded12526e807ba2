# SPDX-License-Identifier: Apache-2.0
"""Citizen numbers and credit codes: what passes, what fails by which check, what is normalised.

The numbers are synthetic, but for the examples printed in the two standards.
"""

from datetime import date, timedelta

import pytest
from rich.pretty import pretty_repr

from gateway.errors import RequestError
from gateway.model.ids import (
    REASONS,
    IdCheck,
    check_cn_id,
    check_cn_uscc,
    cn_id_check_digit,
    normalise_name,
    parse_holder,
)
from gateway.model.lookup import HolderReference

TODAY = date(2026, 11, 22)
CITIZEN = "140302190001010017"
FIRM = "91140300MA0TE0T12P"


def check_id(text: str) -> IdCheck:
    return check_cn_id(text, today=TODAY)


# ---- citizen numbers ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "number",
    [
        CITIZEN,
        "140303190001020027",
        "14031119010203003X",
        "140321190203040045",
        "140322190402290051",  # 1904 has a leap day
        "140105190505050061",
        "140106190606060070",
        "830000190707070083",  # residence permit of Taiwan residents
        "11010519491231002X",  # printed in the standard
        "440524188001010014",  # printed in the standard
    ],
)
def test_valid_citizen_numbers_pass(number: str) -> None:
    assert check_id(number).reason is None
    assert check_id(number).number == number
    assert cn_id_check_digit(number[:17]) == number[17]


@pytest.mark.parametrize(
    ("number", "reason"),
    [
        ("140302190001010016", "check_digit"),
        ("140303190001020207", "check_digit"),  # two digits transposed
        ("140302190002290014", "birth_date"),  # 1900 has no leap day
        ("140302190013010014", "birth_date"),
        ("140302299901010011", "birth_future"),
        ("999999190001010015", "region"),
        ("000000190001010017", "region"),
        ("14030219000101001", "length"),
        ("140302000101001", "legacy_15"),
        ("14O302190001010017", "alphabet"),
    ],
)
def test_invalid_citizen_numbers_fail_by_the_check_that_is_wrong(number: str, reason: str) -> None:
    assert check_id(number) == IdCheck(number, reason)


@pytest.mark.parametrize(
    ("number", "reason"),
    [
        ("", "length"),
        ("1403021900010100170", "length"),
        ("14030X190001010017", "alphabet"),
        ("14030219000101001Y", "alphabet"),
        ("१४०३०२१९०००१०१००१७", "alphabet"),  # digits, but not of this alphabet
        ("140302000001010018", "birth_date"),  # the year 0000
        ("911124190001010017", "region"),  # a foreigner's permanent residence card
        ("99O302190013010014", "alphabet"),  # the first failure is the one reported
        ("990302190013010014", "region"),
        ("140302299913010014", "birth_date"),
        ("140302299901010010", "birth_future"),
    ],
)
def test_checks_run_in_their_documented_order(number: str, reason: str) -> None:
    assert check_id(number).reason == reason


@pytest.mark.parametrize("province", ["71", "81", "82", "83"])
def test_numbers_of_taiwan_hong_kong_and_macao_pass(province: str) -> None:
    body = f"{province}000019000101001"
    assert check_id(body + cn_id_check_digit(body)) == IdCheck(body + cn_id_check_digit(body))


def test_somebody_may_be_born_today_but_not_tomorrow() -> None:
    for days, reason in ((0, None), (1, "birth_future")):
        body = f"140302{TODAY + timedelta(days=days):%Y%m%d}001"
        assert check_id(body + cn_id_check_digit(body)).reason == reason


def test_great_age_is_a_warning_from_the_131st_birthday_on() -> None:
    assert check_id("440524188001010014").warnings == ("age_over_130",)
    body = "14030218960229001"
    number = body + cn_id_check_digit(body)
    for today, warnings in (
        (date(2027, 2, 28), ()),
        (date(2027, 3, 1), ("age_over_130",)),
    ):
        assert check_cn_id(number, today=today).warnings == warnings


@pytest.mark.parametrize(
    ("region", "warnings"),
    [
        ("140302", ()),
        ("140300", ()),
        ("140105", ()),  # a city whose counties are not in the table
        ("142301", ()),  # a prefecture of former days
        ("140000", ()),
        ("110199", ()),  # no table for this province
        ("140399", ("county_unknown",)),
        ("149901", ("county_unknown",)),
        ("141201", ("county_unknown",)),
        ("140001", ("county_unknown",)),
    ],
)
def test_an_unknown_county_of_shanxi_is_a_warning(region: str, warnings: tuple[str, ...]) -> None:
    body = f"{region}19000101001"
    assert check_id(body + cn_id_check_digit(body)) == IdCheck(
        body + cn_id_check_digit(body), None, warnings
    )


# ---- unified social credit codes ----------------------------------------------------------------


@pytest.mark.parametrize(
    "code",
    [
        FIRM,
        "92140311MA0DEM128E",
        "93140321MA0CXXP31E",
        "111403000000TE04XY",
        "121403020000DE050B",
        "511400005000TE062J",
        "52140300MJ00TE073X",
        "91350100M000100Y43",  # printed in the standard
        "Y1140300MB00TE082N",
    ],
)
def test_valid_credit_codes_pass(code: str) -> None:
    assert check_cn_uscc(code) == IdCheck(code)


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("91140300MA0TE0T12Q", "check_digit"),
        ("91140300MA0TE0T10H", "organisation_check"),
        ("Q1140300MA0TE0T128", "authority"),
        ("91140300MA0TE0T12", "length"),
        ("91140300MAOTE0T12P", "alphabet"),
        ("91140300MA0SE0T12P", "alphabet"),
        ("140300200000001", "legacy_15"),
        ("9114030AMA0TE0T12P", "alphabet"),  # the region has digits only
        ("", "length"),
    ],
)
def test_invalid_credit_codes_fail_by_the_check_that_is_wrong(code: str, reason: str) -> None:
    assert check_cn_uscc(code) == IdCheck(code, reason)


def test_an_unknown_county_in_a_credit_code_is_a_warning() -> None:
    code = "91149999MA0TE0T12K"
    assert check_cn_uscc(code) == IdCheck(code, None, ("county_unknown",))


# ---- normalisation ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("typed", "number"),
    [
        ("14031119010203003x", "14031119010203003X"),
        ("１４０３０２１９０００１０１００１７", CITIZEN),
        ("１４０３１１１９０１０２０３００３ｘ", "14031119010203003X"),
        (" 140302 19000101\u30000017\n", CITIZEN),
    ],
)
def test_citizen_numbers_are_normalised(typed: str, number: str) -> None:
    assert check_id(typed) == IdCheck(number)


@pytest.mark.parametrize("typed", ["91140300ma0te0t12p", "９１140300ＭＡ０te0t12Ｐ", f" {FIRM} "])
def test_credit_codes_are_normalised(typed: str) -> None:
    assert check_cn_uscc(typed) == IdCheck(FIRM)


@pytest.mark.parametrize(
    "typed", ["140302-19000101-0017", "①40302190001010017", f"{CITIZEN}\u200b"]
)
def test_nothing_else_is_mended(typed: str) -> None:
    assert check_id(typed).reason is not None


# ---- names --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        ("测试甲", "测试甲"),
        ("\u3000测 试\t甲 ", "测试甲"),
        ("测试\u2022甲", "测试·甲"),
        ("测试\u2027甲", "测试·甲"),
        ("测试\u30fb甲", "测试·甲"),
        ("测试\uff65甲", "测试·甲"),
        ("测试 • 甲", "测试·甲"),
        ("测试\ue863 甲", "测试\ue863甲"),  # a private-use glyph of a rare ideograph
        ("Test  Person", "Test Person"),
        ("Rene\u0301 Test", "Ren\u00e9 Test"),
        (" \u3000 ", ""),
    ],
)
def test_names_are_normalised(typed: str, name: str) -> None:
    assert normalise_name(typed) == name


# ---- holders ------------------------------------------------------------------------------------


def test_a_holder_is_made_of_a_valid_reference() -> None:
    holder = parse_holder(HolderReference("cn-id", f" {CITIZEN}", "测试 甲"), today=TODAY)
    assert (holder.scheme, holder.number, holder.name) == ("cn-id", CITIZEN, "测试甲")
    firm = parse_holder(HolderReference("cn-uscc", FIRM.lower()), today=TODAY)
    assert (firm.scheme, firm.number, firm.name) == ("cn-uscc", FIRM, None)


def test_a_blank_name_is_no_name() -> None:
    assert parse_holder(HolderReference("cn-id", CITIZEN, "\u3000"), today=TODAY).name is None


def test_a_number_is_checked_by_its_own_scheme() -> None:
    with pytest.raises(RequestError, match="cn-id alphabet"):
        parse_holder(HolderReference("cn-id", FIRM), today=TODAY)


def test_a_refusal_names_scheme_and_reason_in_both_languages_and_no_number() -> None:
    number = "140302190001010016"
    with pytest.raises(RequestError) as caught:
        parse_holder(HolderReference("cn-id", number, "测试甲"), today=TODAY)
    error = caught.value
    assert error.code == "HOLDER_INVALID"
    assert "cn-id" in error.detail
    assert REASONS["check_digit"].en in error.detail
    assert REASONS["check_digit"].zh in error.detail
    assert number not in str(error)
    assert "测试甲" not in str(error)


def test_no_repr_shows_the_number() -> None:
    check = check_id(CITIZEN)
    for shown in (repr(check), str(check), pretty_repr(check)):
        assert CITIZEN not in shown
