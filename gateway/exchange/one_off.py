# SPDX-License-Identifier: Apache-2.0
"""一次性告知单: everything that is still missing, told at once (clause 4.11).

Required materials come first. The text is for paper: it names materials, roles and days, and no
holder.
"""

from collections.abc import Sequence
from datetime import date

from gateway.errors import Text
from gateway.exchange.outcome import role_text
from gateway.model.item import ServiceItem
from gateway.model.plan import MaterialAnswer, NoticeLine, OneOffNotice


def make_notice(
    item: ServiceItem, case: str, answers: Sequence[MaterialAnswer], *, issued_on: date
) -> OneOffNotice:
    """Tell what is missing of all materials of a case."""
    open_answers = [answer for answer in answers if not answer.is_settled]
    open_answers.sort(key=lambda answer: answer.necessity != "required")  # stable
    complete = all(answer.necessity != "required" for answer in open_answers)
    missing = tuple(_line(answer) for answer in open_answers)
    return OneOffNotice(
        issued_on,
        complete,
        missing,
        _text(item, case, open_answers, missing, complete=complete, issued_on=issued_on),
    )


def _line(answer: MaterialAnswer) -> NoticeLine:
    assert answer.todo is not None  # it is open
    owed = answer.deferred or answer.deferral
    due_on = owed.due_on if owed else None
    return NoticeLine(answer.material, answer.role, answer.outcome, answer.todo, due_on)


def _text(
    item: ServiceItem,
    case: str,
    answers: Sequence[MaterialAnswer],
    missing: Sequence[NoticeLine],
    *,
    complete: bool,
    issued_on: date,
) -> Text:
    head_en = f"One-off notice\nItem: {item.name} ({item.code})\nCase: {case}\nDay: {issued_on}"
    head_zh = f"一次性告知单\n事项：{item.name}（{item.code}）\n办件：{case}\n日期：{issued_on}"
    if complete:
        head_en += "\nNothing that is required is missing."
        head_zh += "\n必要材料已齐全。"
    lines_en, lines_zh = [head_en], [head_zh]
    for number, (answer, line) in enumerate(zip(answers, missing, strict=True), 1):
        role, is_needed = role_text(line.role), answer.necessity == "required"
        lines_en.append(
            f"{number}. {line.material} ({role.en}, {answer.necessity}): {line.todo.en}"
        )
        need = "必要" if is_needed else "非必要"
        lines_zh.append(f"{number}. {line.material}（{role.zh}，{need}）：{line.todo.zh}")
    return Text("\n".join(lines_en), "\n".join(lines_zh))
