# SPDX-License-Identifier: Apache-2.0
"""The paths of supervision, for `gateway.web.openapi`."""

from collections.abc import Callable
from typing import Any, Final

from gateway.model.supervised import (
    FOLDER,
    ComplaintDraft,
    CorrectionDraft,
    EvaluationKept,
    EvaluationTotals,
    GivenEvaluation,
    MatterAnswer,
    MatterPage,
    MeasureDraft,
    StepBody,
)
from gateway.web.supervision import JOSE_JSON, XLSX

#: Types of bodies and answers.
TYPES: Final = (
    *(ComplaintDraft, CorrectionDraft, MeasureDraft, StepBody, GivenEvaluation),
    *(MatterAnswer, MatterPage, EvaluationKept, EvaluationTotals),
)

_ABOUT: Final = ("SUPERVISION_REFUSED", "OFFICE_UNAVAILABLE")
_ONE: Final = (*_ABOUT, "MATTER_ABSENT")
_STEP: Final = (*_ONE, "MATTER_STEP_REFUSED", "MATTER_PERSONAL", "INDEX_UNAVAILABLE")
_STATE: Final = {
    "name": "state",
    "in": "query",
    "description": "In that state only; follows `after`.",
    "schema": {"type": "string", "enum": ["open", "assigned", "answered", "closed"]},
}
_MONTH: Final = {
    "name": "month",
    "in": "path",
    "required": True,
    "description": "In the site's time zone.",
    "schema": {"type": "string", "pattern": "^2[0-9]{3}-(0[1-9]|1[0-2])$"},
}
#: Segment, letter, Chinese word, body that opens one, further codes of that.
_KINDS: Final = (
    ("complaints", "C", "投诉", "ComplaintDraft", ("CASE_ABSENT", "INDEX_UNAVAILABLE")),
    ("tickets", "R", "差评整改", None, ()),
    (
        "measures",
        "M",
        "整改措施",
        "MeasureDraft",
        ("AGENCY_UNKNOWN", "MATTER_STEP_REFUSED", "INDEX_UNAVAILABLE"),
    ),
    ("corrections", "D", "数据校核", "CorrectionDraft", ("CASE_ABSENT", "CERTIFICATE_UNKNOWN")),
)

#: Makes an operation: name, summary, body, its codes, its answer, parameters.
Operation = Callable[..., dict[str, Any]]


def supervision_paths(operation: Operation) -> dict[str, Any]:
    """All paths below `/v1/supervision/`."""
    found: dict[str, Any] = {}
    for segment, letter, word, opening, further in _KINDS:
        matter_id, after = _id("id", "path", letter), _id("after", "query", letter)
        found[f"{FOLDER}{segment}"] = {
            "get": operation(
                f"{segment}_list",
                f"Own {segment} behind a cursor 本方{word}",
                about=_ABOUT,
                answer="MatterPage",
                at=(after, _STATE),
            )
        }
        if opening is not None:
            found[f"{FOLDER}{segment}"]["post"] = operation(
                f"{segment}_open",
                f"Open one of {segment} 登记{word}",
                body=opening,
                about=(*_ABOUT, "MATTER_PERSONAL", *further),
                answer="MatterAnswer",
                at=(),
            )
        found[f"{FOLDER}{segment}/{{id}}"] = {
            "get": operation(
                f"{segment}_show",
                f"One of {segment}, with its steps {word}详情",
                about=_ONE,
                answer="MatterAnswer",
                at=(matter_id,),
            )
        }
        found[f"{FOLDER}{segment}/{{id}}/steps"] = {
            "post": operation(
                f"{segment}_step",
                f"A step of one of {segment} 办理{word}",
                body="StepBody",
                about=_STEP,
                answer="MatterAnswer",
                at=(matter_id,),
            )
        }
    return found | _others(operation)


def _others(operation: Operation) -> dict[str, Any]:
    given = ("CASE_ABSENT", "HOLDER_INVALID", "CASE_HOLDER_MISMATCH", "EVALUATION_TWICE")
    return {
        f"{FOLDER}evaluations": {
            "get": operation(
                "evaluations",
                "How cases were rated, counted 好差评汇总",
                about=_ABOUT,
                answer="EvaluationTotals",
                at=(),
            ),
            "post": operation(
                "evaluate",
                "Evaluate a case, once 评价办件",
                body="GivenEvaluation",
                about=(*_ABOUT, *given, "MATTER_PERSONAL"),
                answer="EvaluationKept",
                at=(),
            ),
        },
        f"{FOLDER}kpi/{{month}}": {
            "get": operation(
                "kpi",
                "The frozen report of a month, as JWS or workbook 月度考核报告",
                about=(*_ABOUT, "REPORT_ABSENT"),
                content={JOSE_JSON: {}, XLSX: {}},
                at=(_MONTH,),
            )
        },
    }


def _id(name: str, where: str, letter: str) -> dict[str, Any]:
    return {
        "name": name,
        "in": where,
        **({"required": True} if where == "path" else {}),
        "description": "Of the matter." if where == "path" else "`next` of the page before.",
        "schema": {"type": "string", "pattern": f"^{letter}-2[0-9]{{3}}-[0-9]{{6,9}}$"},
    }
