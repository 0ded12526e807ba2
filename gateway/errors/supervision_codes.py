# SPDX-License-Identifier: Apache-2.0
"""The codes about supervision; a part of the table in `gateway.errors.codes`."""

from typing import Final

from gateway.errors.refusal import row

# fmt: off
SUPERVISION_TABLE: Final = (
    row("MATTER_ABSENT", "", 404, "consumer",
        ("There is no such matter", "没有该督办事项"),
        ("Check the id; `list` shows what there is.", "请核对编号；list 列出全部事项。")),
    row("MATTER_STEP_REFUSED", "", 409, "consumer",
        ("The matter does not allow this step now", "督办事项当前不允许此步骤"),
        ("`detail` says what has to be done first, or what the step lacks.",
         "detail 指明须先完成的步骤或缺少的内容。")),
    row("MATTER_PERSONAL", "", 422, "consumer",
        ("What is written down holds an identity number", "登记内容含有证件号码"),
        ("Write it without numbers of persons or organisations; the case says whom it is about.",
         "请勿填写个人证件号码或统一社会信用代码；以办件编号指明当事人。")),
    row("EVALUATION_TWICE", "", 409, "consumer",
        ("The case was evaluated already", "该办件已评价"),
        ("One case has one evaluation.", "一次一评：每个办件只能评价一次。")),
    row("SUPERVISION_REFUSED", "", 403, "consumer",
        ("That is not for whoever signed", "签名方无权执行此操作"),
        ("docs/reference/supervision-http.md says who may; an auditor needs `read` or `supervise`.",
         "权限见 docs/reference/supervision-http.md；审计人员须有 read 或 supervise 角色。")),
    row("INDEX_UNAVAILABLE", "", 503, "gateway",
        ("The log cannot be searched now", "当前无法检索日志"),
        ("Nothing was changed, and nothing is said to be missing. Retry shortly; /readyz says why.",
         "未作任何更改，也不表示无记录。请稍后重试；原因见 /readyz。"), retryable=True),
    row("REPORT_ABSENT", "", 404, "consumer",
        ("There is no report of that month", "没有该月报告"),
        ("It is made by `yizheng kpi report` when the month is over.",
         "月度结束后由 yizheng kpi report 生成。")),
    row("REPORT_EXISTS", "", 409, "consumer",
        ("The report of that month is frozen", "该月报告已冻结"),
        ("Read the file that is there; a frozen report is not made anew.",
         "请使用已有文件；已冻结的报告不得重新生成。")),
    row("FINDING_ABSENT", "", 404, "consumer",
        ("There is no such finding", "没有该监察发现"),
        ("Check the id; `yizheng monitor list --all` shows what there is.",
         "请核对编号；yizheng monitor list --all 列出全部发现。")),
    row("FINDING_SETTLED", "", 409, "consumer",
        ("The finding cannot be settled so", "该监察发现不能如此处置"),
        ("A finding is settled once, with a reason.", "每项发现只处置一次，并须说明理由。")),
)
