# SPDX-License-Identifier: Apache-2.0
"""The five elements 五要素 (who, for what item, in which case, why) in the words of four dialects.

Every exchange in practice makes the caller say them, and each in names of its own
(docs/reference/five-elements.md). Here they become our `Attribution`:

1. The mapping is pure: nothing is looked up, defaulted or made up. What a dialect has no word for
   has to be given besides, or is named as missing.
2. Where a dialect has one word for what are two with us, it fills both.
3. An identity number is no operator's id here, since the id is recorded in clear: it is refused.
4. No error repeats a value.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal, get_args

import msgspec

from gateway.errors import RequestError
from gateway.model.lookup import Attribution
from gateway.model.screening import holds_identifier

Dialect = Literal["police-bus", "license-app", "state-council", "fujian"]
DIALECTS: Final[tuple[Dialect, ...]] = get_args(Dialect)

#: Our member, and where each dialect has it; of several places the first that is filled counts, but
#: for `purpose`, where all are joined. A place is a path of member names.
NAMES: Final[Mapping[Dialect, Mapping[str, tuple[str, ...]]]] = {
    "police-bus": {  # 公安信息资源服务总线: RequestBody with an EndUser
        "organisation": ("EndUser.UserDept", "SenderId"),
        "operator.id": ("EndUser.UserCardId",),
        "operator.name": ("EndUser.UserName",),
        "terminal": ("EndUser.UserIp",),
        "purpose": ("EndUser.CallReason",),
    },
    "license-app": {  # 电子证照用证接口
        "organisation": ("operator.service_org_code", "operator.service_org"),
        "operator.id": ("operator.account",),
        "operator.name": ("operator.name",),
        "terminal": ("operator.terminal",),
        "division": ("operator.division_code",),
        "item": ("service_item_code",),
        "case": ("biz_num",),
        "purpose": ("service_item_name",),  # it has no other word for why
        "mandate": ("entrust",),
    },
    "state-council": {  # 国办、长三角
        "organisation": ("orgName",),
        "operator.id": ("username",),
        "operator.name": ("username",),
        "terminal": ("machineId",),
        "item": ("itemCode",),
        "case": ("businessCode",),
        "purpose": ("UseFor",),
    },
    "fujian": {
        "organisation": ("deptCode", "deptName"),
        "operator.id": ("operId",),
        "operator.name": ("operName",),
        "terminal": ("systemName",),
        "division": ("areaCode",),
        "item": ("taskCode",),
        "case": ("projectNo",),
        "purpose": ("queryCause", "queryResume"),
    },
}
_REQUIRED: Final = ("operator.id", "operator.name", "item", "case", "purpose")
_PLAIN: Final = ("item", "case", "purpose", "terminal", "division", "mandate")
_NOT_RECORDED: Final = frozenset(("operator.name", "organisation"))
_JOIN: Final = "；"


class FiveElements(msgspec.Struct, frozen=True):
    """What a request in a dialect says of who asks and why.

    Attributes:
        organisation: as the dialect names the caller; for people, since here a key says who asks.
        attribution: the same in our words.
    """

    organisation: str | None
    attribution: Attribution


def parse_five_elements(
    dialect: Dialect, request: Mapping[str, Any], *, given: Mapping[str, str] | None = None
) -> FiveElements:
    """Read the five elements of a request.

    Args:
        request: decoded, in the dialect's own members.
        given: by our member, what the dialect has no word for; it fills gaps and replaces nothing.

    Raises:
        RequestError: BODY_MALFORMED names what is missing or not of its form, in our words and the
            dialect's; ATTRIBUTION_PERSONAL, an identity number stands where it would be recorded.
    """
    names = NAMES[dialect]
    read = {member: _read(request, member, paths) for member, paths in names.items()}
    filled = {**(given or {}), **{member: text for member, text in read.items() if text}}

    def named(member: str) -> str:
        return f"`{member}` ({_places(names.get(member, ()))})"

    if missing := [named(member) for member in _REQUIRED if member not in filled]:
        raise RequestError("BODY_MALFORMED", f"missing: {'; '.join(missing)}")
    for member, text in filled.items():
        if member not in _NOT_RECORDED and holds_identifier(text):
            raise RequestError("ATTRIBUTION_PERSONAL", named(member))
    try:
        attribution = msgspec.convert(
            {name: filled.get(name) for name in _PLAIN}
            | {"operator": {"id": filled["operator.id"], "name": filled["operator.name"]}},
            Attribution,
        )
    except msgspec.ValidationError as error:
        member = str(error).rpartition("$.")[2].strip("`")
        raise RequestError("BODY_MALFORMED", f"not of its form: {named(member)}") from None
    return FiveElements(filled.get("organisation"), attribution)


def _read(request: Mapping[str, Any], member: str, paths: Sequence[str]) -> str:
    texts = [text for path in paths if (text := _at(request, path))]
    return _JOIN.join(texts) if member == "purpose" else next(iter(texts), "")


def _at(request: Mapping[str, Any], path: str) -> str:
    """The text at a path; empty where there is none, or something else."""
    value: Any = request
    for name in path.split("."):
        value = value.get(name) if isinstance(value, Mapping) else None
    return value.strip() if isinstance(value, str) else ""


def _places(paths: Sequence[str]) -> str:
    return " or ".join(paths) if paths else "no word for it in this dialect: give it"
