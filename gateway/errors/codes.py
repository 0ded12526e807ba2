# SPDX-License-Identifier: Apache-2.0
"""Every code that this project can answer with, in one table.

Codes, statuses and attribution follow the return-code table of docs/reference/errors.md, which is
generated from here. A code is a contract: it may be added, never renamed or given another meaning.
"""

from typing import Final, Literal

import msgspec

Attribution = Literal["consumer", "gateway", "provider"]

#: Checks in the order in which a lookup passes them; a problem document lists them with
#: passed, failed or not reached, so that an integrator sees how far a request came.
CHECKS: Final = (
    "framing",
    "target",
    "size",
    "signature_input",
    "coverage",
    "authority",
    "key",
    "agency",
    "created",
    "digest",
    "signature",
    "x509",
    "rate",
    "nonce",
    "body",
    "attribution",
    "holder",
    "certificate",
    "item",
    "operator",
    "purpose",
    "case",
    "grant",
    "operation",
    "fields",
    "quota",
    "department",
    "record",
)


class Text(msgspec.Struct, frozen=True):
    """The same words in English and Chinese."""

    en: str
    zh: str


class Refusal(msgspec.Struct, frozen=True):
    """One way in which this project says no.

    Attributes:
        code: stable slug.
        check: the member of `CHECKS` that failed; empty where no request is involved.
        status: HTTP status.
        attribution: whose side has to act.
        retryable: whether the same request, signed anew, may succeed later.
        title: what it means.
        hint: how to mend it.
    """

    code: str
    check: str
    status: int
    attribution: Attribution
    retryable: bool
    title: Text
    hint: Text


def _row(  # noqa: PLR0917 - a row of the table below reads by position
    code: str,
    check: str,
    status: int,
    whose: Attribution,
    title: tuple[str, str],
    hint: tuple[str, str],
    *,
    retryable: bool = False,
) -> Refusal:
    return Refusal(code, check, status, whose, retryable, Text(*title), Text(*hint))


# fmt: off
_TABLE: Final = (
    # ---- the HTTP edge ---------------------------------------------------------------------
    _row("HTTP_UNACCEPTABLE", "framing", 400, "consumer",
         ("Not an acceptable HTTP/1.1 message", "不是可接受的 HTTP/1.1 报文"),
         ("Send origin-form HTTP/1.1 with one Content-Length, or exactly one Transfer-Encoding: chunked.",
          "请使用 HTTP/1.1 源形式请求，且只带一个 Content-Length 或一个 Transfer-Encoding: chunked。")),
    _row("REQUEST_TIMEOUT", "framing", 408, "consumer",
         ("The request did not arrive in time", "请求未在时限内到达"),
         ("Send the head and the body without pauses, on a connection that is up to it.",
          "请不间断地发送请求头与请求体，并检查网络质量。"), retryable=True),
    _row("HEAD_TOO_LARGE", "framing", 431, "consumer",
         ("The target or the header fields are too large", "请求目标或请求头过大"),
         ("Send a shorter target, fewer header fields or smaller ones.",
          "请缩短请求目标，减少请求头的数量或长度。")),
    _row("PATH_UNKNOWN", "target", 404, "consumer",
         ("No such resource", "没有此资源"),
         ("Check the path against docs/reference/wire.md; version 1 paths start with /v1/.",
          "请对照接口文档检查路径；第一版接口以 /v1/ 开头。")),
    _row("METHOD_UNSUPPORTED", "target", 405, "consumer",
         ("The resource does not support this method", "此资源不支持该方法"),
         ("Use the method named in the Allow header.", "请使用 Allow 头中列出的方法。")),
    _row("CONTENT_TYPE_UNSUPPORTED", "target", 415, "consumer",
         ("The body is not application/json", "请求体不是 application/json"),
         ("Send Content-Type: application/json and no Content-Encoding.",
          "请使用 Content-Type: application/json，且不要压缩。")),
    _row("BODY_TOO_LARGE", "size", 413, "consumer",
         ("The body is too large", "请求体过大"),
         ("A request body may have at most 65,536 bytes.", "请求体不得超过 65536 字节。")),
    # ---- who is asking ---------------------------------------------------------------------
    _row("SIGNATURE_MISSING", "signature_input", 401, "consumer",
         ("The request is not signed", "请求没有签名"),
         ("Add Signature-Input and Signature with exactly one signature tagged \"yizheng-v1\".",
          "请添加 Signature-Input 与 Signature，且恰有一个 tag 为 \"yizheng-v1\" 的签名。")),
    _row("SIGNATURE_MALFORMED", "signature_input", 400, "consumer",
         ("The signature fields cannot be read", "签名字段无法解析"),
         ("Write Signature-Input and Signature as RFC 9421 structured fields; the signature is base64 between colons.",
          "请按 RFC 9421 结构化字段书写；签名值为冒号之间的 base64。")),
    _row("COMPONENT_MISSING", "coverage", 400, "consumer",
         ("The signature does not cover what it must", "签名覆盖的内容不全"),
         ("Cover \"@method\" \"@authority\" \"@path\" \"@query\" \"content-type\" \"content-digest\" and give created, nonce, keyid, tag.",
          "须覆盖 \"@method\" \"@authority\" \"@path\" \"@query\" \"content-type\" \"content-digest\"，并给出 created、nonce、keyid、tag。")),
    _row("AUTHORITY_UNKNOWN", "authority", 421, "consumer",
         ("This gateway is not known by that host name", "本网关不使用该主机名"),
         ("Send the Host that the gateway's operator published, and sign the same one.",
          "请使用网关运维方公布的主机名，并对同一主机名签名。")),
    _row("KEY_UNKNOWN", "key", 401, "consumer",
         ("The key is not registered here", "密钥未在本网关登记"),
         ("Check keyid; register the public key with the gateway's operator.",
          "请检查 keyid；向网关运维方登记公钥。")),
    _row("KEY_INACTIVE", "key", 401, "consumer",
         ("The key is not valid at this time", "密钥当前无效"),
         ("The key is revoked, expired or not valid yet; sign with a current one.",
          "密钥已吊销、过期或尚未生效；请改用有效密钥。")),
    _row("AGENCY_INACTIVE", "agency", 403, "consumer",
         ("The agency is disabled", "用证单位已停用"),
         ("Ask the gateway's operator.", "请联系网关运维方。")),
    _row("TIMESTAMP_EXPIRED", "created", 401, "consumer",
         ("The signature is too old or from the future", "签名时间超出允许范围"),
         ("Synchronise the clock, and sign each request when it is sent.",
          "请校准时钟，并在发送时签名。"), retryable=True),
    _row("DIGEST_MALFORMED", "digest", 400, "consumer",
         ("Content-Digest cannot be read", "Content-Digest 无法解析"),
         ("Write Content-Digest: sha-256=:<base64 of the 32 bytes>: (RFC 9530), not hexadecimal.",
          "请写成 Content-Digest: sha-256=:<32 字节的 base64>:（RFC 9530），不要用十六进制。")),
    _row("DIGEST_MISMATCH", "digest", 400, "consumer",
         ("The body is not the one that was signed", "请求体与摘要不符"),
         ("Compute Content-Digest over the exact bytes that are sent; do not re-serialise afterwards.",
          "请对实际发送的字节计算摘要；之后不要重新序列化。")),
    _row("SIGNATURE_INVALID", "signature", 401, "consumer",
         ("The signature does not verify", "签名验证不通过"),
         ("Compare your signature base with the gateway's; for P-256 send r||s (64 bytes), not DER.",
          "请比对签名基串；P-256 须发送 r||s（64 字节），不是 DER。")),
    _row("X509_NOT_OF_AGENCY", "x509", 403, "consumer",
         ("The connection's X.509 certificate is not the agency's", "连接所用的 X.509 证书不属于该用证单位"),
         ("Connect with a client certificate that is registered for the agency of `keyid`.",
          "请使用为 keyid 所属单位登记的客户端 X.509 证书建立连接。")),
    _row("RATE_LIMITED", "rate", 429, "consumer",
         ("The agency asks too often", "单位请求过于频繁"),
         ("Wait for Retry-After seconds, then sign again; RateLimit and RateLimit-Policy tell what is left.",
          "请等待 Retry-After 所示秒数后重新签名；RateLimit 与 RateLimit-Policy 给出剩余额度。"),
         retryable=True),
    _row("NONCE_REPLAYED", "nonce", 401, "consumer",
         ("This request was already received", "该请求已收到过"),
         ("Make a new random nonce for each request, and sign again.",
          "每次请求须生成新的随机 nonce 并重新签名。")),
    # ---- what is asked ---------------------------------------------------------------------
    _row("BODY_MALFORMED", "body", 400, "consumer",
         ("The body does not fit the schema", "请求体不符合格式"),
         ("See docs/reference/wire.md; unknown and repeated members are refused.",
          "请对照接口文档；不接受未知或重复的成员。")),
    _row("ATTRIBUTION_PERSONAL", "attribution", 422, "consumer",
         ("Personal data stands where it would be logged", "个人信息出现在会被记录的位置"),
         ("Put the holder's number and name into `holder` only: all other members of a request are recorded.",
          "持证主体的号码与姓名只能写在 holder 中：请求的其他成员都会被记录。")),
    _row("HOLDER_INVALID", "holder", 422, "consumer",
         ("The holder's number is not valid", "证件号码或统一社会信用代码无效"),
         ("Check the number against the document; `detail` names the check that failed.",
          "请对照证件核对号码；detail 指明未通过的校验。")),
    _row("CERTIFICATE_UNKNOWN", "certificate", 422, "consumer",
         ("No such certificate type", "没有此证照类型"),
         ("Use a type that the gateway's operator publishes; types with another kind of holder do not fit.",
          "请使用网关运维方公布的、与持证主体种类相符的证照类型。")),
    _row("ITEM_UNKNOWN", "item", 422, "consumer",
         ("No such published item", "没有此已公布事项"),
         ("Use an item code of the published list.", "请使用已公布清单中的事项编码。")),
    _row("ITEM_LACKS_CERTIFICATE", "item", 403, "consumer",
         ("The item does not need this certificate", "该事项不需要此证照"),
         ("Ask only for what the item's list of materials names.",
          "只能查询该事项材料清单所列的证照。")),
    _row("OPERATOR_UNKNOWN", "operator", 403, "consumer",
         ("The operator is not registered for this agency", "经办人未在本单位登记"),
         ("Register the operator (id and name) with the gateway's operator.",
          "请向网关运维方登记经办人的编号与姓名。")),
    _row("OPERATOR_PLACEHOLDER", "operator", 422, "consumer",
         ("The operator is a placeholder", "经办人为占位内容"),
         ("Name the person who is handling the case.", "请填写实际经办人。")),
    _row("PURPOSE_PLACEHOLDER", "purpose", 422, "consumer",
         ("The purpose is empty or a placeholder", "用途为空或为占位内容"),
         ("Say in words why the certificate is needed for this case.",
          "请写明本办件为何需要该证照。")),
    _row("CASE_MALFORMED", "case", 422, "consumer",
         ("The case number is not well-formed", "办件编号不规范"),
         ("Use 4 to 64 letters, digits, '-', '_', '.' or '/'.",
          "请使用 4 至 64 位字母、数字、-、_、. 或 /。")),
    # ---- may they --------------------------------------------------------------------------
    _row("NOT_GRANTED", "grant", 403, "consumer",
         ("The agency has no grant for this certificate", "单位未获该证照授权"),
         ("Apply to the department for a grant.", "请向数据提供部门申请授权。")),
    _row("GRANT_EXPIRED", "grant", 403, "consumer",
         ("The grant is not valid today", "授权当前不在有效期内"),
         ("Renew the grant, or wait until it starts.", "请续期，或待其生效。")),
    _row("ITEM_NOT_GRANTED", "grant", 403, "consumer",
         ("The grant does not cover this item", "授权不含该事项"),
         ("Use an item of the grant, or apply for this one.", "请使用授权所列事项，或申请扩充。")),
    _row("NETWORK_DENIED", "grant", 403, "consumer",
         ("The grant does not cover this network", "授权不含该网络地址"),
         ("Call from a registered network.", "请从登记的网络调用。")),
    _row("OPERATION_NOT_GRANTED", "operation", 403, "consumer",
         ("The grant does not cover this operation", "授权不含该操作"),
         ("Use an operation of the grant; `verify` needs less than `query`.",
          "请使用授权所列操作；核验所需权限小于查询。")),
    _row("FIELD_UNKNOWN", "fields", 422, "consumer",
         ("The fields asked for do not fit the certificate", "所请求的字段与证照不符"),
         ("Name at least one field of the certificate type: `fields` for query, `claims` for verify.",
          "请至少列出证照类型的一个字段：查询用 fields，核验用 claims。")),
    _row("FIELD_NOT_GRANTED", "fields", 403, "consumer",
         ("The grant does not cover this field", "授权不含该字段"),
         ("Ask only for fields of the grant.", "只能请求授权所列字段。")),
    _row("QUOTA_EXCEEDED", "quota", 429, "consumer",
         ("The grant's daily cap is used up", "授权的每日次数已用完"),
         ("Wait until the next day, or apply for a higher cap.", "请次日再试，或申请提高上限。"),
         retryable=True),
    # ---- the department --------------------------------------------------------------------
    _row("PROVIDER_UNAVAILABLE", "department", 503, "provider",
         ("The department's system is not available", "部门系统不可用"),
         ("Nothing is known about the record. Retry later; do not treat this as \"not found\".",
          "未取得任何结论。请稍后重试；不得视为“查无此证”。"), retryable=True),
    _row("PROVIDER_TIMEOUT", "department", 504, "provider",
         ("The department's system did not answer in time", "部门系统超时未答复"),
         ("Nothing is known about the record. Retry later; do not treat this as \"not found\".",
          "未取得任何结论。请稍后重试；不得视为“查无此证”。"), retryable=True),
    _row("PROVIDER_ERROR", "department", 502, "provider",
         ("The department's answer cannot be used", "部门答复无法使用"),
         ("The gateway's operator has been told. Nothing is known about the record.",
          "已通知网关运维方。未取得任何结论。")),
    _row("PROVIDER_REFUSED", "department", 502, "provider",
         ("The department's system refused the gateway", "部门系统拒绝了本网关"),
         ("The gateway's operator has to mend the sign-in. Nothing is known about the record.",
          "须由网关运维方修复对接。未取得任何结论。")),
    # ---- the record ------------------------------------------------------------------------
    _row("ENTRY_TOO_LARGE", "record", 422, "consumer",
         ("The request is too long to be recorded", "请求内容过长，无法记录"),
         ("Shorten purpose, case, terminal or the list of fields.",
          "请缩短用途、办件、终端或字段列表。")),
    _row("AUDIT_UNAVAILABLE", "record", 503, "gateway",
         ("The access cannot be recorded now", "当前无法记录本次访问"),
         ("No record, no answer. Retry shortly with a new signature.",
          "无记录则不答复。请稍后重新签名并重试。"), retryable=True),
    _row("OVERLOADED", "record", 503, "gateway",
         ("The gateway is busy", "网关繁忙"),
         ("Retry after the stated time.", "请按所示时间后重试。"), retryable=True),
    _row("INTERNAL", "", 500, "gateway",
         ("An error inside the gateway", "网关内部错误"),
         ("Nothing was disclosed. Give the request_id to the gateway's operator.",
          "未披露任何数据。请将 request_id 告知网关运维方。"), retryable=True),
    # ---- for clients, verifiers and operators: never sent as a response ----------------------
    _row("RESPONSE_UNTRUSTED", "", 502, "gateway",
         ("The response is not a signed answer to this request", "应答不是对该请求的有效签名答复"),
         ("Do not use it. Check the pinned gateway key, and proxies that rewrite responses.",
          "请勿使用。检查所固定的网关公钥，以及改写应答的代理。")),
    _row("GATEWAY_UNREACHABLE", "", 503, "gateway",
         ("The gateway cannot be reached", "无法连接网关"),
         ("Check the address and the network; then retry.", "请检查地址与网络后重试。"),
         retryable=True),
    _row("KEY_UNUSABLE", "", 422, "consumer",
         ("The key cannot be used", "密钥无法使用"),
         ("Use a P-256 or Ed25519 key in PEM.", "请使用 PEM 格式的 P-256 或 Ed25519 密钥。")),
    _row("KEY_PRIVATE", "", 422, "consumer",
         ("This is a private key", "这是私钥"),
         ("Register the public half. A private key that was sent is no longer one: make a new pair.",
          "只登记公钥。私钥一经发送即不再安全，请重新生成密钥对。")),
    _row("KEY_DUPLICATE", "", 409, "consumer",
         ("The key or its id is registered already", "密钥或其编号已登记"),
         ("Give each key an id of its own, and each agency a key of its own; a revoked key never returns.",
          "每个密钥须有独立编号，每个单位须有独立密钥；已吊销的密钥不得再用。")),
    _row("X509_UNUSABLE", "", 422, "consumer",
         ("The X.509 certificate cannot be used", "X.509 证书无法使用"),
         ("Give one X.509 certificate that is still valid, in PEM or DER.",
          "请提供一份仍在有效期内的 X.509 证书（PEM 或 DER）。")),
    _row("PERIOD_INVALID", "", 422, "consumer",
         ("The period cannot be used", "时间范围无效"),
         ("Write times with their zone (2026-12-01T00:00:00Z) and durations as 90s, 30m, 12h or 7d.",
          "时间须带时区（2026-12-01T00:00:00Z），时长写作 90s、30m、12h 或 7d。")),
    _row("AGENCY_UNKNOWN", "", 404, "consumer",
         ("No such agency in this site", "本站点没有该用证单位"),
         ("`yizheng agency list` shows all; `yizheng agency add` adds one.",
          "yizheng agency list 列出全部单位；yizheng agency add 新增单位。")),
    _row("AGENCY_DUPLICATE", "", 409, "consumer",
         ("The agency exists already", "该用证单位已存在"),
         ("Choose another id, or change its file under agencies/.",
          "请另选编号，或修改 agencies/ 下的文件。")),
    _row("AGENCY_MALFORMED", "", 422, "consumer",
         ("The agency or the key id is not well-formed", "用证单位或密钥编号不规范"),
         ("Agency ids have lower-case letters, digits and hyphens; `detail` names what does not fit.",
          "单位编号由小写字母、数字与连字符组成；detail 指明不符之处。")),
    _row("PROOF_INVALID", "", 500, "gateway",
         ("The audit log does not verify", "审计日志验证不通过"),
         ("Stop, keep the files, and compare with checkpoints kept elsewhere.",
          "请停止操作、保留文件，并与异地保存的检查点比对。")),
    _row("SETUP_INVALID", "", 500, "gateway",
         ("The configuration cannot be used", "配置无法使用"),
         ("Mend the file named, then run `yizheng config check`.",
          "请修改所指文件，然后运行 yizheng config check。")),
)
# fmt: on

REFUSALS: Final[dict[str, Refusal]] = {row.code: row for row in _TABLE}
