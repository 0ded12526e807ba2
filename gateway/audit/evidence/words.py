# SPDX-License-Identifier: Apache-2.0
"""What people read in a case. Holders stay masked; nothing stands here that the entry does not say.

Nothing in it proves anything by itself: the files beside it do, and `verify_case.py` says so.
"""

from collections.abc import Collection
from typing import Final

from gateway.model.act import Act
from gateway.model.entry import Entry

README: Final = """\
# Evidence about one access 一次访问的证据包

Read `summary.en.md`; then verify. It needs Python 3.11 and `cryptography`, and no network:

    python3 -m venv v && v/bin/pip install cryptography
    v/bin/python verify_case.py case.zip

Take `verify_case.py` from somebody you trust: one that came with a forged case would praise it.
Compare the thumbprints of keys that it prints with those that their owners tell you, or name the
owners' own files:

    v/bin/python verify_case.py case.zip --log-key log.vkey --agency-key agency.pem

A timestamp, where there is one, is signed by its own authority:

    openssl ts -verify -in timestamp.tsr -data timestamped.note \\
        -untrusted keys/authority.pem -CAfile keys/authority-roots.pem

Exit code 0: everything in the case holds. 4: something does not; it says what, and in which file.
`-` before a claim: nothing in the case speaks of it, so it is neither proved nor disproved. A case
that was made without the agency's request says so of the agency's signature (`agency_signature` in
`manifest.json`: `request_not_given`); a case proves it that is made with the request (`proved`), or
by an auditor to whom two persons' unmasking has shown the number (`rebuilt_after_unmasking`).
What each file is: docs/how-to/evidence.md of the gateway.

**Personal data.** Whoever has a case with `request.key` can find the holder's number by trying
numbers on the request's digest: handle it like the number itself. `request.http` and
`response.http` hold numbers, names and values in clear. Keep a case as you keep the request itself.

---

请先阅读 `summary.zh.md`，然后用上面的命令核验（需要 Python 3.11 与 `cryptography`，不需要网络）。
`verify_case.py` 应取自可信来源，并将其打印的公钥指纹与各单位公布的指纹比对。退出码 0 表示全部成立，
4 表示有不成立之处并指明文件；`-` 表示本证据包未涉及该项，既未证明，也未否定。制作时未附请求的，
用证单位的签名即属此类（`manifest.json` 的 `agency_signature` 为 `request_not_given`）；
附请求重新取证（`proved`），或由经双人解除脱敏看过号码的审计人员重新取证（`rebuilt_after_unmasking`），即可证明。
含 `request.key` 的证据包，持有者可对请求摘要试算出证件号码，须按证件号码本身保管；`request.http` 与
`response.http` 含明文个人信息，请按原始请求的保密要求保管。
"""

_NONE: Final = {"en": "–", "zh": "无"}
_TITLES: Final = {
    "en": "# Who looked at what, and why\n\nFrom the audit log `{origin}`, entry {index}.\n",
    "zh": "# 谁因何事查阅了什么\n\n出自审计日志 `{origin}`，第 {index} 条。\n",
}
_ROWS: Final = (
    ("request id", "请求编号", "id"),
    ("time", "时间", "time"),
    ("agency", "用证单位", "agency"),
    ("its key", "单位密钥", "keyid"),
    ("operator", "经办人编号", "operator"),
    ("terminal", "终端", "terminal"),
    ("item", "事项", "item"),
    ("case", "办件", "case"),
    ("purpose", "用途", "purpose"),
    ("mandate", "委托", "mandate"),
    ("made on the request", "依据的请求编号", "plan"),
    ("holder (masked)", "持证主体（掩码）", "holder"),
    ("certificate", "电子证照", "certificate"),
    ("operation", "操作", "operation"),
    ("fields asked for", "请求的字段", "fields_requested"),
    ("fields released", "给出的字段", "fields_released"),
    ("grant", "授权", "grant"),
    ("decision", "决定", "decision"),
    ("outcome", "结果", "outcome"),
    ("refusal", "拒绝代码", "code"),
)
_PARTS: Final = (
    ("entry.tlog-proof", "that the entry is in the log", "该记录在日志中"),
    ("act.tlog-proof", "that making this case was recorded, too", "取证行为本身亦已记录"),
    ("request.base", "what the agency signed", "用证单位所签内容"),
    ("request.http", "the request itself", "请求原文"),
    ("response.base", "what the gateway signed", "网关所签内容"),
    ("response.http", "the answer itself", "应答原文"),
    ("call.json", "the record of the call for all materials", "查齐全部材料之请求的记录"),
    ("keys/witnesses.vkeys", "that witnesses saw the log so", "见证方对日志的共同签名"),
    ("timestamp.tsr", "when it existed at the latest", "可信时间戳"),
)
_PROVES: Final = {
    "en": "\n## What this case can prove\n",
    "zh": "\n## 本证据包可证明的内容\n",
}
_ON_REQUEST: Final = {
    "en": "\nThis access was made on another request of the agency, whose signature it bears: "
    "for all materials of the case, or a standing order of earlier. Read the record of that "
    "request with `yizheng audit view {plan}`.\n",
    "zh": "\n本次访问依据用证单位的另一请求作出（查齐办件全部材料，或此前签署的常设委托查询），"
    "其签名即该请求的签名。可用 `yizheng audit view {plan}` 查看该请求的记录。\n",
}
_NO_REQUEST: Final = {
    "en": "\nThis case was made without the agency's request. That the agency signed it is here "
    "neither proved nor disproved; a case made with the request, or after the holder was unmasked, "
    "proves it.\n",
    "zh": "\n制作本证据包时未附用证单位的请求。用证单位是否签署该请求，在此既未证明，也未否定；"
    "附请求或经双人解除脱敏后重新取证，即可证明。\n",
}
_REBUILT: Final = {
    "en": "\n**Handle this case like the holder's number itself.** What the agency signed was "
    "rebuilt from the log, after two persons had unmasked the holder to who made this case. "
    "Whoever has it can find the number, and a name or values that the request stated, by trying "
    "them on what `request.key` opens.\n",
    "zh": "\n**本证据包须按证件号码本身保管。** 用证单位所签内容系经双人解除脱敏后，"
    "由制作者据日志重建；持有 `request.key` 者可通过试算得出证件号码，"
    "以及请求中写明的姓名或比对值。\n",
}
_MADE: Final = {
    "en": "\nMade by `{actor}` at {time}: {reason}\n",
    "zh": "\n由 `{actor}` 于 {time} 制作，理由：{reason}\n",
}


def summary(
    language: str, *, origin: str, index: int, entry: Entry, act: Act, files: Collection[str]
) -> bytes:
    """One page about an entry.

    Args:
        language: `en` or `zh`.
        files: names of the members of the case.
    """
    column = ("en", "zh").index(language)
    lines = [_TITLES[language].format(origin=origin, index=index)]
    lines += [f"- {row[column]}: {_cell(_value(entry, row[2]), _NONE[language])}" for row in _ROWS]
    if entry.plan:
        lines.append(_ON_REQUEST[language].format(plan=entry.plan))
    lines.append(_PROVES[language])
    lines += [f"- [{'x' if row[0] in files else ' '}] {row[1 + column]}" for row in _PARTS]
    if "request.base" not in files:
        lines.append(_NO_REQUEST[language])
    elif "request.http" not in files:
        lines.append(_REBUILT[language])
    lines.append(_MADE[language].format(actor=act.actor, time=act.time, reason=act.reason))
    return "\n".join(lines).encode()


def _value(entry: Entry, member: str) -> object:
    match member:
        case "holder":
            return entry.holder.masked if entry.holder else None
        case "mandate" | "plan":
            return getattr(entry, member) or None  # left out where there is none
        case "decision":
            return f"{entry.decision.result} ({entry.decision.rule})"
        case _:
            return getattr(entry, member)


def _cell(value: object, none: str) -> str:
    """One line of plain text: what a caller wrote must not look like part of the page."""
    if value is None or value == ():
        return none
    text = ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)
    return f"`{' '.join(text.split()).replace('`', '’')}`"
