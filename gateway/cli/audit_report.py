# SPDX-License-Identifier: Apache-2.0
"""`yizheng audit report`: who looked at one person's data, for that person."""

import sys
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from gateway.cli.audit_anomalies import cipher_by_epoch
from gateway.cli.audit_filters import read_holder
from gateway.cli.auditor import AsOption, AuditorKeyOption, ReasonOption, open_desk
from gateway.cli.config import SiteOption
from gateway.errors import SetupError

if TYPE_CHECKING:
    from gateway.audit.report import Found, Report
    from gateway.audit.report_words import Language, Words
    from gateway.config import Site
    from gateway.model.holder import Holder


class Form(StrEnum):
    """How a report is written."""

    text = "text"
    json = "json"
    html = "html"


class Lang(StrEnum):
    """In which language."""

    zh = "zh"
    en = "en"


def report(
    auditor: AsOption,
    key: AuditorKeyOption,
    reason: ReasonOption,
    holder_file: Annotated[
        Path | None, typer.Option(help="Read the holder's number from there; - is stdin.")
    ] = None,
    holder_scheme: Annotated[str, typer.Option(help="cn-id or cn-uscc.")] = "cn-id",
    lang: Annotated[Lang, typer.Option(help="Language of the report.")] = Lang.zh,
    form: Annotated[Form, typer.Option("--format", help="text, json or html.")] = Form.text,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="New file, readable by you only.")
    ] = None,
    internal: Annotated[
        bool, typer.Option("--internal", help="With operators' ids: not for the holder.")
    ] = False,
    site: SiteOption = Path(),
) -> None:
    """Tell a person who looked at their data, when, for what, and what was answered.

    The number is read from a file, from standard input, or asked for without echo.

    Example: `yizheng audit report --as zhao --key zhao.pem --reason "request 12" --format html
    -o report.html < number.txt`
    """
    from gateway.audit.report import make_report
    from gateway.config import load_site

    loaded = load_site(site)
    desk = open_desk(loaded, auditor, key)
    desk.allow("report")
    holder = read_holder(holder_file, holder_scheme, loaded)
    if output is not None and output.exists():
        raise _unwritable(output, "exists already")
    section = loaded.config.site
    made = make_report(
        _find(loaded, holder, progress_shown=output is not None),
        holder,
        _words(loaded, lang.value),
        site=section.name,
        origin=section.origin,
        now=datetime.now(UTC),
        utc_offset_h=section.utc_offset_h,
        internal=internal,
    )
    desk.record(
        "report", reason=reason, query={"internal": internal}, holder=holder,
        count=made.access_count,
    )  # fmt: skip
    text = _format(made, form)
    if output is None:
        sys.stdout.write(text)
    else:
        _write(output, text)


def _find(site: "Site", holder: "Holder", *, progress_shown: bool) -> "Found":
    from gateway.audit.report import find_records
    from gateway.audit.store.reader import LogReader
    from gateway.cli.progress import Progress

    with (
        closing(LogReader.open(site.state / "audit")) as reader,
        Progress("records", shown=progress_shown and sys.stderr.isatty()) as bar,
    ):
        size = reader.size()

        def lines() -> Iterator[tuple[int, bytes]]:
            for index, line in reader.entries():
                if index % 10_000 == 0:
                    bar.update(index, size)
                yield index, line

        return find_records(lines(), holder, cipher_by_epoch(site))


def _words(site: "Site", language: "Language") -> "Words":
    from gateway.audit.report_words import Words
    from gateway.registry.site import load_departments

    return Words(
        language,
        items={item.code: item for item in site.items},
        agencies={agency.id: agency for agency in site.agencies},
        certificates=load_departments(site).certificates,
    )


def _format(made: "Report", form: Form) -> str:
    from gateway.audit.report_page import format_html, format_text

    match form:
        case Form.text:
            return format_text(made)
        case Form.html:
            return format_html(made)
        case Form.json:
            return msgspec.json.encode(made).decode() + "\n"


def _write(output: Path, text: str) -> None:
    from gateway.keyring import write_private

    try:
        write_private(output, text.encode())
    except OSError as error:
        raise _unwritable(output, f"cannot be written: {error.strerror}") from None


def _unwritable(output: Path, why: str) -> SetupError:
    return SetupError(why, where=str(output), remedy="name a new file in a folder of yours.")
