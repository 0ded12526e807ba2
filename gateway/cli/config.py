# SPDX-License-Identifier: Apache-2.0
"""`yizheng init` and `yizheng config check`."""

from pathlib import Path
from typing import Annotated, Final

import typer

from gateway.cli.output import JsonOption, print_json, print_table
from gateway.errors import SetupError

app: Final = typer.Typer(help="Check a site's configuration.", no_args_is_help=True)
SiteOption = Annotated[
    Path, typer.Option("--site", envvar="YIZHENG_SITE", help="The site's folder.")
]

_GATEWAY_TOML: Final = """\
# A gateway's site. `yizheng config check` explains every mistake; docs/reference/config.md lists
# all keys.
[site]
name = "我的网关"
issuer = "https://gateway.example"       # `iss` of sealed certificates
origin = "gateway.example/log"           # name of the audit log; never change it

[http]
host = "127.0.0.1"                       # nothing listens beyond loopback unless you say so
port = 8080
workers = 1

[monitor]
every_minutes = 60                       # electronic monitoring of cases 电子监察; 0 turns it off
"""
_AGENCY_EXAMPLE: Final = """\
# Rename to <id>.toml. `yizheng keys new` makes the key pair; only the public half belongs here.
id = "example-agency"
name = "示例用证单位"

[[keys]]
id = "example-agency-1"
algorithm = "ecdsa-p256-sha256"
public = '''
-----BEGIN PUBLIC KEY-----
-----END PUBLIC KEY-----
'''

[[operators]]
id = "op-0001"
name = "示例经办"
"""
_ITEM_EXAMPLE: Final = """\
[[items]]
code = "example-001"
name = "示例事项"
certificate_name = "居民身份证"
item_type = "公共服务"
department = "示例部门（示例科）"
time_limit = "即办"

[[items.materials]]
name = "居民身份证复印件"
certificate = "public_security.identity"
fields = ["name", "valid_to"]
"""
_GRANT_EXAMPLE: Final = """\
[[grants]]
id = "example-grant"
version = 1
agency = "example-agency"
certificate = "public_security.identity"
operations = ["verify"]
fields = ["name"]
items = ["example-001"]
valid_from = 2026-01-01
valid_until = 2026-12-31
daily_cap = 1000
basis = "依据"
"""
_SHARE_EXAMPLE: Final = """\
# What a department says of its certificates, whoever asks. Without a word: conditional.
[[shares]]
certificate = "public_security.identity"
type = "none"                             # or "unconditional", "conditional"
reason = "依据"                            # the law that forbids it; has to be there for "none"
"""
_ADAPTER_EXAMPLE: Final = """\
# Rename to <adapter>.toml. The plugin's own README lists its settings.
plugin = "public_security"
timeout_s = 3.0

[settings]
"""
_FILES: Final = {
    "gateway.toml": _GATEWAY_TOML,
    "agencies/example-agency.toml.example": _AGENCY_EXAMPLE,
    "items/example.toml.example": _ITEM_EXAMPLE,
    "grants/example.toml.example": _GRANT_EXAMPLE,
    "shares/example.toml.example": _SHARE_EXAMPLE,
    "adapters/public_security.toml.example": _ADAPTER_EXAMPLE,
    ".gitignore": "keys/\nvar/\n",
}


def init(
    folder: Annotated[Path, typer.Argument(help="A new or empty folder.")],
    as_json: JsonOption = False,
) -> None:
    """Make a new site: a commented configuration, examples, and its own keys.

    Example: `yizheng init my-site && yizheng config check --site my-site`
    """
    from gateway.config import load_site
    from gateway.keyring import make_missing_keys

    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise SetupError(
            "is not empty", where=str(folder), remedy="name a folder that does not exist yet."
        )
    try:
        for name, text in _FILES.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise SetupError(
            f"cannot be written: {error.strerror}",
            where=str(error.filename),
            remedy="choose a folder that you may write to.",
        ) from None
    made = [*_FILES, *(f"keys/{p.name}" for p in make_missing_keys(load_site(folder)))]
    if as_json:
        print_json({"site": str(folder), "made": made})
    else:
        print_table(f"New site {folder}", ["made"], [[name] for name in made])


@app.command("check")
def check(site: SiteOption = Path(), as_json: JsonOption = False) -> None:
    """Read the whole site as `serve` would, and name the first mistake.

    Example: `yizheng config check --site my-site --json`
    """
    from gateway.app import check_site
    from gateway.config import load_site

    loaded = load_site(site)
    departments = check_site(loaded)
    counts = {
        "agencies": len(loaded.agencies),
        "items": len(loaded.items),
        "grants": len(loaded.grants),
        "adapters": len(loaded.adapters),
        "certificates": len(departments.certificates),
    }
    if as_json:
        print_json({"ok": True, **counts})
    else:
        print_table(f"{site}: no mistake found", ["what", "count"], counts.items())
