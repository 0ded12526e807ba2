# SPDX-License-Identifier: Apache-2.0
"""The citizen report's words, in one language at a time."""

from collections.abc import Mapping, Sequence
from typing import Final, Literal, final

from gateway.errors import REFUSALS, Text
from gateway.model.act import Act, Action
from gateway.model.agency import Agency
from gateway.model.certificate import CertificateType
from gateway.model.entry import Entry
from gateway.model.item import ServiceItem

Language = Literal["zh", "en"]

_OUTCOMES: Final[Mapping[str, Text]] = {
    "found": Text("found, and the fields were given", "查到，已提供所列字段"),
    "not_found": Text("no such record at the department", "部门无此记录"),
    "match": Text("compared: it matches; nothing was given", "核验一致，未提供内容"),
    "mismatch": Text("compared: it does not match; nothing was given", "核验不一致，未提供内容"),
    "refused": Text("refused; nothing was given", "已拒绝，未提供内容"),
    "unavailable": Text(
        "the department could not answer; nothing was given", "部门未能答复，未提供内容"
    ),
}
_OPERATIONS: Final[Mapping[str, Text]] = {
    "query": Text("asked for fields", "查询字段"),
    "verify": Text("compared what the agency knew", "核验（只比对，不提供内容）"),
}
#: Acts by which somebody read about a holder. A hold shows nothing to anybody, and what an agency
#: fetches as a receipt is its own.
READINGS: Final[Mapping[Action, Text]] = {
    "search": Text("searched the log for you", "检索了与您有关的记录"),
    "view": Text("viewed a record about you", "查看了与您有关的一条记录"),
    "export": Text("exported records about you", "导出了与您有关的记录"),
    "report": Text("made such a report", "制作了本类报告"),
    "evidence": Text("made evidence of a record about you", "对与您有关的一条记录出具了证据"),
    "unmask_ask": Text("asked to see your number", "申请查看您的号码"),
    "unmask_approve": Text("approved seeing your number", "批准查看您的号码"),
    "unmask_redeem": Text("saw your number", "查看了您的号码"),
}
_REFUSED: Final = Text(" (refused)", "（未获准）")
#: Labels of a page, by name.
LABELS: Final[Mapping[str, Text]] = {
    "title": Text("Who looked at your data", "个人信息查阅情况报告"),
    "site": Text("Gateway", "网关"),
    "holder": Text("Holder", "持证主体"),
    "made": Text("Made", "制作时间"),
    "log": Text("Audit log", "审计日志"),
    "records": Text("records looked through", "条记录已查"),
    "epochs": Text("Months in which you can be found", "可查月份"),
    "summary": Text("Accesses shown", "所列访问次数"),
    "withheld": Text(
        "Further records that may not be shown, or not yet", "依规定不予或暂不展示的记录数"
    ),
    "erased": Text(
        "Months that were erased; records about you in them, if any, cannot be found by anybody",
        "已擦除的月份（其中如有与您有关的记录，任何人均无法再查出，数量不明）",
    ),
    "lost": Text(
        "Months without keys and without a record of erasure; ask the gateway's operator",
        "密钥缺失且日志无擦除记录的月份（请向网关运维方查询）",
    ),
    "case": Text("Case", "办件"),
    "no_case": Text("No case named", "未注明办件"),
    "time": Text("Time", "时间"),
    "division": Text("Division", "区划"),
    "item": Text("Service item", "事项"),
    "purpose": Text("Purpose", "用途"),
    "certificate": Text("Certificate", "证照"),
    "department": Text("Department asked", "数据提供部门"),
    "operation": Text("What was done", "方式"),
    "fields": Text("Fields", "字段"),
    "decision": Text("Decision", "是否准许"),
    "outcome": Text("Outcome", "结果"),
    "operator": Text("Operator", "经办人编号"),
    "permitted": Text("permitted", "准许"),
    "denied": Text("refused", "拒绝"),
    "record": Text("record", "日志序号"),
    "readings": Text("Looked up by auditors", "审计查阅"),
    "nothing": Text("No access was found.", "未查到访问记录。"),
    "contest": Text(
        "If you do not recognise an access, name its record number to the gateway's operator.",
        "如对某次访问有异议，请向网关运维方提供其日志序号。",
    ),
}


@final
class Words:
    """Codes of the log in words.

    Args:
        items: by code.
        agencies: by id.
        certificates: by name.
    """

    def __init__(
        self,
        language: Language,
        *,
        items: Mapping[str, ServiceItem],
        agencies: Mapping[str, Agency],
        certificates: Mapping[str, CertificateType],
    ) -> None:
        self.language: Final = language
        self.items: Final = items
        self._agencies: Final = agencies
        self._certificates: Final = certificates

    def agency(self, agency: str) -> str:
        """The agency's name; its id where it is not registered any more."""
        found = self._agencies.get(agency)
        return agency if found is None else found.name

    def item(self, code: str | None) -> str | None:
        """Name of the item, and its office."""
        found = None if code is None else self.items.get(code)
        return code if found is None else f"{found.name}, {found.department}"

    def certificate(self, name: str | None) -> str | None:
        """Title of the certificate type."""
        found = None if name is None else self._certificates.get(name)
        return name if found is None else say(found.title, self.language)

    def fields(self, certificate: str | None, names: Sequence[str]) -> tuple[str, ...]:
        """Titles of fields."""
        found = None if certificate is None else self._certificates.get(certificate)
        titles = {} if found is None else {field.name: field.title for field in found.fields}
        return tuple(say(titles[name], self.language) if name in titles else name for name in names)

    def operation(self, operation: str | None) -> str | None:
        """What was done."""
        return None if operation is None else say(_OPERATIONS[operation], self.language)

    def outcome(self, entry: Entry) -> str:
        """What came of it; for a refusal, why."""
        known = _OUTCOMES.get(entry.outcome)
        said = entry.outcome if known is None else say(known, self.language)
        if entry.outcome != "refused" or entry.code not in REFUSALS:
            return said
        return f"{said}: {say(REFUSALS[entry.code].title, self.language)}"

    def act(self, act: Act) -> str:
        """What an auditor did."""
        said = say(READINGS[act.action], self.language)
        return said + (say(_REFUSED, self.language) if act.outcome == "refused" else "")


def say(text: Text, language: Language) -> str:
    """A text in one language."""
    return text.zh if language == "zh" else text.en
