# SPDX-License-Identifier: Apache-2.0
"""What `gateway.web.openapi` says of cases, commitments and materials."""

from collections.abc import Mapping
from typing import Any, Final

from gateway.web.openapi_parameters import (
    CASE,
    CASE_CONTENT,
    COMMITMENT_CONTENT,
    MATERIAL,
    MATERIALS_CONTENT,
)

#: By path and method: name and summary, and what else there is to say.
CASES: Final[Mapping[str, Mapping[str, tuple[tuple[str, str], dict[str, Any]]]]] = {
    "/v1/cases/{case}": {
        "get": (("case_show", "An own case 本单位的一个办件"), {}),
        "put": (
            ("case_register", "Register a case, or a change of it 登记或更新办件"),
            {"body": "CaseRegistration", "further": CASE_CONTENT},
        ),
    },
    "/v1/cases/{case}/close": {
        "post": (("case_close", "End a case 办结办件"), {"body": "CaseClosing"})
    },
    "/v1/cases/{case}/commitments/{material}": {
        "get": (
            ("commitment_show", "A commitment of a case 办件中的一项告知承诺"),
            {
                "further": ("COMMITMENT_ABSENT",),
                "answer": "CommitmentAnswer",
                "at": (CASE, MATERIAL),
            },
        ),
        "put": (
            ("commitment_keep", "Keep the applicant's commitment 登记告知承诺"),
            {
                "body": "CommitmentRequest",
                "further": COMMITMENT_CONTENT,
                "answer": "CommitmentAnswer",
                "at": (CASE, MATERIAL),
            },
        ),
    },
    "/v1/materials": {
        "post": (
            ("materials", "All materials of a case 一次查齐事项材料"),
            {
                "body": "MaterialsRequest",
                "further": MATERIALS_CONTENT,
                "answer": "MaterialsAnswer",
                "at": (),
            },
        )
    },
}
