# SPDX-License-Identifier: Apache-2.0
"""What `gateway.web.openapi` says of standing orders: deferrals 容缺受理 and tickets 异步查询."""

from collections.abc import Mapping
from typing import Any, Final

from gateway.model.deferral import (
    DeferralAnswer,
    DeferralClosing,
    DeferralRequest,
    DeferralsAnswer,
)
from gateway.model.ticket import TicketAnswer
from gateway.web.openapi_parameters import CASE, MATERIAL, MATERIALS_CONTENT

ORDER_SCHEMAS: Final = (
    DeferralRequest, DeferralClosing, DeferralAnswer, DeferralsAnswer, TicketAnswer
)  # fmt: skip
_TICKET: Final = {
    "name": "id",
    "in": "path",
    "required": True,
    "description": "Of the ticket.",
    "schema": {"type": "string", "pattern": "^[0-9a-f]{32}$"},
}
_CONTENT: Final = (
    *MATERIALS_CONTENT, "MATERIAL_UNKNOWN", "DEFERRAL_REFUSED", "DEFERRAL_WAITING",
    "PROMISE_OUTDATED", "CALENDAR_MISSING",
)  # fmt: skip
_PATH: Final = "/v1/cases/{case}/deferrals"
_ONE: Final[dict[str, Any]] = {"answer": "DeferralAnswer", "at": (CASE, MATERIAL)}
_ABSENT: Final = {"further": ("DEFERRAL_ABSENT",)}

#: By path and method: name and summary, and what else there is to say.
ORDERS: Final[Mapping[str, Mapping[str, tuple[tuple[str, str], dict[str, Any]]]]] = {
    _PATH: {
        "get": (
            ("deferrals", "All deferrals of a case 办件的全部容缺记录"),
            {"answer": "DeferralsAnswer"},
        )
    },
    f"{_PATH}/{{material}}": {
        "get": (("deferral_show", "The last deferral of a material 一条容缺记录"), _ONE | _ABSENT),
        "put": (
            ("deferral_open", "Let a material come later 容缺受理"),
            _ONE | {"body": "DeferralRequest", "further": _CONTENT},
        ),
    },
    f"{_PATH}/{{material}}/close": {
        "post": (
            ("deferral_close", "End a deferral 关闭容缺记录"),
            _ONE | _ABSENT | {"body": "DeferralClosing"},
        )
    },
    "/v1/tickets": {
        "post": (
            ("ticket_open", "A lookup that nobody waits for 异步查询"),
            {
                "answer": "TicketAnswer",
                "at": (),
                "body": "LookupRequest",
                "further": ("TICKETS_TOO_MANY", "TICKET_EXPIRED"),
                "is_ticket": True,
            },
        )
    },
    "/v1/tickets/{id}": {
        "get": (
            ("ticket_show", "A ticket, with its answer once it is done 异步查询结果"),
            {
                "answer": "TicketAnswer",
                "at": (_TICKET,),
                "further": ("TICKET_ABSENT", "TICKET_EXPIRED"),
                "is_ticket": True,
            },
        )
    },
}
