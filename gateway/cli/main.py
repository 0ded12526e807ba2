# SPDX-License-Identifier: Apache-2.0
"""Assembles the commands, and turns every failure into words and an exit code."""

import sys
from typing import Final

import typer

from gateway import __version__
from gateway.cli import (
    adapter,
    adapter_check,
    adapter_dev,
    adapter_list,
    adapter_new,
    adapter_shadow,
    agency,
    agency_keys,
    agency_x509,
    alarm,
    attribution,
    audit,
    audit_anomalies,
    audit_evidence,
    audit_export_log,
    audit_keep,
    audit_report,
    audit_search,
    audit_unmask,
    audit_verify,
    auditor,
    cache,
    calendar,
    case,
    commitment,
    complaint,
    config,
    correction,
    corrective,
    deferral,
    department,
    evaluation,
    event,
    explain,
    grant,
    grant_explain,
    grant_review,
    incident,
    item,
    item_read,
    keys,
    kpi,
    lists,
    lookup,
    monitor,
    reference,
    serve,
    site_keys,
    witness,
)
from gateway.cli.output import exit_code, print_error
from gateway.errors import GatewayError

app: Final = typer.Typer(
    name="yizheng",
    help="一证网关 Yizheng Gateway: certificates shared between government bodies, with proof.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    epilog="Exit codes: 0 done, 1 refused, 2 usage, 3 unavailable, 4 untrusted, 78 configuration.",
)
app.command("init")(config.init)
app.command("serve")(serve.serve)
app.command("lookup")(lookup.lookup)
app.command("explain")(explain.explain)
adapter.app.command("new")(adapter_new.new)
adapter.app.command("check")(adapter_check.check)
adapter.app.command("dev")(adapter_dev.dev)
adapter.app.command("shadow")(adapter_shadow.shadow)
adapter.app.command("list")(adapter_list.list_adapters)
app.add_typer(adapter.app, name="adapter")
agency.app.add_typer(agency_x509.app, name="x509")
app.add_typer(agency.app, name="agency")
app.add_typer(auditor.app, name="auditor")
app.add_typer(department.app, name="department")
app.add_typer(cache.app, name="cache")
app.add_typer(case.app, name="case")
app.add_typer(deferral.app, name="deferral")
app.add_typer(event.app, name="event")
app.add_typer(attribution.app, name="attribution")
app.add_typer(kpi.app, name="kpi")
app.add_typer(incident.app, name="incident")
app.add_typer(alarm.app, name="alarm")
app.add_typer(corrective.app, name="corrective")
app.add_typer(correction.app, name="correction")
app.add_typer(complaint.app, name="complaint")
app.add_typer(commitment.app, name="commitment")
app.add_typer(monitor.app, name="monitor")
evaluation.app.add_typer(evaluation.ticket_app, name="ticket")
app.add_typer(evaluation.app, name="evaluation")
for review in (
    grant_review.supplement,
    grant_review.approve,
    grant_review.provide,
    grant_review.refuse,
    grant_review.extend,
    grant_review.overdue,
    grant_review.revoke,
):
    grant.app.command(review.__name__)(review)
grant.app.command("explain")(grant_explain.explain)
app.add_typer(grant.app, name="grant")
app.add_typer(grant_explain.policy_app, name="policy")
keys.app.command("register")(agency_keys.register)
keys.app.command("rotate")(agency_keys.rotate)
keys.app.command("revoke")(agency_keys.revoke)
keys.app.command("list")(agency_keys.list_keys)
keys.app.command("rotate-kek")(site_keys.rotate_kek)
keys.app.command("rotate-seal")(site_keys.rotate_seal)
app.add_typer(keys.app, name="keys")
item.app.command("list")(item_read.list_items)
item.app.command("show")(item_read.show)
item.app.command("diff")(item_read.diff)
item.app.command("log")(item_read.log)
item.app.command("coverage")(item_read.coverage)
app.add_typer(item.app, name="item")
app.add_typer(lists.app, name="list")
app.add_typer(calendar.app, name="calendar")
app.add_typer(config.app, name="config")
audit.app.command("verify")(audit_verify.verify)
audit.app.command("evidence")(audit_evidence.evidence)
audit.app.command("anomalies")(audit_anomalies.anomalies)
audit.app.command("export-log")(audit_export_log.export_log)
audit.app.command("report")(audit_report.report)
audit.app.command("epochs")(audit_keep.list_epochs)
audit.app.command("erase")(audit_keep.erase)
audit.app.add_typer(audit_keep.hold_app, name="hold")
audit.app.add_typer(audit_unmask.app, name="unmask")
audit.app.command("search")(audit_search.search)
audit.app.command("view")(audit_search.view)
audit.app.add_typer(audit_search.index_app, name="index")
app.add_typer(audit.app, name="audit")
app.add_typer(witness.app, name="witness")
app.command("docs", hidden=True)(reference.docs)


@app.command()
def version() -> None:
    """Print the version.

    Example: `yizheng version`
    """
    sys.stdout.write(f"{__version__}\n")


def main() -> int:
    """Run the command line; returns the exit code."""
    try:
        result = app(standalone_mode=False)
    except GatewayError as error:
        print_error(error, as_json="--json" in sys.argv)
        return exit_code(error)
    except typer.Abort:
        return 1
    except typer.Exit as leave:
        return leave.exit_code
    except Exception as error:
        # click's own usage errors know how to show themselves; anything else is a fault of ours.
        show = getattr(error, "show", None)
        if show is None:
            raise
        show()
        return int(getattr(error, "exit_code", 2))
    return result if isinstance(result, int) else 0
