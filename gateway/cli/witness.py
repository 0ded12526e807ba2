# SPDX-License-Identifier: Apache-2.0
"""`yizheng witness`: vouch for the logs of others."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from gateway.cli.output import JsonOption, print_json, print_table

if TYPE_CHECKING:
    import socket

    from gateway.witness.state import State

app: Final = typer.Typer(help="Run a witness: vouch for the logs of others.", no_args_is_help=True)
FolderArgument = Annotated[Path, typer.Argument(help="The witness's folder.")]


@app.command("init")
def init(
    folder: FolderArgument,
    name: Annotated[str, typer.Option(help="A schema-less URL that names the witness.")],
    as_json: JsonOption = False,
) -> None:
    """Make a witness's key and its empty state in a new folder.

    Example: `yizheng witness init w1 --name witness.example/w1`
    """
    from gateway.witness.folder import make_witness

    vkey = make_witness(folder, name)
    if as_json:
        print_json({"witness": name, "vkey": vkey})
    else:
        print_table(
            "Witness made 见证方已创建", ["what", "value"], [("name", name), ("vkey", vkey)]
        )


@app.command("add-log")
def add_log(
    folder: FolderArgument,
    vkey: Annotated[str, typer.Argument(help="The log's verifier key: its keys/log.vkey.")],
    as_json: JsonOption = False,
) -> None:
    """Watch a log from now on; a running witness knows it at once.

    Example: `yizheng witness add-log w1 "$(cat log.vkey)"`
    """
    from gateway.errors import SetupError, TrustError
    from gateway.tlog.note import parse_vkey

    try:
        key = parse_vkey(vkey.strip())
    except TrustError as error:
        raise SetupError(
            error.detail, where="VKEY", remedy="give the line of the log's keys/log.vkey."
        ) from None
    _state(folder).add_log(key)
    if as_json:
        print_json({"origin": key.name})
    else:
        print_table("Log watched 已见证日志", ["origin"], [[key.name]])


@app.command("list")
def list_logs(folder: FolderArgument, as_json: JsonOption = False) -> None:
    """Show the logs that are watched, how far, and which contradicted themselves.

    Example: `yizheng witness list w1 --json`
    """
    import msgspec

    watched = _state(folder).watched()
    if as_json:
        print_json([msgspec.to_builtins(log) for log in watched])
    else:
        print_table(
            "Logs watched 已见证日志",
            ["origin", "size", "contradictions"],
            [(log.origin, log.size, log.evidence_count) for log in watched],
        )


@app.command("serve")
def serve(
    folder: FolderArgument,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="TCP port; 0 takes a free one.")] = 0,
    as_json: JsonOption = False,
) -> None:
    """Answer logs that ask for cosignatures, until SIGTERM or Ctrl-C.

    Example: `yizheng witness serve w1 --port 8090`
    """
    import uvloop

    from gateway.log import configure_logs

    configure_logs("witness")
    uvloop.run(_serve(folder, host, port, as_json=as_json))


async def _serve(folder: Path, host: str, port: int, *, as_json: bool) -> None:
    import asyncio
    import signal
    import time

    from gateway.log import watch_loop
    from gateway.witness.folder import load_signer
    from gateway.witness.server import serve_witness
    from gateway.witness.witness import Witness

    signer, state = load_signer(folder), _state(folder)
    state.watched()  # a state that cannot be read is found now
    sock = _listen(host, port)
    url = f"http://{f'[{host}]' if ':' in host else host}:{sock.getsockname()[1]}"
    quit_event = asyncio.Event()
    loop = asyncio.get_running_loop()
    watch_loop(loop)
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, quit_event.set)

    def on_ready() -> None:
        if as_json:
            print_json({"ready": True, "url": url, "vkey": signer.public.vkey})
        else:
            typer.echo(f"{signer.public.name}: ready at {url}")

    await serve_witness(
        Witness(signer, state, time.time), sock, quit_event=quit_event, on_ready=on_ready
    )


def _state(folder: Path) -> "State":
    from gateway.errors import SetupError
    from gateway.witness.state import DATABASE, State

    if not (folder / DATABASE).exists():
        raise SetupError(
            f"there is no {DATABASE}",
            where=str(folder),
            remedy="name a folder that `yizheng witness init` made.",
        )
    return State(folder)


def _listen(host: str, port: int) -> "socket.socket":
    import socket

    from gateway.errors import SetupError

    try:
        return socket.create_server(
            (host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET
        )
    except OSError as error:
        raise SetupError(
            f"cannot listen: {error.strerror}",
            where=f"{host}:{port}",
            remedy="choose another address or port, or stop what uses it.",
        ) from None
