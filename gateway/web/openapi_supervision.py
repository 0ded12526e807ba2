# SPDX-License-Identifier: Apache-2.0
"""The paths of supervision, for `gateway.web.openapi`."""

from typing import Any, Final

from gateway.model.supervised import (
    FINDINGS,
    FOLDER,
    ComplaintDraft,
    CorrectionDraft,
    EvaluationKept,
    EvaluationTotals,
    FindingAnswer,
    FindingPage,
    FindingStepBody,
    GivenEvaluation,
    MatterAnswer,
    MatterPage,
    MeasureDraft,
    StepBody,
)
from gateway.web.openapi_emergency import EMERGENCY_TYPES, emergency_paths
from gateway.web.openapi_parameters import Operation, id_parameter, state_parameter
from gateway.web.supervision import JOSE_JSON, XLSX

#: Types of bodies and answers.
TYPES: Final = (
    *(ComplaintDraft, CorrectionDraft, MeasureDraft, StepBody, GivenEvaluation, FindingStepBody),
    *(MatterAnswer, MatterPage, EvaluationKept, EvaluationTotals, FindingAnswer, FindingPage),
    *EMERGENCY_TYPES,
)

_ABOUT: Final = ("SUPERVISION_REFUSED", "OFFICE_UNAVAILABLE")
_ONE: Final = (*_ABOUT, "MATTER_ABSENT")
_STEP: Final = (*_ONE, "MATTER_STEP_REFUSED", "MATTER_PERSONAL", "INDEX_UNAVAILABLE")
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


def supervision_paths(operation: Operation) -> dict[str, Any]:
    """All paths below `/v1/supervision/`."""
    found: dict[str, Any] = {}
    state = state_parameter("open", "assigned", "answered", "closed")
    for segment, letter, word, opening, further in _KINDS:
        matter_id = id_parameter("id", "path", letter)
        after = id_parameter("after", "query", letter)
        found[f"{FOLDER}{segment}"] = {
            "get": operation(
                f"{segment}_list",
                f"Own {segment} behind a cursor 本方{word}",
                about=_ABOUT,
                answer="MatterPage",
                at=(after, state),
            )
        }
        if opening is not None:
            found[f"{FOLDER}{segment}"]["post"] = operation(
                f"{segment}_open",
                f"Open one of {segment} 登记{word}",
                body=opening,
                about=(*_ABOUT, "MATTER_PERSONAL", "CALENDAR_MISSING", *further),
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
    return found | _findings(operation) | emergency_paths(operation, _ABOUT) | _others(operation)


def _findings(operation: Operation) -> dict[str, Any]:
    where, absent = f"{FOLDER}{FINDINGS}", (*_ABOUT, "FINDING_ABSENT")
    finding_id = id_parameter("id", "path", "F")
    return {
        where: {
            "get": operation(
                "findings_list",
                "What monitoring found, behind a cursor 监察发现",
                about=_ABOUT,
                answer="FindingPage",
                at=(id_parameter("after", "query", "F"), state_parameter("open", "settled")),
            )
        },
        f"{where}/{{id}}": {
            "get": operation(
                "findings_show",
                "A finding, with its steps 监察发现详情",
                about=absent,
                answer="FindingAnswer",
                at=(finding_id,),
            )
        },
        f"{where}/{{id}}/steps": {
            "post": operation(
                "findings_step",
                "Settle a finding, with the reason 处置监察发现",
                body="FindingStepBody",
                about=(*absent, "FINDING_SETTLED", "MATTER_PERSONAL"),
                answer="FindingAnswer",
                at=(finding_id,),
            )
        },
    }


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
                about=(*_ABOUT, *given, "MATTER_PERSONAL", "CALENDAR_MISSING"),
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
