# SPDX-License-Identifier: Apache-2.0
"""The codes about emergencies; a part of the table in `gateway.errors.codes`."""

from typing import Final

from gateway.errors.refusal import row

# fmt: off
#: What the degrade ladder refuses in place of asking a department.
LADDER_TABLE: Final = (
    row("DEPARTMENT_VERIFY_ONLY", "department", 503, "gateway",
        ("In an emergency the department answers verifications only", "应急处置中：该部门仅受理核验"),
        ("Nothing is known about the record; this is not the same as not found. State the values and send operation verify, or retry later.",
         "未取得任何结论，不得视为“查无此证”。请填报待核验内容并以 verify 方式核验，或稍后重试。"), retryable=True),
    row("DEPARTMENT_TICKET_ONLY", "department", 503, "gateway",
        ("In an emergency nobody waits for the department on a connection", "应急处置中：该部门仅异步受理"),
        ("Nothing is known about the record; this is not the same as not found. Send the same request to POST /v1/tickets, or retry later.",
         "未取得任何结论，不得视为“查无此证”。请改用 POST /v1/tickets 提交同一请求，或稍后重试。"), retryable=True),
    row("DEPARTMENT_SUBSTITUTED", "department", 503, "gateway",
        ("In an emergency the department is not asked", "应急处置中：暂停向该部门查询"),
        ("Nothing is known about the record; this is not the same as not found. Accept the case by deferral or commitment where the item allows it, or retry later.",
         "未取得任何结论，不得视为“查无此证”。事项允许的，请以容缺受理或告知承诺方式办理，或稍后重试。"), retryable=True),
)
INCIDENT_TABLE: Final = (
    row("INCIDENT_ABSENT", "", 404, "consumer",
        ("There is no such incident", "没有该应急事件"),
        ("Check the id; `yizheng incident list` shows what there is.",
         "请核对编号；yizheng incident list 列出全部应急事件。")),
    row("INCIDENT_OPEN", "", 409, "consumer",
        ("The scope has an open incident already", "该范围已有未结的应急事件"),
        ("Take the next step of the incident that `detail` names.",
         "请在 detail 所列的应急事件中继续处置。")),
    row("INCIDENT_STEP_REFUSED", "", 409, "consumer",
        ("The incident does not allow this step now", "应急事件当前不允许此步骤"),
        ("`detail` says why; `yizheng incident show` shows where it stands.",
         "detail 说明原因；yizheng incident show 显示当前状态。")),
    row("SCOPE_UNKNOWN", "", 404, "consumer",
        ("No such department in this site", "本站点没有该部门适配器"),
        ("Name an adapter of the site, or none to mean all of them; `yizheng adapter list` shows which.",
         "请填写本站点的适配器名称，不填则指全部；可用 yizheng adapter list 查看。")),
)
# fmt: on
