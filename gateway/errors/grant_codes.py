# SPDX-License-Identifier: Apache-2.0
"""The codes about grants and applications; parts of the table in `gateway.errors.codes`."""

from typing import Final

from gateway.errors.refusal import row

# fmt: off
GRANT_TABLE: Final = (
    row("NOT_GRANTED", "grant", 403, "consumer",
        ("The agency has no grant for this certificate", "单位未获该证照授权"),
        ("Apply to the department for a grant.", "请向数据提供部门申请授权。")),
    row("GRANT_REVOKED", "grant", 403, "consumer",
        ("The grant was revoked", "授权已被撤销"),
        ("Ask the department why, and apply anew.", "请向数据提供部门了解原因，并重新申请。")),
    row("GRANT_EXPIRED", "grant", 403, "consumer",
        ("The grant is not valid today", "授权当前不在有效期内"),
        ("Renew the grant, or wait until it starts.", "请续期，或待其生效。")),
    row("HOURS_NOT_GRANTED", "grant", 403, "consumer",
        ("The grant does not cover this time of the day", "授权不含当前时段"),
        ("Ask within the hours that `detail` names.", "请在 detail 所列时段内请求。"),
        retryable=True),
    row("ITEM_NOT_GRANTED", "grant", 403, "consumer",
        ("The grant does not cover this item", "授权不含该事项"),
        ("Use an item of the grant, or apply for this one.", "请使用授权所列事项，或申请扩充。")),
    row("DIVISION_NOT_GRANTED", "grant", 403, "consumer",
        ("The grant does not cover this division", "授权不含该行政区划"),
        ("Give the place that handles the case as `attribution.division`; `detail` names where.",
         "请在 attribution.division 中填写办理地区划代码，且须在 detail 所列区划之内。")),
    row("NETWORK_DENIED", "grant", 403, "consumer",
        ("The grant does not cover this network", "授权不含该网络地址"),
        ("Call from a registered network.", "请从登记的网络调用。")),
)

#: For commands: never sent as a response.
APPLICATION_TABLE: Final = (
    row("APPLICATION_UNKNOWN", "", 404, "consumer",
        ("No such application in this site", "本站点没有该共享申请"),
        ("`yizheng grant applications` shows all; `yizheng grant apply` begins one.",
         "yizheng grant applications 列出全部申请；yizheng grant apply 提出申请。")),
    row("APPLICATION_DUPLICATE", "", 409, "consumer",
        ("The application exists already", "该共享申请已存在"),
        ("Choose another id.", "请另选编号。")),
    row("APPLICATION_MALFORMED", "", 422, "consumer",
        ("The application cannot be granted as it is", "该共享申请有误，无法授权"),
        ("`detail` names what does not fit; mend it and apply again.",
         "detail 指明不符之处；请修改后重新申请。")),
    row("APPLICATION_STATE", "", 409, "consumer",
        ("It is not the turn of this step", "当前状态不允许此步骤"),
        ("`detail` says where the application stands; `yizheng grant applications` shows all.",
         "detail 指明申请当前状态；yizheng grant applications 列出全部申请。")),
    row("ASSESSMENT_MISSING", "", 422, "consumer",
        ("A sensitive field lacks its impact assessment", "敏感字段缺少个人信息保护影响评估"),
        ("Ask for its reference with `yizheng grant supplement`, or leave the fields out.",
         "请通过 yizheng grant supplement 要求补充评估编号，或去掉这些字段。")),
    row("GRANT_UNKNOWN", "", 404, "consumer",
        ("No such grant in this site", "本站点没有该授权"),
        ("`yizheng grant list` shows all.", "yizheng grant list 列出全部授权。")),
)
# fmt: on
