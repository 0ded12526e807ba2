# SPDX-License-Identifier: Apache-2.0
"""`yizheng grant`: applications for grants, as agencies bring them, and what stands granted."""

from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from gateway.cli.config import SiteOption
from gateway.cli.output import JsonOption, print_facts, print_json, print_table

if TYPE_CHECKING:  # not at run time, so that `--help` stays fast
    from gateway.config import Site
    from gateway.granting.applications import Applications
    from gateway.granting.procedure import Hand
    from gateway.granting.site_grants import Certificates
    from gateway.model.application import Application

app: Final = typer.Typer(
    help="Apply for grants, decide about applications, list, explain and revoke grants.",
    no_args_is_help=True,
)
ApplicationArgument = Annotated[str, typer.Argument(help="The application's id.")]
ByOption = Annotated[str, typer.Option(help="Who takes this step, in words; recorded with it.")]


@app.command("apply")
def apply(
    application: Annotated[
        str, typer.Argument(help="Its id: lower-case letters, digits, hyphens.")
    ],
    agency: Annotated[str, typer.Option(help="The agency that asks.")],
    certificate: Annotated[str, typer.Option(help="The certificate type.")],
    operation: Annotated[list[str], typer.Option(help="Mode: query or verify; repeatable.")],
    field: Annotated[list[str], typer.Option(help="A field of it; repeatable.")],
    item: Annotated[list[str], typer.Option(help="An item that needs it; repeatable.")],
    basis: Annotated[str, typer.Option(help="Legal basis of the agency's duty.")],
    scenario: Annotated[str, typer.Option(help="Where in handling an item it is used.")],
    valid_from: Annotated[str, typer.Option(help="First day of the term, as 2026-12-01.")],
    valid_until: Annotated[str, typer.Option(help="Last day of the term.")],
    by: ByOption,
    grant: Annotated[
        str | None, typer.Option(help="Id of the grant; without one, the application's.")
    ] = None,
    division: Annotated[list[str] | None, typer.Option(help="GB/T 2260; repeatable.")] = None,
    network: Annotated[list[str] | None, typer.Option(help="CIDR block; repeatable.")] = None,
    hours: Annotated[list[str] | None, typer.Option(help="As 08:00-18:00; repeatable.")] = None,
    daily_cap: Annotated[int | None, typer.Option(min=1, help="Requests a day at most.")] = None,
    assessment: Annotated[
        str | None, typer.Option(help="Reference of the impact assessment of sensitive fields.")
    ] = None,
    is_draft: Annotated[bool, typer.Option("--draft", help="Keep it as a draft.")] = False,
    site: SiteOption = Path(),
    as_json: JsonOption = False,
) -> None:
    """Apply for a grant: basis, scenario, scope, mode and term; the department's period begins.

    Example: `yizheng grant apply gjj-marriage --agency yq-gjj
    --certificate civil_affairs.marriage --operation verify --field op_type --item yq-gjj-001
    --basis 住房公积金管理条例 --scenario 提取审核 --valid-from 2026-12-01
    --valid-until 2027-11-30 --by 公积金中心测试甲`
    """
    asked = {
        "id": application,
        "grant": grant or application,
        "agency": agency,
        "certificate": certificate,
        "operations": operation,
        "fields": field,
        "items": item,
        "basis": basis,
        "scenario": scenario,
        "valid_from": valid_from,
        "valid_until": valid_until,
        "daily_cap": daily_cap,
        "divisions": division or (),
        "networks": network or (),
        "hours": hours or (),
        "impact_assessment": assessment,
    }
    folder = open_applications(site)
    begin = folder.draft if is_draft else folder.apply
    show(begin(_parse(asked), hand_of(folder.site, by)), as_json=as_json)


@app.command("submit")
def submit(
    application: ApplicationArgument,
    by: ByOption,
    site: SiteOption = Path(),
    as_json: JsonOption = False,
) -> None:
    """Send a draft, which may have been edited by hand, to the department.

    Example: `yizheng grant submit gjj-marriage --by 公积金中心测试甲`
    """
    folder = open_applications(site)
    show(folder.submit(application, hand_of(folder.site, by)), as_json=as_json)


@app.command("applications")
def list_applications(
    state: Annotated[str | None, typer.Option(help="Only those in this state.")] = None,
    site: SiteOption = Path(),
    as_json: JsonOption = False,
) -> None:
    """List applications with their state and deadlines; with --json, with their change log.

    Example: `yizheng grant applications --state submitted`
    """
    found = [each for each in open_applications(site).read_all() if state in {None, each.state}]
    if as_json:
        print_json(found)
        return
    columns = ["application", "agency", "certificate", "state", "due", "provide by", "grant"]
    print_table("Applications 共享申请", columns, map(_row, found))


@app.command("list")
def list_grants(
    agency: Annotated[str | None, typer.Option(help="Only those of this agency.")] = None,
    site: SiteOption = Path(),
    as_json: JsonOption = False,
) -> None:
    """List the newest version of each grant, and whether it permits anything today.

    Example: `yizheng grant list --agency yq-gjj --json`
    """
    from gateway.config import load_site
    from gateway.granting.site_grants import state_of
    from gateway.model.grant import newest_versions

    loaded = load_site(site)
    today = today_of(loaded)
    found = [
        (grant, state_of(grant, loaded, today))
        for grant in newest_versions(loaded.grants)
        if agency in {None, grant.agency}
    ]
    if as_json:
        print_json([{"state": state, "grant": grant} for grant, state in found])
        return
    columns = ["grant", "state", "agency", "certificate", "operations", "items", "until"]
    rows = (
        (
            grant.reference,
            state,
            grant.agency,
            grant.certificate,
            " ".join(grant.operations),
            " ".join(grant.items),
            grant.valid_until,
        )
        for grant, state in found
    )
    print_table("Grants 授权", columns, rows)


def open_applications(site: Path) -> "Applications":
    """The applications of a site, with the certificates of its adapters."""
    from gateway.granting.applications import Applications

    return Applications(site, certificates_of(site))


def certificates_of(site: Path) -> "Certificates":
    """The certificate types that adapters of a site answer; none of them is opened."""
    from gateway.config import load_site
    from gateway.registry.site import load_departments

    return load_departments(load_site(site)).certificates


def today_of(site: "Site") -> date:
    """The day that it is at a site."""
    from datetime import timedelta, timezone

    zone = timezone(timedelta(hours=site.config.site.utc_offset_h))
    return datetime.now(zone).date()


def hand_of(site: "Site", by: str) -> "Hand":
    """Who takes a step now."""
    from gateway.granting.procedure import Hand

    return Hand(by, datetime.now(UTC).replace(microsecond=0), today_of(site))


def show(application: "Application", *, as_json: bool, **more: object) -> None:
    """Print where an application stands after a step."""
    facts: dict[str, object] = {
        "application": application.id,
        "state": application.state,
        "share": application.share,
        "due_on": application.due_on,
        "provide_by": application.provide_by,
        "grant": _reference(application),
    }
    print_facts("Application 共享申请", facts | more, as_json=as_json)


def _row(application: "Application") -> tuple[object, ...]:
    return (
        application.id,
        application.agency,
        application.certificate,
        application.state,
        application.due_on,
        None if application.version else application.provide_by,
        _reference(application),
    )


def _reference(application: "Application") -> str | None:
    version = application.version
    return None if version is None else f"{application.grant}@{version}"


def _parse(asked: dict[str, Any]) -> "Application":
    """What was typed as an application.

    Raises:
        RequestError: APPLICATION_MALFORMED; names the member.
    """
    import msgspec

    from gateway.errors import RequestError
    from gateway.model.application import Application

    try:
        return msgspec.convert(asked, Application)
    except msgspec.ValidationError as error:
        raise RequestError("APPLICATION_MALFORMED", str(error)) from None
