# SPDX-License-Identifier: Apache-2.0
"""The paths of cases, for `gateway.web.openapi`."""

from typing import Any

from gateway.web.openapi_parameters import (
    CASE,
    CASE_CONTENT,
    COMMITMENT_CONTENT,
    MATERIAL,
    MATERIALS_CONTENT,
    Operation,
)


def case_paths(operation: Operation) -> dict[str, Any]:
    """Cases, and what is asked for them."""
    return {
        "/v1/cases/{case}": {
            "get": operation("case_show", "An own case 本单位的一个办件"),
            "put": operation(
                "case_register",
                "Register a case, or a change of it 登记或更新办件",
                body="CaseRegistration",
                further=CASE_CONTENT,
            ),
        },
        "/v1/cases/{case}/close": {
            "post": operation("case_close", "End a case 办结办件", body="CaseClosing")
        },
        "/v1/cases/{case}/commitments/{material}": {
            "get": operation(
                "commitment_show",
                "A commitment of a case 办件中的一项告知承诺",
                further=("COMMITMENT_ABSENT",),
                answer="CommitmentAnswer",
                at=(CASE, MATERIAL),
            ),
            "put": operation(
                "commitment_keep",
                "Keep the applicant's commitment 登记告知承诺",
                body="CommitmentRequest",
                further=COMMITMENT_CONTENT,
                answer="CommitmentAnswer",
                at=(CASE, MATERIAL),
            ),
        },
        "/v1/materials": {
            "post": operation(
                "materials",
                "All materials of a case 一次查齐事项材料",
                body="MaterialsRequest",
                further=MATERIALS_CONTENT,
                answer="MaterialsAnswer",
                at=(),
            )
        },
    }
