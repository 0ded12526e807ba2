# SPDX-License-Identifier: Apache-2.0
"""Citizen numbers (GB 11643-1999) and unified social credit codes (GB 32100-2015).

Rules:

1. A number is normalised first: full-width digits and letters become half-width, ASCII and
   ideographic white space is removed anywhere, lower-case letters become upper-case. Nothing else
   is mended: a letter O stays a letter O, and is refused.
2. Then checks run in a fixed order, and the first failure is the reason:
   `cn-id`    legacy_15 · length · alphabet · region · birth_date · birth_future · check_digit
   `cn-uscc`  legacy_15 · length · alphabet · authority · check_digit · organisation_check
3. The region of a number is the division where it was first given, so a withdrawn county stays
   valid: only the province is a check. Counties are a warning, and only in Shanxi, where there is
   a table. An age over 130 is a warning too: an example of the standard itself is born in 1880.
4. Permanent residence cards of foreigners (18 digits from 9 on) are not citizen numbers of
   GB 11643 and fail `region`; they need a scheme of their own once their layout is confirmed.
5. No error and no repr holds a number or a name.
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping
from datetime import date
from operator import mul
from string import ascii_letters, ascii_lowercase, digits, whitespace
from typing import Any, Final

import msgspec

from gateway.errors import RequestError, Text
from gateway.model.holder import Holder
from gateway.model.lookup import HolderReference

#: What each reason and each warning means.
REASONS: Final[Mapping[str, Text]] = {
    "legacy_15": Text("a former number of 15 digits", "为15位旧号码"),
    "length": Text("it does not have 18 characters", "长度不是18位"),
    "alphabet": Text("a character that cannot stand at its place", "含有不允许的字符"),
    "region": Text("its first two digits are no province", "前两位不是有效的省级代码"),
    "birth_date": Text("its date of birth does not exist", "出生日期不存在"),
    "birth_future": Text("its date of birth lies in the future", "出生日期晚于今天"),
    "check_digit": Text("its check character does not match", "校验码不符"),
    "authority": Text("its registration authority is unknown", "登记管理部门代码未知"),
    "organisation_check": Text(
        "the check character of its organisation code does not match", "主体标识码的校验码不符"
    ),
    "county_unknown": Text("its county is not in the table", "县级区划代码不在表中"),
    "age_over_130": Text("an age over 130 years", "年龄超过130岁"),
}

_LENGTH: Final = 18
_LEGACY: Final = re.compile(r"[0-9]{15}")
_CN_ID: Final = re.compile(r"[0-9]{17}[0-9X]")
_CN_USCC: Final = re.compile(r"[0-9A-HJ-NPQRTUWXY]{2}[0-9]{6}[0-9A-HJ-NPQRTUWXY]{10}")

#: GB/T 2260; 81, 82 and 83 are also residence permits of Hong Kong, Macao and Taiwan.
_PROVINCE: Final = re.compile(r"1[1-5]|2[1-3]|3[1-7]|4[1-6]|5[0-4]|6[1-5]|71|8[1-3]")
_SHANXI: Final = "14"
#: The province, Yangquan with its counties, the other cities, and the prefectures (21 to 27) that
#: became cities: numbers given there stay in use.
_SHANXI_REGION: Final = re.compile(
    r"140000|1403(?:00|02|03|11|21|22)|14(?:0[124-9]|1[01]|2[1-7])[0-9]{2}"
)

_AUTHORITIES: Final = frozenset("123456789ANY")
_MAX_AGE_YEARS: Final = 130

_CN_ID_WEIGHTS: Final = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_CN_ID_OF_ZEROS: Final = ord("0") * sum(_CN_ID_WEIGHTS)  # digits are summed as characters
_CN_ID_CHARACTERS: Final = "10X98765432"
_USCC_WEIGHTS: Final = (1, 3, 9, 27, 19, 26, 16, 17, 20, 29, 25, 13, 8, 24, 10, 30, 28)
_USCC_CHARACTERS: Final = "0123456789ABCDEFGHJKLMNPQRTUWXY"
_ORGANISATION: Final = slice(8, 17)
_ORGANISATION_WEIGHTS: Final = (3, 7, 9, 10, 5, 8, 4, 2)
_ORGANISATION_CHARACTERS: Final = "0X987654321"  # GB 11714, by the weighted sum modulo 11

_FULL_WIDTH: Final = 0xFEE0  # distance of a full-width form from its ASCII character
_NORMAL: Final[dict[int, str | None]] = {
    **{ord(char) + _FULL_WIDTH: char.upper() for char in digits + ascii_letters},
    **{ord(char): char.upper() for char in ascii_lowercase},
    **dict.fromkeys(map(ord, whitespace + "\N{IDEOGRAPHIC SPACE}")),
}

#: • ‧ ∙ ⋅ ⸱ ・ ･, all typed for the dot inside a transliterated name (U+00B7).
_DOTS: Final = re.compile("[\u2022\u2027\u2219\u22c5\u2e31\u30fb\uff65]")
_DOT: Final = "\N{MIDDLE DOT}"
# Private-use characters stand for rare ideographs that had no code point (GB 18030).
_IDEOGRAPH: Final = (
    "\u3007\u3400-\u4dbf\u4e00-\u9fff\ue000-\uf8ff\uf900-\ufaff\U00020000-\U0003ffff"
)
_BESIDE_IDEOGRAPH: Final = re.compile(rf"(?<=[{_IDEOGRAPH}{_DOT}])\s+|\s+(?=[{_IDEOGRAPH}{_DOT}])")
_BLANKS: Final = re.compile(r"\s+")

class IdCheck(msgspec.Struct, frozen=True):
    """What the checks found.

    Attributes:
        number: normalised.
        reason: the first check that failed, a key of `REASONS`; None is valid.
        warnings: keys of `REASONS`; empty where a check failed.
    """

    number: str
    reason: str | None = None
    warnings: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"IdCheck({self.reason or 'valid'}, {self.warnings})"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        # rich does not ask __repr__, and would show every attribute
        return [("reason", self.reason), ("warnings", self.warnings)]


def parse_holder(reference: HolderReference, *, today: date) -> Holder:
    """Make a holder of what the caller wrote.

    Args:
        reference: as received.
        today: the day in the site's time zone; nobody is born after it.

    Raises:
        RequestError: HOLDER_INVALID; its detail names the scheme and the check, not the number.
    """
    if reference.scheme == "cn-id":
        check = check_cn_id(reference.number, today=today)
    else:
        check = check_cn_uscc(reference.number)
    if check.reason is not None:
        words = REASONS[check.reason]
        detail = f"{reference.scheme} {check.reason}: {words.en} / {words.zh}"
        raise RequestError("HOLDER_INVALID", detail)
    name = normalise_name(reference.name or "") or None
    return Holder(reference.scheme, check.number, name)


def check_cn_id(text: str, *, today: date) -> IdCheck:
    """Check a citizen number; never raises.

    Args:
        text: as typed.
        today: the day in the site's time zone.
    """
    # What is in normal form already, as nearly all is, need not be brought into it.
    number = text if _CN_ID.fullmatch(text) else text.translate(_NORMAL)
    if reason := _cn_id_form(number):
        return IdCheck(number, reason)
    if _PROVINCE.match(number) is None:
        return IdCheck(number, "region")
    try:
        born = date.fromisoformat(number[6:14])
    except ValueError:
        return IdCheck(number, "birth_date")
    if born > today:
        return IdCheck(number, "birth_future")
    if number[17] != cn_id_check_digit(number[:17]):
        return IdCheck(number, "check_digit")
    warnings = _region_warnings(number[:6])
    if _age_years(born, today) > _MAX_AGE_YEARS:
        warnings = (*warnings, "age_over_130")
    return IdCheck(number, warnings=warnings)


def check_cn_uscc(text: str) -> IdCheck:
    """Check a unified social credit code; never raises.

    Args:
        text: as typed.
    """
    number = text.translate(_NORMAL)
    if reason := _uscc_form(number):
        return IdCheck(number, reason)
    if number[0] not in _AUTHORITIES:
        return IdCheck(number, "authority")
    if not _has_uscc_check_digit(number):
        return IdCheck(number, "check_digit")
    if not _has_organisation_check(number):
        return IdCheck(number, "organisation_check")
    return IdCheck(number, warnings=_region_warnings(number[2:8]))


def cn_id_check_digit(body: str) -> str:
    """The check character of 17 digits (ISO 7064 MOD 11-2)."""
    return _CN_ID_CHARACTERS[(sum(map(mul, body.encode(), _CN_ID_WEIGHTS)) - _CN_ID_OF_ZEROS) % 11]


def normalise_name(text: str) -> str:
    """The form in which names are compared; blank text becomes empty.

    NFC; one middle dot for all its look-alikes; no white space outside, nor beside an ideograph or
    a dot; any other run of white space is one space (names in Latin letters).
    """
    dotted = _DOTS.sub(_DOT, unicodedata.normalize("NFC", text)).strip()
    return _BLANKS.sub(" ", _BESIDE_IDEOGRAPH.sub("", dotted))


def _cn_id_form(number: str) -> str | None:
    return None if _CN_ID.fullmatch(number) else _misform(number)


def _uscc_form(number: str) -> str | None:
    return None if _CN_USCC.fullmatch(number) else _misform(number)


def _misform(number: str) -> str:
    """Why a number has not the form that it should have."""
    if _LEGACY.fullmatch(number):
        return "legacy_15"
    return "alphabet" if len(number) == _LENGTH else "length"


def _has_uscc_check_digit(number: str) -> bool:
    values = map(_USCC_CHARACTERS.index, number[:17])
    return number[17] == _USCC_CHARACTERS[-_weighted_sum(values, _USCC_WEIGHTS) % 31]


def _has_organisation_check(number: str) -> bool:
    code = number[_ORGANISATION]
    values = (int(char, 36) for char in code[:8])
    return code[8] == _ORGANISATION_CHARACTERS[_weighted_sum(values, _ORGANISATION_WEIGHTS) % 11]


def _weighted_sum(values: Iterable[int], weights: tuple[int, ...]) -> int:
    return sum(value * weight for value, weight in zip(values, weights, strict=True))


def _age_years(born: date, today: date) -> int:
    before_birthday = (today.month, today.day) < (born.month, born.day)
    return today.year - born.year - before_birthday


def _region_warnings(region: str) -> tuple[str, ...]:
    if region.startswith(_SHANXI) and _SHANXI_REGION.fullmatch(region) is None:
        return ("county_unknown",)
    return ()
