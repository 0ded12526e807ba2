# SPDX-License-Identifier: Apache-2.0
"""The monthly report: a workbook for people, JSON for machines, and one signature over both.

Rules:

1. The JSON names the digest of the workbook, and is itself the payload of a JWS in flattened JSON
   (RFC 7515, ES256): whoever has `/.well-known/jwks.json` checks both with any JOSE library.
2. Equal figures make an equal workbook: it bears the report's own time, not the clock's.
3. No cell is a formula.
"""

import io
from collections.abc import Mapping
from datetime import datetime
from typing import Final

import msgspec
import xlsxwriter

from gateway.crypto.digest import b64url_encode, sha256
from gateway.crypto.primitives import Signer
from gateway.model.cell import Cell, harmless
from gateway.supervision.kpi import METHOD, Figures
from gateway.supervision.repeated import Repeated

TYPE: Final = "yizheng-kpi+json"
_HEADERS: Final = (
    "部门 department",
    "送达 asked",
    "应答 answered",
    "应答率 availability",
    "差错率 error share",
    "p50 (ms)",
    "p95 (ms)",
    "过期数据 stale",
    "缓存 cached",
    "差错代码 codes",
    "逾期 overdue",
    "未使用共享数据的事项 items not using data",
)

_REPEATED_HEADERS: Final = (
    "事项 item",
    "单位 agency",
    "材料 material",
    "证照 certificate",
    "办件 cases",
    "投诉 complaints",
)


class KpiReport(msgspec.Struct, frozen=True, kw_only=True):
    """What a month's report says.

    Attributes:
        month: `YYYY-MM`.
        is_final: whether the month was over; a preliminary report is not frozen.
        made_at: RFC 3339 UTC.
        indexed: how many records of the log were searched.
        not_indexed: how many came too late to be in here.
        repeated: what was asked for again although it could have been shared; without the cases.
    """

    site: str
    origin: str
    month: str
    is_final: bool
    made_at: str
    indexed: int
    not_indexed: int
    figures: tuple[Figures, ...]
    repeated: tuple[Repeated, ...] = ()
    method: Mapping[str, str] = msgspec.field(default_factory=lambda: METHOD)
    xlsx_sha256: str = ""


def format_report(report: KpiReport, signer: Signer) -> tuple[bytes, bytes, bytes]:
    """Workbook, JSON and JWS of a report."""
    workbook = _workbook(report)
    bound = msgspec.structs.replace(report, xlsx_sha256=sha256(workbook).hex())
    payload = msgspec.json.format(msgspec.json.encode(bound), indent=1)
    header = {"alg": "ES256", "kid": signer.keyid, "typ": TYPE}
    protected = b64url_encode(msgspec.json.encode(header))
    signed = f"{protected}.{b64url_encode(payload)}"
    signature = b64url_encode(signer.sign(signed.encode()))
    jws = {
        "payload": b64url_encode(payload),
        "protected": protected,
        "signature": signature,
    }
    return workbook, payload, msgspec.json.encode(jws) + b"\n"


def _workbook(report: KpiReport) -> bytes:
    file = io.BytesIO()
    book = xlsxwriter.Workbook(file, {"in_memory": True})
    made = datetime.fromisoformat(report.made_at).replace(tzinfo=None)
    book.set_properties({"title": f"KPI {report.month}", "created": made})
    sheet = book.add_worksheet(report.month)
    sheet.write_row(0, 0, _HEADERS)
    for place, figures in enumerate(report.figures, 1):
        for column, cell in enumerate(_cells(figures)):
            if isinstance(cell, float | int):
                sheet.write_number(place, column, cell)
            else:
                sheet.write_string(place, column, str(harmless(cell) or ""))
    again = book.add_worksheet("重复提交 repeated")
    again.write_row(0, 0, _REPEATED_HEADERS)
    for place, line in enumerate(report.repeated, 1):
        for column, text in enumerate((line.item, line.agency, line.material, line.certificate)):
            again.write_string(place, column, str(harmless(text)))
        again.write_row(place, 4, (line.case_count, line.complaint_count))
    about = book.add_worksheet("方法 method")
    said: dict[str, Cell] = {
        "site": report.site,
        "origin": report.origin,
        "month": report.month,
        "final": "yes 正式" if report.is_final else "no 预览",
        "made": report.made_at,
        "indexed": report.indexed,
        "not indexed": report.not_indexed,
        **report.method,
    }
    for place, (name, value) in enumerate(said.items()):
        about.write_string(place, 0, name)
        about.write_string(place, 1, str(harmless(value)))
    book.close()
    return file.getvalue()


def _cells(figures: Figures) -> tuple[str | int | float | None, ...]:
    codes = " ".join(f"{code}={count}" for code, count in figures.codes.items())
    return (
        figures.department,
        figures.asked_count,
        figures.answered_count,
        figures.availability,
        figures.error_share,
        figures.p50_ms,
        figures.p95_ms,
        figures.stale_count,
        figures.cached_count,
        codes,
        " ".join(figures.overdue),
        "; ".join(figures.items_not_using),
    )
