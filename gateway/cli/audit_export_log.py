# SPDX-License-Identifier: Apache-2.0
"""`yizheng audit export-log`: the whole log as static files that any C2SP verifier reads."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from gateway.cli.auditor import AsOption, AuditorKeyOption, ReasonOption, open_desk
from gateway.cli.config import SiteOption
from gateway.cli.output import JsonOption, print_json, print_table


def export_log(
    folder: Annotated[Path, typer.Argument(help="Where to; a folder of an earlier export grows.")],
    auditor: AsOption,
    key: AuditorKeyOption,
    reason: ReasonOption,
    site: SiteOption = Path(),
    as_json: JsonOption = False,
) -> None:
    """Write checkpoint, tiles and entries as static files (C2SP tlog-tiles).

    The export is recorded first. A folder of an earlier export is continued: full tiles stay as
    they are. Exit code 4 when that folder holds another history of this log, 78 while another
    export writes to it.

    Example: `yizheng audit export-log mirror --as zhao --key zhao.pem --reason 季度归档`
    """
    from gateway.audit import export
    from gateway.audit.published import PublishedLog
    from gateway.cli.progress import Progress
    from gateway.config import load_site
    from gateway.keyring import log_verifier

    loaded = load_site(site)
    verifier = log_verifier(loaded)
    desk = open_desk(loaded, auditor, key)
    with (
        export.locked(folder),
        Progress("export", shown=sys.stderr.isatty() and not as_json) as progress,
    ):
        desk.record("export", reason=reason, query={"form": "tlog-tiles", "records": "all"})
        log = PublishedLog(loaded.state / "audit")
        note = log.checkpoint()
        assert note is not None  # the act is in the log
        done = log.read(
            lambda reader: export.export_log(
                reader, note, verifier, folder, progress=progress.update
            )
        )
    facts = {
        "folder": str(folder),
        "origin": done.checkpoint.origin,
        "entries": done.checkpoint.size,
        "root": done.checkpoint.root.hex(),
        "written": done.written_count,
        "kept": done.kept_count,
    }
    if as_json:
        print_json(facts)
    else:
        print_table("Log exported", ["what", "value"], facts.items())
