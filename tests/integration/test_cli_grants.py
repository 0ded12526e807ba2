# SPDX-License-Identifier: Apache-2.0
"""`yizheng grant` and `yizheng policy`: by command, and what a running gateway makes of it."""

import io
from collections.abc import Callable
from contextlib import redirect_stdout
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from fixtures.world import World
from gateway.cli.main import app
from gateway.cli.output import exit_code
from gateway.client import Refused
from gateway.errors import GatewayError
from tests.integration.workers import all_say

WHO = ("--by", "公安局测试乙")
TODAY = datetime.now(UTC).date()
SCOPE = (
    *("--agency", "yq-gjj", "--certificate", "public_security.identity"),
    *("--operation", "query", "--field", "name", "--field", "valid_to"),
    *("--item", "yq-gjj-001", "--division", "140300"),
    *("--basis", "住房公积金管理条例（演示）", "--scenario", "提取审核"),
    *("--valid-from", str(TODAY - timedelta(1)), "--valid-until", str(TODAY + timedelta(300))),
)
ASKED = (
    *("--agency", "yq-gjj", "--certificate", "public_security.identity"),
    *("--item", "yq-gjj-001", "--field", "name"),
)


def run(*arguments: str | Path) -> tuple[int, Any]:
    """Run a command with --json here; returns its exit code and document, or its error's code."""
    with redirect_stdout(io.StringIO()) as said:
        try:
            code = app([*map(str, arguments), "--json"], standalone_mode=False)
        except GatewayError as error:
            return exit_code(error), error.code
    return code or 0, msgspec.json.decode(said.getvalue())


def with_calendar(site: Path) -> Path:
    """Whatever the day, its year has a table."""
    (site / "calendar").mkdir(exist_ok=True)
    for year in (TODAY.year, TODAY.year + 1):
        (site / f"calendar/{year}.toml").write_text(
            f'year = {year}\nsource = "synthetic"\n\n[[holidays]]\nname = "元旦"\n'
            f"first = {year}-01-01\nlast = {year}-01-01\n"
        )
    return site


@pytest.fixture
def site(make_site: Callable[[], Path]) -> Path:
    return with_calendar(make_site())


def test_an_application_goes_its_way_step_by_step(site: Path) -> None:
    at = ("--site", site)
    drafted = run("grant", "apply", "gjj-id", *SCOPE, *WHO, "--draft", *at)[1]
    assert (drafted["state"], drafted["due_on"]) == ("draft", None)
    assert run("grant", "apply", "gjj-id", *SCOPE, *WHO, *at) == (1, "APPLICATION_DUPLICATE")
    assert run("grant", "approve", "gjj-id", *WHO, *at) == (1, "APPLICATION_STATE")
    assert run("grant", "submit", "gjj-id", *WHO, *at)[1]["share"] == "conditional"
    asked = run("grant", "supplement", "gjj-id", "--missing", "情况说明", *WHO, *at)[1]
    assert (asked["state"], asked["due_on"]) == ("supplement", None)
    again = run("grant", "supplement", "gjj-id", "--given", "情况说明", *WHO, *at)[1]
    later = run(
        *("grant", "extend", "gjj-id", "--days", "5", "--consent", "市数据局同意"),
        *("--notice", "需会商", *WHO, *at),
    )[1]
    assert again["due_on"] < later["due_on"]
    approved = run("grant", "approve", "gjj-id", *WHO, *at)[1]
    assert (approved["grant"], approved["reload"]) == ("gjj-id@1", "not_running")
    (listed,) = run("grant", "applications", "--state", "approved", *at)[1]
    steps = [change["step"] for change in listed["changes"]]
    assert steps == [
        *("drafted", "submitted", "supplement_asked", "supplemented", "extended"),
        *("approved", "provided"),
    ]
    states = {row["grant"]["id"]: row["state"] for row in run("grant", "list", *at)[1]}
    assert states["gjj-id"] == "in_force"
    assert run("config", "check", *at)[0] == 0


def test_a_refusal_and_what_is_overdue_have_exit_codes(site: Path) -> None:
    at = ("--site", site)
    run("grant", "apply", "gjj-id", *SCOPE, *WHO, *at)
    assert run("grant", "overdue", *at) == (0, [])
    code, (late,) = run("grant", "overdue", "--on", str(TODAY + timedelta(40)), *at)
    assert (code, late["application"], late["what"]) == (1, "gjj-id", "reply")
    refused = run("grant", "refuse", "gjj-id", "--reasons", "无须该字段", *WHO, *at)[1]
    assert (refused["state"], refused["due_on"]) == ("refused", None)
    assert run("grant", "overdue", "--on", str(TODAY + timedelta(40)), *at) == (0, [])
    assert run("grant", "provide", "gjj-id", *WHO, *at) == (1, "APPLICATION_STATE")


def test_what_is_wrong_is_told_before_anything_is_written(site: Path) -> None:
    at = ("--site", site)
    for wrong in (("--hours", "8-12"), ("--division", "14"), ("--field", "salary")):
        assert run("grant", "apply", "gjj-id", *SCOPE, *WHO, *wrong, *at) == (
            1,
            "APPLICATION_MALFORMED",
        )
    assert run("grant", "revoke", "yq-none", "--reason", "事项已取消", *WHO, *at) == (
        1,
        "GRANT_UNKNOWN",
    )
    assert not list((site / "applications").glob("*"))
    (site / "shares").mkdir()
    (site / "shares/ps.toml").write_text(
        '[[shares]]\ncertificate = "public_security.identity"\ntype = "none"\nreason = "某法"\n'
    )
    assert run("grant", "apply", "gjj-id", *SCOPE, *WHO, *at) == (1, "NOT_SHARED")


def test_explain_says_which_rule_it_is_and_how_to_mend_it(site: Path) -> None:
    at = ("--site", site)
    permitted = run("grant", "explain", *ASKED, *at)
    assert (permitted[0], permitted[1]["grant"]) == (0, "yq-gjj@3")
    for more, rule, hint in (
        (("--field", "id_number"), "grant.fields", "Ask only for fields of the grant."),
        (("--at", "2025-12-31"), "grant.validity", "Renew the grant"),
    ):
        code, said = run("grant", "explain", *ASKED, *more, *at)
        assert (code, said["rule"]) == (1, rule)
        assert said["hint"]["en"].startswith(hint)
        assert said["detail"].startswith("grant yq-gjj@3 ")


def test_a_table_of_expected_decisions_tells_what_differs(site: Path, tmp_path: Path) -> None:
    at, table = ("--site", site), tmp_path / "expected.csv"
    head = "agency,certificate,item,fields,at,expect\n"
    good = "yq-gjj,public_security.identity,yq-gjj-001,name,,yq-gjj\n"
    table.write_text(head + good + good.replace(",,yq-gjj", ",2025-12-31,grant.validity"))
    assert run("policy", "test", table, *at) == (0, {"rows": 2, "differing": []})
    table.write_text(head + good + good.replace("name", "id_number"))
    code, said = run("policy", "test", table, *at)
    assert (code, said["rows"]) == (1, 2)
    assert [(row["row"], row["expect"], row["got"]) for row in said["differing"]] == [
        (2, "yq-gjj", "grant.fields")
    ]
    table.write_text("[")
    assert run("policy", "test", table, *at) == (78, "SETUP_INVALID")


async def test_a_running_gateway_takes_what_is_revoked_and_what_is_granted(
    fragile: World,
) -> None:
    at = ("--site", with_calendar(fragile.site))
    number = fragile.citizen_with_account().id_number

    async def ask(**changes: Any) -> str:
        async with fragile.client() as client:
            try:
                return (await client.lookup(fragile.request(number, **changes))).answer.grant
            except Refused as refused:
                return refused.problem.code

    assert await ask() == "yq-gjj@3"
    said = run("grant", "revoke", "yq-gjj", "--reason", "事项调整", *WHO, *at)[1]
    assert (said["grant"], said["reload"]) == ("yq-gjj@4", "asked")
    await all_say("GRANT_REVOKED", ask)
    run("grant", "apply", "gjj-id", "--grant", "yq-gjj", *SCOPE, *WHO, *at)
    assert run("grant", "approve", "gjj-id", *WHO, *at)[1]["reload"] == "asked"
    await all_say("yq-gjj@5", ask)
    for place in (None, "140100"):
        assert await ask(attribution__division=place) == "DIVISION_NOT_GRANTED"
    assert await ask(attribution__division="140302001002") == "yq-gjj@5"
