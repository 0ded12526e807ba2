# SPDX-License-Identifier: Apache-2.0
"""`yizheng grant explain` and `yizheng policy test`: what the policy says, without a request."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from gateway.cli.config import SiteOption
from gateway.cli.grant import certificates_of
from gateway.cli.output import (
    EXIT_REFUSED,
    JsonOption,
    print_facts,
    print_json,
    print_table,
    read_named,
)

if TYPE_CHECKING:  # not at run time, so that `--help` stays fast
    from gateway.granting.trial import Trial
    from gateway.model.grant import Decision

policy_app: Final = typer.Typer(help="Test the policy of a site.", no_args_is_help=True)


def explain(
    agency: Annotated[str, typer.Option(help="Who asks.")],
    certificate: Annotated[str, typer.Option(help="The certificate type.")],
    item: Annotated[str, typer.Option(help="Code of the item.")],
    field: Annotated[list[str], typer.Option(help="A field that is asked for; repeatable.")],
    operation: Annotated[str, typer.Option(help="query or verify.")] = "query",
    division: Annotated[str | None, typer.Option(help="Of the place that asks.")] = None,
    at: Annotated[
        str | None, typer.Option(help="Day and time, as 2026-11-22T10:00; default now.")
    ] = None,
    address: Annotated[str, typer.Option(help="The caller's IP address; none without it.")] = "",
    site: SiteOption = Path(),
    as_json: JsonOption = False,
) -> int:
    """Say which rule permits or refuses a request, and how to mend it; exit code 1 if refused.

    It is the gateway's own decision, by the site as it is on disk.

    Example: `yizheng grant explain --agency yq-gjj --certificate public_security.identity
    --item yq-gjj-001 --field name --division 140300`
    """
    import msgspec

    from gateway.granting.trial import Question
    from gateway.model.grant import Permit

    asked = {
        "agency": agency,
        "certificate": certificate,
        "item": item,
        "fields": field,
        "operation": operation,
        "division": division,
        "at": at,
        "address": address,
    }
    try:
        question = msgspec.convert(asked, Question)
    except msgspec.ValidationError as error:
        raise typer.BadParameter(str(error)) from None
    decision = _trial_of(site).decide(question)
    _print(decision, as_json=as_json)
    return 0 if isinstance(decision, Permit) else EXIT_REFUSED


def _print(decision: "Decision", *, as_json: bool) -> None:
    from gateway.model.grant import Permit

    if isinstance(decision, Permit):
        facts: dict[str, Any] = {
            "decision": "permit",
            "rule": decision.rule,
            "grant": decision.grant.reference,
            "basis": decision.grant.basis,
        }
        print_facts("Permitted 允许", facts, as_json=as_json)
        return
    hint = decision.refusal.hint
    facts = {
        "decision": "deny",
        "rule": decision.rule,
        "code": decision.refusal.code,
        "detail": decision.detail,
        "hint": {"en": hint.en, "zh": hint.zh} if as_json else f"{hint.en}\n{hint.zh}",
    }
    print_facts("Refused 拒绝", facts, as_json=as_json)


@policy_app.command("test")
def try_table(
    table: Annotated[Path, typer.Argument(help="Expected decisions: TOML or CSV.")],
    site: SiteOption = Path(),
    as_json: JsonOption = False,
) -> int:
    """Decide each row of a table, and print those that differ; exit code 1 if any does.

    Example: `yizheng policy test expected.csv --site my-site`
    """
    from gateway.granting.table import parse_table, try_all

    text = read_named(table, "expected decisions").decode(errors="replace")
    outcomes = list(try_all(parse_table(text, table.name), _trial_of(site)))
    differing = [each for each in outcomes if not each.agrees]
    if as_json:
        print_json({"rows": len(outcomes), "differing": differing})
    elif differing:
        rows = ((each.row, each.expect, each.got, each.detail) for each in differing)
        print_table("Differing 不符", ["row", "expected", "got", "detail"], rows)
    else:
        typer.echo(f"{len(outcomes)} rows, all as expected / 共 {len(outcomes)} 行，均与预期一致")
    return EXIT_REFUSED if differing else 0


def _trial_of(site: Path) -> "Trial":
    from gateway.config import load_site
    from gateway.granting.trial import Trial

    return Trial(load_site(site), certificates_of(site), now=datetime.now(UTC))
