# SPDX-License-Identifier: Apache-2.0
"""`yizheng keys`: the site's own keys, and key pairs for agencies."""

from pathlib import Path
from typing import Annotated, Final, Literal

import typer

from gateway.cli.config import SiteOption
from gateway.cli.output import JsonOption, print_json, print_table
from gateway.errors import SetupError

app: Final = typer.Typer(help="Make keys, and register those of agencies.", no_args_is_help=True)


@app.command("init")
def init(site: SiteOption = Path(), as_json: JsonOption = False) -> None:
    """Make every key that the site needs and does not have; existing ones stay.

    Example: `yizheng keys init --site my-site`
    """
    from gateway.config import load_site
    from gateway.keyring import make_missing_keys

    made = [str(path) for path in make_missing_keys(load_site(site))]
    if as_json:
        print_json({"made": made})
    else:
        print_table(
            "Keys made" if made else "No key was missing", ["private file"], [[m] for m in made]
        )


@app.command("new")
def new(
    private_file: Annotated[Path, typer.Argument(help="Where the private key goes; a new file.")],
    algorithm: Annotated[
        Literal["ecdsa-p256-sha256", "ed25519"], typer.Option(help="P-256 verifies fastest.")
    ] = "ecdsa-p256-sha256",
    as_json: JsonOption = False,
) -> None:
    """Make a key pair for an agency. The private half never leaves it; send the `.pub.pem`.

    Example: `yizheng keys new agency.pem`
    """
    from gateway.keyring import write_key_pair

    try:
        write_key_pair(private_file, algorithm)
    except OSError as error:
        raise SetupError(
            f"cannot be written: {error.strerror}",
            where=str(private_file),
            remedy="name a file that does not exist, in a folder that you may write to.",
        ) from None
    public_file = private_file.with_suffix(".pub.pem")
    if as_json:
        print_json({"private": str(private_file), "public": str(public_file)})
    else:
        print_table(
            "Key pair", ["half", "file"], [["private", private_file], ["public", public_file]]
        )
