# SPDX-License-Identifier: Apache-2.0
"""`yizheng grant …`: what departments do with applications, and with grants that stand."""

from datetime import date
from pathlib import Path
from typing import Annotated

import typer

from gateway.cli.config import SiteOption
from gateway.cli.grant import (
    ApplicationArgument,
    ByOption,
    certificates_of,
    hand_of,
    open_applications,
    show,
    today_of,
)
from gateway.cli.output import EXIT_REFUSED, JsonOption, print_facts, print_json, print_table


def supplement(
    application: ApplicationArgument,
    by: ByOption,
    missing: Annotated[
        str | None, typer.Option(help="Department: all that is missing; asked for once.")
    ] = None,
    given: Annotated[str | None, typer.Option(help="Agency: what is supplied.")] = None,
    assessment: Annotated[
        str | None, typer.Option(help="With --given: reference of the impact assessment.")
    ] = None,
    site: SiteOption = Path(),
    as_json: JsonOption = False,
) -> None:
    """Ask for what is missing, once and all together (--missing), or supply it (--given).

    Example: `yizheng grant supplement gjj-marriage --missing 影响评估编号 --by 民政局测试乙`
    """
    folder = open_applications(site)
    hand = hand_of(folder.site, by)
    if missing is not None and given is None:
        show(folder.ask_supplement(application, hand, missing=missing), as_json=as_json)
    elif given is not None and missing is None:
        changed = folder.supplement(application, hand, given=given, impact_assessment=assessment)
        show(changed, as_json=as_json)
    else:
        raise typer.BadParameter("give either --missing or --given")


def approve(
    application: ApplicationArgument,
    by: ByOption,
    note: Annotated[str, typer.Option(help="Conditions, in words.")] = "",
    site: SiteOption = Path(),
    as_json: JsonOption = False,
) -> None:
    """Consent: the grant's next version is written, and a running gateway is asked to take it.

    Where no adapter answers the certificate yet, only the consent is noted: `grant provide`
    follows.

    Example: `yizheng grant approve gjj-marriage --by 民政局测试乙`
    """
    from gateway.granting.reloading import ask_reload

    folder = open_applications(site)
    approved = folder.approve(application, hand_of(folder.site, by), note=note)
    if approved.version is None:
        show(approved, as_json=as_json)
    else:
        show(approved, as_json=as_json, reload=ask_reload(folder.site.state))


def provide(
    application: ApplicationArgument,
    by: ByOption,
    site: SiteOption = Path(),
    as_json: JsonOption = False,
) -> None:
    """Write the grant of an application that was approved before an adapter answered.

    Example: `yizheng grant provide gjj-marriage --by 民政局测试乙`
    """
    from gateway.granting.reloading import ask_reload

    folder = open_applications(site)
    provided = folder.provide(application, hand_of(folder.site, by))
    show(provided, as_json=as_json, reload=ask_reload(folder.site.state))


def refuse(
    application: ApplicationArgument,
    reasons: Annotated[str, typer.Option(help="Why; the agency is told.")],
    by: ByOption,
    incomplete: Annotated[
        bool, typer.Option("--incomplete", help="Papers are missing, though asked for.")
    ] = False,
    site: SiteOption = Path(),
    as_json: JsonOption = False,
) -> None:
    """Refuse an application, with reasons.

    Example: `yizheng grant refuse gjj-marriage --reasons 提取审核无须该字段 --by 民政局测试乙`
    """
    folder = open_applications(site)
    hand = hand_of(folder.site, by)
    refused = folder.refuse(application, hand, reasons=reasons, incomplete=incomplete)
    show(refused, as_json=as_json)


def extend(
    application: ApplicationArgument,
    days: Annotated[int, typer.Option(help="Working days; the site says how many at most.")],
    consent: Annotated[str, typer.Option(help="Who of the authority consented, and when.")],
    notice: Annotated[str, typer.Option(help="The reason, as the agency was told.")],
    by: ByOption,
    site: SiteOption = Path(),
    as_json: JsonOption = False,
) -> None:
    """Put the reply off, once and before it is due.

    Example: `yizheng grant extend gjj-marriage --days 5 --consent 市数据局11月25日 --notice 需会商
    --by 民政局测试乙`
    """
    folder = open_applications(site)
    hand = hand_of(folder.site, by)
    extended = folder.extend(application, hand, days=days, consent=consent, notice=notice)
    show(extended, as_json=as_json)


def overdue(
    on: Annotated[str | None, typer.Option(help="The day, as 2026-12-01; default today.")] = None,
    site: SiteOption = Path(),
    as_json: JsonOption = False,
) -> int:
    """List replies and data that departments owe past their day; exit code 1 if there are any.

    Example: `yizheng grant overdue --on 2026-12-31 --json`
    """
    from gateway.granting.procedure import list_overdue

    folder = open_applications(site)
    today = today_of(folder.site) if on is None else _parse_day(on)
    found = list(list_overdue(folder.read_all(), today, folder.periods))
    if as_json:
        print_json(found)
    else:
        columns = ["application", "agency", "certificate", "owed", "due", "working days late"]
        rows = (
            (
                each.application,
                each.agency,
                each.certificate,
                each.what,
                each.due_on,
                each.late_days,
            )
            for each in found
        )
        print_table("Overdue 逾期", columns, rows)
    return EXIT_REFUSED if found else 0


def revoke(
    grant: Annotated[str, typer.Argument(help="The grant's id, without a version.")],
    reason: Annotated[str, typer.Option(help="Why; stands in the grant's next version.")],
    by: ByOption,
    site: SiteOption = Path(),
    as_json: JsonOption = False,
) -> None:
    """Write a version that permits nothing, and ask a running gateway to take it.

    Example: `yizheng grant revoke gjj-marriage --reason 事项已取消 --by 民政局测试乙`
    """
    from gateway.config import load_site
    from gateway.granting.reloading import ask_reload
    from gateway.granting.site_grants import SiteGrants

    loaded = load_site(site)
    made = SiteGrants(site, certificates_of(site)).revoke(grant, hand_of(loaded, by), reason=reason)
    facts = {"grant": made.reference, "revoked": made.revoked, "reload": ask_reload(loaded.state)}
    print_facts("Grant revoked 授权已撤销", facts, as_json=as_json)


def _parse_day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter("a day is written 2026-12-01") from None
